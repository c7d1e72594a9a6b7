"""Several values over time, known at some moments of it: each stands until the next one is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from registry.charts import paths, times
from registry.charts.lines import Hit, Mark, Placed, marked
from registry.charts.scales import Axis, Tick

HITS = 40
"""Parts of a drawing that tell their values: more are too narrow to be met."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, whatever happened between."""

    start: datetime
    end: datetime

    @property
    def width(self) -> timedelta:
        return max(self.end - self.start, timedelta(seconds=1))

    def place(self, at: datetime) -> float:
        """Where a moment lies, in percent, kept inside."""
        return round(min(max((at - self.start) / self.width, 0.0), 1.0) * 100, 3)

    def moment(self, at: datetime) -> str:
        return f"{at:%H:%M:%S}" if self.width <= timedelta(minutes=10) else times.moment(at, self.width)


@dataclass(frozen=True, slots=True)
class Known:
    """A value, and between which others it lies where that is told."""

    at: datetime
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """What one line shows. `series` is its colour, `limit` what it may reach, drawn in the same."""

    label: str
    series: int
    known: Sequence[Known]
    limit: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A curve as the template draws it."""

    label: str
    series: int
    line: str
    band: str
    limit: float | None
    note: str


@dataclass(frozen=True, slots=True)
class CurveChart:
    """All that the template draws."""

    label: str
    axis: Axis
    times: Sequence[Tick]
    curves: Sequence[Drawn]
    marks: Sequence[Placed]
    hits: Sequence[Hit]
    told: str
    zero: float | None = None

    @property
    def summary(self) -> str:
        """What the drawing shows, in words."""
        said = [f"{self.label}: {self.told}", *(f"{each.label}: {each.note}" for each in self.curves)]
        return ". ".join((*said, *(mark.words for mark in self.marks)))


def curve_chart(
    label: str,
    curves: Sequence[Curve],
    axis: Axis,
    over: Span,
    *,
    words: Callable[[Known], str],
    told: str,
    marks: Sequence[Mark] = (),
    zero: float | None = None,
) -> CurveChart:
    """`words` tell one value, `zero` is where a line says that there is no difference."""
    return CurveChart(
        label=label,
        axis=axis,
        times=times.ticks(over.start, over.start + over.width),
        curves=[_drawn(each, axis, over) for each in curves if each.known],
        marks=marked(marks, over),
        hits=_hits(curves, over, words),
        told=told,
        zero=None if zero is None else axis.y(zero),
    )


def _drawn(curve: Curve, axis: Axis, over: Span) -> Drawn:
    line = _steps([(over.place(each.at), axis.y(each.value)) for each in curve.known])
    limit = None if curve.limit is None else axis.y(curve.limit)
    return Drawn(curve.label, curve.series, paths.line(line), _band(curve, axis, over), limit, curve.note)


def _band(curve: Curve, axis: Axis, over: Span) -> str:
    """Between the lower ends and the upper ones; nothing where none are known."""
    bounds = [
        (over.place(each.at), each.low, each.high)
        for each in curve.known
        if each.low is not None and each.high is not None
    ]
    if not bounds:
        return ""
    low = _steps([(x, axis.y(least)) for x, least, _ in bounds])
    high = _steps([(x, axis.y(most)) for x, _, most in bounds])
    return paths.line([*low, *reversed(high)])


def _steps(points: Sequence[paths.Point]) -> list[paths.Point]:
    """What was known stands until the next moment, and to the end of the drawing."""
    found = list(points[:1])
    for x, y in points[1:]:
        found += [(x, found[-1][1]), (x, y)]
    return [*found, (100.0, found[-1][1])] if found else []


def _hits(curves: Sequence[Curve], over: Span, words: Callable[[Known], str]) -> list[Hit]:
    moments = sorted({each.at for curve in curves for each in curve.known})
    every = max(-(-len(moments) // HITS), 1)
    told = moments[(len(moments) - 1) % every :: every] if moments else []
    places = [over.place(at) for at in told]
    ends = [0.0, *((a + b) / 2 for a, b in pairwise(places)), 100.0]
    return [
        Hit(
            round(ends[place], 3),
            round(ends[place + 1] - ends[place], 3),
            places[place],
            None,
            f"{over.moment(at)}: {_said(curves, at, words)}",
        )
        for place, at in enumerate(told)
    ]


def _said(curves: Sequence[Curve], at: datetime, words: Callable[[Known], str]) -> str:
    newest = [(curve, [each for each in curve.known if each.at <= at][-1:]) for curve in curves]
    return ", ".join(f"{curve.label} {words(known[0])}" for curve, known in newest if known)
