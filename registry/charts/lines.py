"""A line over time: what was measured in consecutive parts of it, up to now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from registry.charts import paths, times
from registry.charts.numbers import figure, rough
from registry.charts.scales import Axis, Tick, anchor, axis

FAR = 4.0
"""A limit so many times the highest value would press the line to the ground: it is told, not drawn."""
LABELS_APART = 14.0
"""In the chart's own units: one line of a label is so high."""
DOTS = 24
"""Up to so many points each is a dot of its own, too."""


@dataclass(frozen=True, slots=True)
class Times:
    """Parts of time: `starts` are `step` apart, the last one reaches beyond now."""

    starts: Sequence[datetime]
    step: timedelta

    @property
    def width(self) -> timedelta:
        return self.step * len(self.starts)

    @property
    def end(self) -> datetime:
        return self.starts[0] + self.width

    def place(self, at: datetime) -> float:
        """Where a moment lies, in percent."""
        return round((at - self.starts[0]) / self.width * 100, 3)

    def part(self, at: datetime) -> int:
        return int((at - self.starts[0]) / self.step)

    def told(self, place: int) -> str:
        return self.moment(self.starts[place])

    def moment(self, at: datetime) -> str:
        return times.day(at) if self.step >= timedelta(days=1) else times.moment(at, self.width)

    def between(self, run: paths.Run, last: datetime | None = None) -> str:
        """From when to when some parts are: their end is the beginning of the next, but for whole days."""
        first, end = run
        if self.step >= timedelta(days=1):
            return (
                f"on {self.told(first)}" if first == end else f"from {self.told(first)} to {self.told(end)}"
            )
        until = self.starts[end] + self.step
        return f"from {self.told(first)} to {self.moment(min(until, last) if last else until)}"


class Reach(Protocol):
    """From when to when a drawing reaches."""

    def place(self, at: datetime) -> float: ...

    def moment(self, at: datetime) -> str: ...


@dataclass(frozen=True, slots=True)
class Limit:
    """A value that should not be exceeded, and whose it is."""

    value: float
    words: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened; `bad` where it was undone."""

    at: datetime
    label: str
    words: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """The part of the drawing that tells a value: where, and in which words. `y` is None in a gap."""

    x: float
    width: float
    middle: float
    y: float | None
    words: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A part of the drawing with its words: a gap by its width, a limit by `at` alone."""

    at: float
    words: str
    width: float = 0.0
    label: str = ""
    anchor: str = "middle"
    bad: bool = False


@dataclass(frozen=True, slots=True)
class LineChart:
    """All that the template draws."""

    label: str
    unit: str
    series: int
    axis: Axis
    times: Sequence[Tick]
    lines: Sequence[str]
    areas: Sequence[str]
    dots: Sequence[tuple[float, float]]
    gaps: Sequence[Placed]
    limits: Sequence[Placed]
    far_limits: Sequence[str]
    marks: Sequence[Placed]
    hits: Sequence[Hit]
    told: str

    @property
    def summary(self) -> str:
        """What the drawing shows, in words."""
        said = [f"{self.label}, {self.unit}: {self.told}"]
        said += [each.words for each in (*self.limits, *self.gaps, *self.marks)]
        return ". ".join(said)


def line_chart(
    label: str,
    unit: str,
    values: Sequence[float | None],
    over: Times,
    *,
    limits: Sequence[Limit] = (),
    marks: Sequence[Mark] = (),
    series: int = 1,
    nothing: str = "nothing measured",
) -> LineChart:
    """Values from zero up, of the first parts of a time. What is None is a gap: `nothing` says why."""
    known = [value for value in values if value is not None]
    top = max(known, default=0.0)
    near = [limit for limit in limits if not top or limit.value <= FAR * top]
    upwards = axis([*known, *(limit.value for limit in near)], zero=True)
    points = [_point(place, value, upwards, len(over.starts)) for place, value in enumerate(values)]
    runs = [[p for p in points[a : b + 1] if p] for a, b in paths.runs(values)]
    lone = [run[0] for run in runs if len(run) == 1]
    each = [point for run in runs for point in run] if len(known) <= DOTS else lone
    drawn = marked(marks, over)
    return LineChart(
        label=label,
        unit=unit,
        series=series,
        axis=upwards,
        times=times.ticks(over.starts[0], over.end),
        lines=[paths.line(run) for run in runs if len(run) > 1],
        areas=[paths.area(run) for run in runs if len(run) > 1],
        dots=each,
        gaps=[_gap(run, over, nothing) for run in paths.gaps(values)],
        limits=[Placed(upwards.y(each.value), each.words, label=figure(each.value)) for each in near],
        far_limits=[each.words for each in limits if each not in near],
        marks=drawn,
        hits=_hits(values, points, unit, over, marks, nothing),
        told=_told(values, over, unit, nothing),
    )


def _point(place: int, value: float | None, upwards: Axis, many: int) -> paths.Point | None:
    return None if value is None else (paths.middle(place, many), upwards.y(value))


def _gap(run: paths.Run, over: Times, nothing: str) -> Placed:
    first, last = run
    many = len(over.starts)
    words = f"{nothing} {over.between(run)}"
    return Placed(round(first / many * 100, 3), words, round((last - first + 1) / many * 100, 3))


def marked(marks: Sequence[Mark], over: Reach) -> list[Placed]:
    """Lines with their labels, but for labels that would stand in each other's way."""
    found: list[Placed] = []
    free = -LABELS_APART
    for mark in sorted(marks, key=lambda mark: mark.at):
        at = over.place(mark.at)
        label = mark.label if at - free >= LABELS_APART else ""
        free = at if label else free
        found.append(Placed(at, f"{over.moment(mark.at)} {mark.words}", 0.0, label, anchor(at), mark.bad))
    return found


def _hits(
    values: Sequence[float | None],
    points: Sequence[paths.Point | None],
    unit: str,
    over: Times,
    marks: Sequence[Mark],
    nothing: str,
) -> list[Hit]:
    many = len(over.starts)
    happened: dict[int, list[str]] = {}
    for mark in marks:
        happened.setdefault(over.part(mark.at), []).append(mark.words)
    found = []
    for place, (value, point) in enumerate(zip(values, points, strict=True)):
        said = nothing if value is None else f"{rough(value)} {unit}"
        words = "; ".join((f"{over.told(place)}: {said}", *happened.get(place, ())))
        middle = paths.middle(place, many)
        y = point[1] if point else None
        found.append(Hit(round(place / many * 100, 3), round(100 / many, 3), middle, y, words))
    return found


def _told(values: Sequence[float | None], over: Times, unit: str, nothing: str) -> str:
    known = [(value, place) for place, value in enumerate(values) if value is not None]
    if not known:
        return nothing
    top, place = max(known, key=lambda pair: pair[0])
    return f"up to {rough(top)} {unit}" + (f", {over.told(place)}" if top else "")
