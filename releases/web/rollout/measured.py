"""What metrics of units come to under each version: intervals, now and over time, and when one wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from registry.charts.curves import Curve, CurveChart, Known, Span, curve_chart
from registry.charts.lines import Mark
from registry.charts.numbers import DASH, duration, figure, percent
from registry.charts.scales import Axis, axis
from releases.rollout.designs.design import Design, Ends, Kind
from releases.rollout.designs.metrics import Metric, MetricKind
from releases.rollout.effects import ADJUSTED, OVERALL, PLAIN, Effect, is_better, known
from releases.rollout.evidence.adjusted import LEAST_UNITS, Interval
from releases.rollout.overview import Overview
from releases.rollout.strategies import ab_test, judging
from releases.rollout.strategies.base import Aim
from releases.web.rollout import words
from releases.web.rollout.over_time import Table, table

if TYPE_CHECKING:
    from releases.models import EvidencePoint

NAMES = {
    PLAIN: ("plain", 1),
    ADJUSTED: ("adjusted", 4),
    OVERALL: ("by changed answers", 3),
}
"""Words and colour of each interval."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """One interval in words."""

    name: str
    value: str
    low: str
    high: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of one challenger beside the live version."""

    key: str
    title: str
    tone: str
    verdict: str
    means: Sequence[tuple[str, str, str]]
    bounds: Sequence[Bounds]
    chart: CurveChart | None
    table: Table | None


@dataclass(frozen=True, slots=True)
class Measure:
    """All of the part of the page: `rule` says when one wins, `balance` whether units are as shared out."""

    effects: Sequence[Measured]
    rule: Sequence[str]
    balance: tuple[str, str]
    causes: Sequence[str]


def measure(
    seen: Overview, points: Sequence[EvidencePoint], span: Span | None, marks: Sequence[Mark]
) -> Measure | None:
    """None where nothing is measured of units."""
    if not seen.effects:
        return None
    told = [_measured(seen.design, each, points, span, marks) for each in seen.effects]
    return Measure(told, rule(seen.design), _balance(seen), seen.causes)


def rule(design: Design) -> list[str]:
    """By what it ends, as its strategy has it."""
    name = words.metric(ab_test.decisive(design))
    if design.kind is not Kind.AB_TEST or not name or design.stages[-1].ends is not Ends.WINNER:
        return []
    enough = words.odds(judging.safe_threshold(design))
    told = [
        f"A version wins when it is shown to be better in {name}, at {enough}, and no worse than allowed in"
        " everything that may hold it back.",
        f"Where every new version is shown to be worse in {name} the test ends, without fault.",
    ]
    if any(stage.pair for stage in design.stages[-1:]):
        told.append("Units whose answers never differ are the same under both: only changed answers decide.")
    if (most := design.stages[-1].most_seconds) is not None:
        told.append(f"After {duration(most)} without either a person is asked.")
    return told


def _balance(seen: Overview) -> tuple[str, str]:
    found = [each for each in seen.evidence if each.aim is Aim.UNBALANCED]
    if any(each.reached for each in found):
        return (
            "danger",
            "The versions do not have the units they should: no comparison holds until that is mended.",
        )
    highest = max((each.peak for each in found), default=0.0)
    enough = max((each.threshold for each in found), default=0.0)
    if not enough:
        return "info", "Whether units are shared out as declared is not known yet."
    return (
        "positive",
        f"Units are shared out as declared; against it: {words.odds(highest)}, of {words.odds(enough)}.",
    )


def _measured(
    design: Design,
    effect: Effect,
    points: Sequence[EvidencePoint],
    span: Span | None,
    marks: Sequence[Mark],
) -> Measured:
    name = words.metric(effect.metric.name)
    tone, verdict = _verdict(design, effect)
    curves, key = _curves(effect, points), f"{effect.metric.name}-{effect.arm}"
    columns = [(each.label.capitalize(), {k.at: _between(effect, k) for k in each.known}) for each in curves]
    return Measured(
        key=key,
        title=f"{name[:1].upper()}{name[1:]}: version {effect.arm} beside version {design.baseline}",
        tone=tone,
        verdict=verdict,
        means=[
            (f"Version {effect.arm}", figure(effect.new.n), _mean(effect, effect.new.n, effect.new.mean)),
            (
                f"Version {design.baseline}",
                figure(effect.old.n),
                _mean(effect, effect.old.n, effect.old.mean),
            ),
        ],
        bounds=_bounds(effect),
        chart=_chart(effect, curves, span, marks) if span and curves else None,
        table=table(key, "Difference over time", columns, span, marks) if span and curves else None,
    )


