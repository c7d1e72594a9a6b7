"""The charts of what was counted: which lines, in which unit, with which limits and marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from registry.charts import paths
from registry.charts.lines import Limit, LineChart, Mark, Times, line_chart
from releases.traffic import figures
from releases.traffic.figures import Figures
from releases.traffic.moments import Moment
from releases.traffic.series import Observed, Point

NO_REQUESTS, NO_ANSWERS = "no requests", "no answers"
RATES = (("a second", 1), ("a minute", 60), ("an hour", 3600), ("a day", 86_400))
TEN = 10
"""Points that one row of the table beside a chart stands for."""
FEW = 3
"""Gaps and marks that are told under the charts; all of them are in the table."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table beside the charts: a point, or all points of a gap together."""

    time: str
    figures: Figures | None
    rate: float = 0.0
    happened: str = ""


@dataclass(frozen=True, slots=True)
class Charts:
    """The charts of one environment over one time, and the same numbers as a table."""

    name: str
    key: str
    charts: Sequence[LineChart]
    told: Sequence[str]
    unit: str
    rows: Sequence[Row]


def of_model(
    name: str, key: str, observed: Observed, moments: Sequence[Moment], budgets: Sequence[Limit]
) -> Charts:
    """Rate, p99 and the share of errors of one environment."""
    over, points = _times(observed), observed.settled
    marks = joined([moment for moment in moments if moment.environment == name], over)
    rate, unit = _rate(points, over, marks)
    errors = [_percent(point) for point in points]
    charts = [
        rate,
        _p99(points, over, marks, budgets),
        line_chart("Errors", "% of requests", errors, over, marks=marks, series=4, nothing=NO_REQUESTS),
    ]
    return Charts(
        name,
        key,
        charts,
        _told(points, observed.window.now, over, marks),
        unit[0],
        _rows(points, over, marks, unit),
    )


def of_node(name: str, key: str, observed: Observed) -> Charts:
    """Rate and p99 of one node; its table has ten points in a row, for there are many nodes on a page."""
    over, points = _times(observed), observed.settled
    rate, unit = _rate(points, over, ())
    tens = [_together(points[place : place + TEN]) for place in range(0, len(points), TEN)]
    rows = _rows(tens, Times([point.at for point in tens], over.step * TEN), (), unit)
    return Charts(name, key, [rate, _p99(points, over, (), ())], (), unit[0], rows)


def _together(points: Sequence[Point]) -> Point:
    seconds = sum(point.seconds for point in points)
    return Point(points[0].at, seconds, figures.together(point.figures for point in points))


def budgets(policy: Mapping[str, Any]) -> list[Limit]:
    """The limits on p99 that a model's policy knows, for each kind of machine."""
    found = []
    for profile, limits in (policy.get("benchmark") or {}).items():
        if value := limits.get("p99_ms"):
            machine = "any machine" if profile == "any" else profile
            found.append(Limit(float(value), f"policy: at most {value:g} ms in the benchmark, {machine}"))
    return sorted(found, key=lambda limit: limit.value)


def joined(moments: Sequence[Moment], over: Times) -> list[Mark]:
    """A mark for all that happened within one part of the time; the last version stands in its label."""
    parts: dict[int, list[Moment]] = {}
    for moment in moments:
        if over.starts[0] <= moment.at < over.end:
            parts.setdefault(over.part(moment.at), []).append(moment)
    return [
        Mark(
            happened[-1].at,
            f"{'back to ' if _returns(happened) else ''}v{happened[-1].version}{_away(happened)}",
            ", ".join(moment.words for moment in happened),
            any(moment.undone for moment in happened),
        )
        for happened in parts.values()
    ]


def _returns(happened: Sequence[Moment]) -> bool:
    return happened[-1].words.endswith("again")


def _away(happened: Sequence[Moment]) -> str:
    return " off" if happened[-1].undone else ""


def _times(observed: Observed) -> Times:
    step = timedelta(seconds=observed.window.span.step)
    return Times([point.at for point in observed.points], step)


def _rate(points: Sequence[Point], over: Times, marks: Sequence[Mark]) -> tuple[LineChart, tuple[str, int]]:
    top = max(point.rate for point in points)
    unit = next((each for each in RATES if top * each[1] >= 1), RATES[-1 if top else 0])
    values = [point.rate * unit[1] for point in points]
    return line_chart("Requests", unit[0], values, over, marks=marks, nothing=NO_REQUESTS), unit


def _p99(points: Sequence[Point], over: Times, marks: Sequence[Mark], limits: Sequence[Limit]) -> LineChart:
    values = [point.figures.p99_ms for point in points]
    refused = any(p.figures.requests and value is None for p, value in zip(points, values, strict=True))
    nothing = NO_ANSWERS if refused else NO_REQUESTS
    return line_chart(
        "Latency, p99", "ms", values, over, limits=limits, marks=marks, series=2, nothing=nothing
    )


def _percent(point: Point) -> float | None:
    rate = point.figures.error_rate
    return None if rate is None else rate * 100


def _told(points: Sequence[Point], now: datetime, over: Times, marks: Sequence[Mark]) -> list[str]:
    """What a reader should not have to find: when nobody asked, and what went live or back."""
    gaps = paths.gaps([point.figures.requests or None for point in points])
    said = [f"No requests {over.between(run, now)}" for run in gaps[-FEW:]]
    if len(gaps) > FEW:
        said.insert(0, f"{len(gaps) - FEW} earlier gaps are in the table")
    happened = [f"{over.moment(mark.at)}: {mark.words}" for mark in marks[-FEW:]]
    return [*said, *happened]


def _rows(points: Sequence[Point], over: Times, marks: Sequence[Mark], unit: tuple[str, int]) -> list[Row]:
    happened = {over.part(mark.at): mark.words for mark in marks}
    ends = dict(paths.gaps([p.figures.requests or None for p in points]))
    rows, place = [], 0
    while place < len(points):
        last = ends.get(place, place)
        said = "; ".join(happened[each] for each in range(place, last + 1) if each in happened)
        point = points[place]
        if place in ends:
            rows.append(Row(over.between((place, last)), None, happened=said))
        else:
            rows.append(Row(over.told(place), point.figures, point.rate * unit[1], said))
        place = last + 1
    rows.reverse()
    return rows
