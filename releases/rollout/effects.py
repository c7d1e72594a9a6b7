"""What a metric of units comes to under each new version, beside the live one, with intervals. Pure.

Intervals stay valid while they are watched, each on its own. They decide nothing: what decides is evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from math import isfinite
from operator import add

from releases.rollout.counts import Counts, Spell, Sums, Tally
from releases.rollout.designs.design import Design
from releases.rollout.designs.metrics import Direction, Metric, MetricKind
from releases.rollout.evidence import adjusted, changed
from releases.rollout.evidence.adjusted import Interval, Moments
from releases.rollout.evidence.changed import Changed

MEASURED = (MetricKind.BAD_EVENT, MetricKind.BOUNDED, MetricKind.REAL)
PLAIN, ADJUSTED, OVERALL = "plain", "adjusted", "overall"


@dataclass(frozen=True, slots=True)
class Effect:
    """Of one challenger and one metric.

    new, old  values of units whose time is over: of all of them
    plain     new - old; `adjusted` the same for units that are alike, where a covariate is known
    changed   from answers that differ alone, where both answers are known
    """

    arm: str
    metric: Metric
    new: Sums
    old: Sums
    plain: Interval
    adjusted: Interval | None = None
    changed: Changed | None = None

    @property
    def key(self) -> str:
        return f"{self.metric.name}/{self.arm}"

    @property
    def intervals(self) -> Mapping[str, Interval]:
        """All there are of what all units get: name -> interval."""
        known = {PLAIN: self.plain, ADJUSTED: self.adjusted}
        known[OVERALL] = self.changed.overall if self.changed else None
        return {name: each for name, each in known.items() if each is not None}

    @property
    def best(self) -> Interval:
        """The narrowest one of which anything is known."""
        return min(self.intervals.values(), key=lambda each: float(each.width))


def effects(design: Design, counts: Counts) -> tuple[Effect, ...]:
    """One for each challenger and each metric of units, whether anything has come of it or not."""
    metrics = [each for each in design.metrics if not each.guardrail and each.kind in MEASURED]
    if not design.baseline:
        return ()
    return tuple(_effect(design, counts, arm, each) for arm in design.challengers for each in metrics)


def is_better(design: Design, effect: Effect) -> bool | None:
    """Whether the whole interval lies on one side of no difference, and on which; None where it does not."""
    low, high = float(effect.best.low), float(effect.best.high)
    if low <= 0 <= high:
        return None
    return (low > 0) == (effect.metric.direction is Direction.HIGHER)


def known(interval: Interval) -> tuple[float, float, float] | None:
    """Value, low and high; None while too little is known to say anything."""
    ends = float(interval.value), float(interval.low), float(interval.high)
    return ends if all(map(isfinite, ends)) else None


def _effect(design: Design, counts: Counts, arm: str, metric: Metric) -> Effect:
    spells = _alike(design, counts, arm)
    ours, theirs = _pooled(counts, spells, arm), _pooled(counts, spells, design.baseline)
    new, old = (tally.outcomes.get(metric.name, Sums()) for tally in (ours, theirs))
    moments = Moments.of(new), Moments.of(old)
    return Effect(
        arm=arm,
        metric=metric,
        new=new,
        old=old,
        plain=adjusted.plain(*moments, design.delta),
        adjusted=adjusted.adjusted(*moments, design.delta) if new.xx and old.xx else None,
        changed=_changed(ours, theirs, metric.name, design.delta),
    )


def _changed(new: Tally, old: Tally, name: str, alpha: float) -> Changed | None:
    """None where both answers are not known."""
    paired, triggered = new.paired + old.paired, new.triggered + old.triggered
    differing = [tally.changed.get(name, Sums()) for tally in (new, old)]
    return changed.analysis(triggered, paired, differing[0], differing[1], alpha) if paired else None


def _alike(design: Design, counts: Counts, arm: str) -> list[Spell]:
    """Those that gave units to both by the same shares, of the shares that most units got: means over
    different ones would compare other times, too."""
    both: dict[float, list[Spell]] = {}
    for spell in counts.spells():
        share = spell.share_beside(arm, design.baseline)
        if 0 < share < 1:
            both.setdefault(round(share, 6), []).append(spell)
    return max(both.values(), key=lambda spells: _pooled(counts, spells, arm).units, default=[])


def _pooled(counts: Counts, spells: list[Spell], arm: str) -> Tally:
    return reduce(add, (counts.tally(spell, arm) for spell in spells), Tally())
