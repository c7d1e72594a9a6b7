"""The tables in docs/ say what the code does."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from registry.events import Kind as RegistryKind
from registry.manifest import METRICS, Kind, Metric
from releases.events import Kind as ReleaseKind
from releases.lifecycle import STEPS
from scoring.limits import Limits
from scoring.statuses import STATUS
from tests.architecture.source import PACKAGES, ROOT

DOCS = Path(__file__).parents[2] / "docs"


def rows(page: str, columns: int) -> list[list[str]]:
    lines = (DOCS / page).read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in cells if len(row) == columns and not re.match(r"-+$", row[0])]


def test_the_map_has_exactly_the_folders_that_there_are():
    named = {name for row in rows("architecture.md", 2)[1:] for name in re.findall(r"`(.+?)/`", row[0])}
    code = {
        path.parent.relative_to(ROOT).as_posix() for name in PACKAGES for path in (ROOT / name).rglob("*.py")
    }
    code = {name for name in code if not name.endswith(("/migrations", "/management"))}
    assert {name for name in named if name.partition("/")[0] in PACKAGES} == code
    assert all((ROOT / name).is_dir() for name in named)


def test_the_lifecycle_page_has_exactly_the_steps_of_the_law():
    told = {(source, action, target) for source, action, target in rows("lifecycle.md", 3)[1:]}
    law = {(str(source), str(action), str(target)) for (source, action), target in STEPS.items()}
    assert {row for row in told if row[0] != "phase"} >= law
    assert {row for row in told if row[1] in {action for _, action, _ in law}} == law


def test_the_events_page_has_exactly_the_kinds_of_the_code():
    told = [row[0] for row in rows("events.md", 3)[1:]]
    assert sorted(told) == sorted([*RegistryKind, *ReleaseKind])


def test_the_scoring_page_has_exactly_the_errors_that_a_client_can_meet():
    told = {
        (row[0].strip("`"), int(row[1])) for row in rows("scoring.md", 3) if re.fullmatch("[45]..", row[1])
    }
    assert told == {(error.code, status) for error, status in STATUS.items()}


def test_the_scoring_page_has_exactly_the_limits_of_the_code():
    said = {row[0].strip("`"): row[1] for row in rows("scoring.md", 3)}
    for limit in fields(Limits):
        assert _value(said.pop(limit.name)) == limit.default, limit.name
    assert not [name for name in said if name.endswith(("_bytes", "_seconds"))]


def test_the_metrics_page_has_exactly_the_metrics_of_the_code():
    takes = {Kind.LABEL: "labels", Kind.PROBABILITY: "scores", Kind.REGRESSION: "numbers"}
    takes |= {Kind.DETECTION: "boxes", Kind.OWN: "by a graph of the version's own"}
    told = {
        name.strip("`"): (_names(aliases), kind, better, sorted(_names(parameters)))
        for name, aliases, kind, better, parameters in rows("metrics.md", 5)[1:]
    }
    assert told == {
        metric.name: (
            list(metric.aliases),
            takes[metric.kind],
            _better(metric),
            sorted(metric.parameters),
        )
        for metric in METRICS.values()
    }


def _better(metric: Metric) -> str:
    if metric.kind is Kind.OWN:
        return "as `higher_is_better` says"
    return "higher" if metric.higher_is_better else "lower"


def _names(cell: str) -> list[str]:
    return [word.strip(" `") for word in cell.split(",") if word.strip()]


def _value(text: str) -> float | str:
    if text == "none":
        return ""
    number, _, unit = text.partition(" ")
    units = {"": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "s": 1, "ms": 1e-3, "days": 86400}
    return float(number) * units[unit]