def _verdict(design: Design, effect: Effect) -> tuple[str, str]:
    better, ends = is_better(design, effect), known(effect.best)
    if ends is None:
        few = min(effect.new.n, effect.old.n)
        more = f": of one version {figure(few)} are known" if few < LEAST_UNITS else ""
        return (
            "info",
            f"Nothing is said before {LEAST_UNITS} units of each version have closed, and differ{more}.",
        )
    between = f"between {signed(effect.metric, ends[1])} and {signed(effect.metric, ends[2])}"
    if better is None:
        return "info", f"No difference can be told yet: it is {between}."
    tone, word = ("positive", "better") if better else ("danger", "worse")
    return tone, f"Version {effect.arm} is {word}: {signed(effect.metric, ends[0])}, {between}."


def _bounds(effect: Effect) -> list[Bounds]:
    """The interval of each way there is to see it, the narrowest of which is used."""
    found = [_of("All units, plain", effect, effect.plain)]
    if effect.adjusted is not None:
        found.append(_of("All units, adjusted", effect, effect.adjusted, "as if units had been alike"))
    if effect.changed is None:
        return found
    share = effect.changed.differing
    d = Bounds("Share of changed answers", percent(share.value), percent(share.low), percent(share.high), "d")
    return [
        *found,
        d,
        _of(
            "Units with changed answers",
            effect,
            effect.changed.adjusted if effect.adjusted else effect.changed.plain,
        ),
        _of("All units, by changed answers", effect, effect.changed.overall, "d times the effect on these"),
    ]


def _of(name: str, effect: Effect, interval: Interval, hint: str = "") -> Bounds:
    ends = known(interval)
    if ends is None:
        return Bounds(name, DASH, DASH, DASH, hint)
    value, low, high = (signed(effect.metric, end) for end in ends)
    return Bounds(name, value, low, high, hint)


def _mean(effect: Effect, units: int, mean: float) -> str:
    if not units:
        return DASH
    return percent(mean) if effect.metric.kind is MetricKind.BAD_EVENT else figure(mean)


def signed(metric: Metric, value: float) -> str:
    """A difference: of shares in points of a hundred."""
    sign = "+" if value > 0 else "\u2212" if value < 0 else ""
    if metric.kind is MetricKind.BAD_EVENT:
        return f"{sign}{abs(value) * 100:.3g} points"
    return f"{sign}{figure(abs(value))}"


def _curves(effect: Effect, points: Sequence[EvidencePoint]) -> list[Curve]:
    """How the intervals have narrowed, of those of which anything was known."""
    found = [
        Curve(label, series, [_point(effect, at, ends) for at, ends in _ends(effect, name, points) if ends])
        for name, (label, series) in NAMES.items()
    ]
    return [curve for curve in found if curve.known]


def _ends(
    effect: Effect, name: str, points: Sequence[EvidencePoint]
) -> list[tuple[datetime, list[float] | None]]:
    return [(point.at, point.effects.get(effect.key, {}).get(name)) for point in points]


def _point(effect: Effect, at: datetime, ends: Sequence[float]) -> Known:
    value, low, high = (end * _scale(effect) for end in ends)
    return Known(at, value, low, high)


def _scale(effect: Effect) -> float:
    """Shares are drawn in points of a hundred."""
    return 100.0 if effect.metric.kind is MetricKind.BAD_EVENT else 1.0


def _chart(effect: Effect, curves: Sequence[Curve], span: Span, marks: Sequence[Mark]) -> CurveChart:
    unit = ", points" if _scale(effect) > 1 else ""
    return curve_chart(
        f"Difference over time{unit}",
        curves,
        _axis(curves),
        span,
        words=lambda each: _between(effect, each),
        told=_between(effect, curves[-1].known[-1]),
        marks=marks,
        zero=0.0,
    )


def _between(effect: Effect, each: Known) -> str:
    value, *ends = (end / _scale(effect) for end in (each.value, each.low, each.high) if end is not None)
    return f"{signed(effect.metric, value)} ({' to '.join(signed(effect.metric, end) for end in ends)})"


def _axis(curves: Sequence[Curve]) -> Axis:
    """Around the later half: the first intervals are as wide as anything can be."""
    late = [each for curve in curves for each in curve.known[len(curve.known) // 2 :]]
    ends = [end for each in late for end in (each.low, each.high) if end is not None]
    return axis([0.0, *ends])
