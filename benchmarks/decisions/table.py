"""The rows as a table: for the terminal and for docs/decisions.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BEGIN = "<!-- decisions: `python -m benchmarks.decisions --write` writes them; a test compares them -->"
END = "<!-- /decisions -->"
_HEAD = ("#", "measure", "goal", "ours", "limit", "usual rule", "")


def markdown(document: Mapping[str, Any]) -> str:
    """All that stands between the markers."""
    rows = document["rows"]
    lines = [_line(_HEAD), _line(["---"] * len(_HEAD)), *(_line(_cells(row)) for row in rows)]
    quick = [str(row["number"]) for row in rows if row["quick"]]
    full = [str(row["number"]) for row in rows if not row["quick"]]
    forms = [
        f"{words}: {', '.join(numbers)}."
        for words, numbers in (("Run in full", full), ("In the quick form so far", quick))
        if numbers
    ]
    return "\n".join(lines) + "\n\n" + " ".join(forms)


def plain(row: Mapping[str, Any]) -> str:
    """One row for the terminal."""
    number, measure, goal, ours, limit, usual, verdict = _cells(row)
    return (
        f"{number}. {measure}\n   goal   {goal}\n   ours   {ours}   [{verdict}]\n"
        f"   limit  {limit}\n   usual  {usual}\n"
    )


def between_markers(page: str, text: str) -> str:
    """The page with `text` as its table. Raises ValueError when a marker is missing."""
    before, after = page.index(BEGIN) + len(BEGIN), page.index(END)
    return f"{page[:before]}\n\n{text}\n\n{page[after:]}"


def _cells(row: Mapping[str, Any]) -> list[str]:
    verdict = "reached" if row["reached"] else "**missed**"
    return [
        str(row["number"]),
        *(row[name] for name in ("measure", "goal", "ours", "limit", "usual")),
        verdict,
    ]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
