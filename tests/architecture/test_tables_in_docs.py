"""The tables in docs/ say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from registry.events import Kind as RegistryKind
from releases.events import Kind as ReleaseKind
from releases.lifecycle import STEPS

DOCS = Path(__file__).parents[2] / "docs"


def rows(page: str, columns: int) -> list[list[str]]:
    lines = (DOCS / page).read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in cells if len(row) == columns and not re.match(r"-+$", row[0])]


def test_the_lifecycle_page_has_exactly_the_steps_of_the_law():
    told = {(source, action, target) for source, action, target in rows("lifecycle.md", 3)[1:]}
    law = {(str(source), str(action), str(target)) for (source, action), target in STEPS.items()}
    assert {row for row in told if row[0] != "phase"} >= law
    assert {row for row in told if row[1] in {action for _, action, _ in law}} == law


def test_the_events_page_has_exactly_the_kinds_of_the_code():
    told = [row[0] for row in rows("events.md", 3)[1:]]
    assert sorted(told) == sorted([*RegistryKind, *ReleaseKind])
