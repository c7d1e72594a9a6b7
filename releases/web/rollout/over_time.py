"""The numbers of drawings over time as a table, for those who do not see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from registry.charts.curves import Span
from registry.charts.lines import Mark

Column = tuple[str, Mapping[datetime, str]]
"""Its head, and what it says at which moments."""


@dataclass(frozen=True, slots=True)
class Line:
    """One moment: what the drawings show there, and what happened since the one before."""

    time: str
    cells: Sequence[str]
    happened: str


@dataclass(frozen=True, slots=True)
class Table:
    key: str
    label: str
    heads: Sequence[str]
    lines: Sequence[Line]


def table(key: str, label: str, columns: Sequence[Column], span: Span, marks: Iterable[Mark]) -> Table:
    """The newest first."""
    moments = sorted({at for _, told in columns for at in told})
    found, left = list[Line](), sorted(marks, key=lambda mark: mark.at)
    for at in moments:
        happened = [mark.words for mark in left if mark.at <= at]
        left = left[len(happened) :]
        cells = [told.get(at, "") for _, told in columns]
        found.append(Line(span.moment(at), cells, "; ".join(happened)))
    after = [Line(span.moment(mark.at), [""] * len(columns), mark.words) for mark in left]
    return Table(key, label, [head for head, _ in columns], [*reversed(after), *reversed(found)])
