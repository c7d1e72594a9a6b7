"""What a bandit's versions bring: how sure that is, the shares that followed it, and what was gained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from formats.plan import PARTS
from registry.charts import paths
from registry.charts.curves import Curve, CurveChart, Drawn, Known, Span, curve_chart
from registry.charts.lines import Mark
from registry.charts.numbers import DASH, figure, percent
from registry.charts.scales import Axis, Scale, Tick, axis
from releases.rollout.designs.design import Design, Goal
from releases.rollout.designs.metrics import Metric, MetricKind
from releases.rollout.earning import SURE, Asking, Earner, Earning, Lift, Looked
from releases.rollout.effects import known
from releases.rollout.overview import Overview
from releases.web.rollout import words
from releases.web.rollout.measured import signed
from releases.web.rollout.over_time import Table, table

if TYPE_CHECKING:
    from releases.models import EvidencePoint

COLOURS = 4
"""As many as the style sheet has that differ for colour-blind eyes too; then they come again."""
ROOM = 1.05
"""Above the highest curve, so that its line is whole."""
MOST_CONTEXTS = 24
"""Of a table that somebody reads; REST has all of them."""


@dataclass(frozen=True, slots=True)
class Player:
    """One version's line of the table."""

    name: str
    units: str
    brings: str
    between: str
    best: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Gain:
    """What a version brings more than the live one, among units that play evenly."""

    name: str
    units: str
    lift: str
    between: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One context: what it is, its units, and of each version what it brings and its share there."""

    steps: str
    units: str
    cells: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Step:
    """How much more one version brings in a step of a feature than in the first one."""

    name: str
    step: str
    more: str
    between: str


@dataclass(frozen=True, slots=True)
class ByAsked:
    """What is known by what is asked. `rest`: contexts that the table has no room for."""

    told: Sequence[str]
    heads: Sequence[str]
    rows: Sequence[Asked]
    rest: int
    steps: Sequence[Step]


@dataclass(frozen=True, slots=True)
class Played:
    """All of the part of the page."""

    metric: str
    sure: str
    told: Sequence[str]
    players: Sequence[Player]
    densities: CurveChart | None
    shares: CurveChart | None
    table: Table | None
    even: str
    gains: Sequence[Gain]
    asked: ByAsked | None = None


def played(
    seen: Overview, points: Sequence[EvidencePoint], span: Span | None, marks: Sequence[Mark]
) -> Played | None:
    """None where no shares follow anything."""
    found = seen.earning
    if found is None:
        return None
    curves = _shares(seen.design, points)
    columns = [(each.label.capitalize(), {k.at: _hundredths(k) for k in each.known}) for each in curves]
    return Played(
        metric=words.metric(found.metric.name),
        sure=percent(SURE),
        told=_told(seen.design, found),
        players=[_player(found, each) for each in found.arms],
        densities=_densities(found),
        shares=_followed(curves, span, marks) if span and curves else None,
        table=table("shares", "Share of units over time", columns, span, marks) if span and curves else None,
        even=percent(found.even) if found.even else "",
        gains=[_gain(found.metric, each) for each in found.lifts],
        asked=None if found.looked is None else _by_asked(found, found.looked),
    )


def _told(design: Design, found: Earning) -> list[str]:
    """What shares follow, and when it ends."""
    of = "units whose answers differ" if found.of_changed else "all units"
    by = " by what they ask" if found.looked is not None else ""
    told = [
        f"Shares follow {words.metric(found.metric.name)} of {of}{by}, each as likely played as it is the"
        " best."
    ]
    waiting = [each.arm for each in found.arms if not each.ready]
    if waiting:
        told.append(
            f"They do not move before {figure(found.burn_in)} units of {words.versions(waiting)} are known."
        )
    if design.goal is Goal.DECIDE:
        wrong = figure(round(1 / design.delta))
        told.append(f"It ends when one version is the best for certain: wrong once in {wrong}.")
    else:
        told.append("It plays on until a person ends it.")
    return told


def _player(found: Earning, each: Earner) -> Player:
    between = DASH
    if each.low is not None and each.high is not None:
        between = f"{_value(found.metric, each.low)} to {_value(found.metric, each.high)}"
    brings = DASH if each.mean is None else _value(found.metric, each.mean)
    best = DASH if each.best is None else percent(each.best)
    note = "" if each.ready else f"{figure(max(found.burn_in - each.units, 0))} more units before it counts"
    return Player(f"Version {each.arm}", figure(each.units), brings, between, best, note)


def _by_asked(found: Earning, looked: Looked) -> ByAsked:
    """The contexts that most units ask."""
    shown = sorted(looked.contexts, key=lambda each: -each.units)[:MOST_CONTEXTS]
    arms = [each.arm for each in found.arms]
    steps = [
        Step(
            f"Version {each.arm}",
            each.step,
            signed(found.metric, each.value),
            f"{signed(found.metric, each.low)} to {signed(found.metric, each.high)}",
        )
        for each in looked.terms
    ]
    told = [
        f"Who answers follows from {words.joined(looked.features)} of a request. One that lacks any plays"
        " evenly.",
        f"Each unit has each version with a chance of {percent(looked.least)} to {percent(looked.most)}: by"
        " what it asks, and by the share that plays evenly.",
    ]
    heads = [f"Version {arm}" for arm in arms]
    return ByAsked(
        told, heads, [_asked(found, each) for each in shown], len(looked.contexts) - len(shown), steps
    )


def _asked(found: Earning, each: Asking) -> Asked:
    cells = []
    for one in found.arms:
        part = percent(each.parts[one.arm] / PARTS) if one.arm in each.parts else DASH
        cells.append((_value(found.metric, each.brings[one.arm]), part))
    return Asked(", ".join(each.steps), figure(each.units), cells)


def _value(metric: Metric, value: float) -> str:
    return percent(value) if metric.kind is MetricKind.BAD_EVENT else figure(value)


def _gain(metric: Metric, lift: Lift) -> Gain:
    ends = known(lift.interval)
    if ends is None:
        return Gain(f"Version {lift.arm}", figure(lift.units), DASH, DASH)
    value, low, high = (signed(metric, end) for end in ends)
    return Gain(f"Version {lift.arm}", figure(lift.units), value, f"{low} to {high}")


def _densities(found: Earning) -> CurveChart | None:
    """What each version may bring, one hill a version: the narrower the surer."""
    if not found.places:
        return None
    low, high = min(found.places), max(found.places)
    along = Scale(low, high if high > low else low + 1.0)
    top = max(max(each.density) for each in found.arms) * ROOM
    upwards = Axis(Scale(0.0, top), ())
    leader = max(found.arms, key=lambda each: each.best or 0.0)
    return CurveChart(
        label=f"What a unit may bring: {words.metric(found.metric.name)}",
        axis=upwards,
        times=_inside(along, found.metric),
        curves=[_hill(found, place, along, upwards) for place in range(len(found.arms))],
        marks=(),
        hits=(),
        told=f"version {leader.arm} is likeliest the best: {percent(leader.best)}",
    )


def _inside(along: Scale, metric: Metric) -> list[Tick]:
    """Values that the axis names, where the drawing reaches; shares in hundredths."""
    times = 100.0 if metric.kind is MetricKind.BAD_EVENT else 1.0
    unit = " %" if times > 1 else ""
    nice = axis([along.low * times, along.high * times])
    step = (nice.scale.high - nice.scale.low) / max(len(nice.ticks) - 1, 1)
    values = [nice.scale.low + step * place for place in range(len(nice.ticks))]
    return [
        Tick(along.place(value / times), f"{tick.label}{unit}")
        for value, tick in zip(values, nice.ticks, strict=True)
        if along.low <= value / times <= along.high
    ]


def _hill(found: Earning, place: int, along: Scale, upwards: Axis) -> Drawn:
    each = found.arms[place]
    points = [
        (along.place(at), upwards.y(height)) for at, height in zip(found.places, each.density, strict=True)
    ]
    note = f"best with {percent(each.best)}"
    return Drawn(
        f"version {each.arm}", place % COLOURS + 1, paths.line(points), paths.area(points), None, note
    )


def _shares(design: Design, points: Sequence[EvidencePoint]) -> list[Curve]:
    found = []
    for place, arm in enumerate(design.arms):
        told = [Known(point.at, point.shares[arm] * 100) for point in points if arm in point.shares]
        if told:
            found.append(Curve(f"version {arm}", place % COLOURS + 1, told, note=_hundredths(told[-1])))
    return found


def _hundredths(each: Known) -> str:
    return f"{each.value:.3g} %"


def _followed(curves: Sequence[Curve], span: Span, marks: Sequence[Mark]) -> CurveChart:
    return curve_chart(
        "Share of units, %",
        curves,
        axis([0.0, 100.0], zero=True),
        span,
        words=_hundredths,
        told=", ".join(f"{curve.label} {curve.note}" for curve in curves[:2]),
        marks=marks,
    )
