"""How much is missing until evidence is at its threshold: searched for with the rules that decide. Pure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from releases.rollout.counts import Counts, Discordant, Spell, Weights
from releases.rollout.designs.design import Design
from releases.rollout.designs.metrics import Direction, Metric
from releases.rollout.evidence import paired, rates, split
from releases.rollout.strategies import judging
from releases.rollout.strategies.base import Aim, Finding

MOST_UNITS = 1 << 40
"""Beyond any number of people: no answer means that it cannot be earned."""
MOST_EVENTS = 1 << 16
"""Beyond these nobody waits for it: it is said that it cannot be told."""


def clean(counts: Counts, finding: Finding, metric: Metric) -> int | None:
    """How many more units without a bad one show that hardly any is bad, which no comparison needs."""
    if finding.reached:
        return 0
    if not metric.guardrail:
        return None
    if finding.aim is Aim.SAFE_IN_PAIRS:
        units, bad = _paired(counts, finding.arm), _alone(counts, finding).only_new
    else:
        tallies = [tally for (_, name), tally in counts.arms.items() if name == finding.arm]
        units, bad = sum(t.units for t in tallies), sum(t.bad.get(metric.name, 0) for t in tallies)
    units, bad = units + counts.lost, bad + counts.lost
    return _least(
        lambda more: float(rates.log_under(units + more, bad, metric.negligible)) >= finding.threshold,
        MOST_UNITS,
    )


def bad(design: Design, counts: Counts, finding: Finding, weights: Weights) -> int | None:
    """How many more bad units of the version in a row, with none of the baseline's between, return it."""
    if finding.reached:
        return 0
    if finding.aim is Aim.WORSE_IN_PAIRS:
        alone = _alone(counts, finding)
        return _least(
            lambda more: float(paired.log_worse(alone.only_new + more, alone.only_old)) >= finding.threshold,
            MOST_EVENTS,
        )
    metric = next(each for each in design.metrics if each.name == finding.metric)
    share = Spell(0, weights).share_beside(finding.arm, design.baseline)
    if not 0 < share < 1 or not metric.guardrail or metric.direction is Direction.HIGHER:
        return None
    both = judging.beside(design, counts, finding.arm)
    new, old = (judging.hits(tallies, metric.name) for tallies in (both.new, both.old))
    shares, none = np.append(both.shares, share), np.append(old, 0.0)
    return _least(
        lambda more: float(split.log_worse(np.append(new, more), none, shares)) >= finding.threshold,
        MOST_EVENTS,
    )


def nothing_yet(design: Design, arm: str, metric: Metric, aim: Aim) -> Finding:
    """Evidence of which nothing has come: as likely as not."""
    bound = (
        judging.worse_threshold(design, metric, aim)
        if aim in judging.CHANNELS
        else judging.safe_threshold(design)
    )
    return Finding(arm, metric.name, aim, 0.0, 0.0, bound, metric.action, metric.own)


def _paired(counts: Counts, arm: str) -> int:
    return sum(pairs.units for (_, name), pairs in counts.pairs.items() if name == arm)


def _alone(counts: Counts, finding: Finding) -> Discordant:
    told = [pairs.bad for (_, name), pairs in counts.pairs.items() if name == finding.arm]
    return sum((bad[finding.metric] for bad in told if finding.metric in bad), Discordant())


def _least(enough: Callable[[int], bool], most: int) -> int | None:
    """The least number that is enough, where more is never less so; None where no number up to `most` is."""
    high = 1
    while not enough(high):
        high *= 2
        if high > most:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
