"""The rooms of scoring: a request's way stands in the docs, and its types are names."""

from __future__ import annotations

import ast
import re

from tests.architecture.source import ROOT, modules

# What reads a plan's or a node's words, not a request.
BESIDE_THE_WAY = {
    f"{name}.py" for name in ["__init__", "__main__", "access", "asking", "media", "process", "switch"]
}


def way() -> list[str]:
    """The files of the table, in its order."""
    page = (ROOT / "docs/scoring.md").read_text()
    section = page.partition("## The way of a request")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(scoring/.+?\.py)`", section, re.MULTILINE)


def test_the_way_of_a_request_names_every_file_of_a_worker_that_is_on_it():
    worker = {path for path in modules() if path.startswith("scoring/worker/")}
    expected = {path for path in worker if path.rpartition("/")[2] not in BESIDE_THE_WAY}
    assert {path for path in way() if path.startswith("scoring/worker/")} == expected
    assert set(way()) <= set(modules())


def test_nothing_on_the_way_of_a_request_is_of_any_type():
    ground = [f"scoring/{name}.py" for name in ("blackbox", "tensors", "runtime/runs", "runtime/version")]
    loose = [
        path
        for path in (*way(), *ground)
        for node in ast.walk(modules()[path])
        if isinstance(node, ast.Name) and node.id == "Any"
    ]
    assert loose == []


def test_scoring_has_no_circle_that_only_types_run_in():
    """A name that is imported for the type checker alone is an arrow that no layer sees."""
    hidden = [
        path
        for path, tree in modules().items()
        if path.startswith("scoring/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == "TYPE_CHECKING"
    ]
    assert hidden == []
