"""From counts to findings: every e-process that a rollout's metrics ask for, with its threshold.

Alpha for returning is spent over challengers, metrics (by weight) and the channels that may each return
a version: what clients met, what pairs showed, trouble that began late. Promotion needs every metric to
be shown safe, so that each may use all of its alpha.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import log

import numpy as np

from releases.rollout.counts import Counts, Sums, Tally
from releases.rollout.designs.design import Design, StageKind
from releases.rollout.designs.metrics import Action, Direction, Metric, MetricKind, alpha_of
from releases.rollout.evidence import balance, bounded, latency, paired, rates, split
from releases.rollout.evidence.mixture import Array, threshold
from releases.rollout.strategies.base import Aim, Finding

CHANNELS = {Aim.WORSE: 0.6, Aim.WORSE_IN_PAIRS: 0.3, Aim.ONSET: 0.1, Aim.OBSERVED: 0.1}
"""Each may return a version, so each has a part of a metric's alpha; the last two never at once."""

BEFORE_ALPHA = 0.001
"""How surely the rate before a switch is bounded: what is observed is held against the bound."""


@dataclass(frozen=True, slots=True)
class Beside:
    """A challenger beside the baseline: one entry per spell that gave units to both."""

    new: tuple[Tally, ...]
    old: tuple[Tally, ...]
    shares: Array


def beside(design: Design, counts: Counts, arm: str) -> Beside:
    """Spells in which one of the two had nothing to get say nothing, and are left out."""
    told = [(spell, spell.share_beside(arm, design.baseline)) for spell in counts.spells()]
    shared = [(spell, share) for spell, share in told if 0 < share < 1]
    return Beside(
        tuple(counts.tally(spell, arm) for spell, _ in shared),
        tuple(counts.tally(spell, design.baseline) for spell, _ in shared),
        np.array([share for _, share in shared]),
    )


def findings(design: Design, counts: Counts) -> tuple[Finding, ...]:
    """All evidence of this moment but the watch for late trouble, which has a state (`watching`)."""
    found: list[Finding] = []
    for arm in design.challengers if design.baseline else ():
        both = beside(design, counts, arm)
        for metric in design.metrics:
            found += _of_metric(design, counts, both, arm, metric)
    return (*found, *_over_limits(design, counts), *_unbalanced(design, counts))


def worse_threshold(design: Design, metric: Metric, aim: Aim) -> float:
    """ln(1/alpha) of one channel of one metric of one challenger."""
    part = alpha_of(metric, design.metrics, design.alpha_roll_back)
    return threshold(part * CHANNELS[aim] / len(design.challengers))


def safe_threshold(design: Design) -> float:
    return threshold(design.alpha_promote / len(design.challengers))


def _of_metric(design: Design, counts: Counts, both: Beside, arm: str, metric: Metric) -> Iterator[Finding]:
    for aim, log_e in _aims(design, counts, both, arm, metric):
        bound = worse_threshold(design, metric, aim) if aim in CHANNELS else safe_threshold(design)
        yield Finding(arm, metric.name, aim, log_e, log_e, bound, metric.action, metric.own)


def _aims(
    design: Design, counts: Counts, both: Beside, arm: str, metric: Metric
) -> Iterator[tuple[Aim, float]]:
    if metric.kind is MetricKind.BAD_EVENT:
        yield from _events(design, counts, both, arm, metric)
    elif metric.kind is MetricKind.LATENCY:
        yield Aim.WORSE, _slower(both, metric)
    elif metric.kind is MetricKind.BOUNDED:
        yield from _values(both, arm, metric)
    yield from _pairs(counts, arm, metric)


def _events(
    design: Design, counts: Counts, both: Beside, arm: str, metric: Metric
) -> Iterator[tuple[Aim, float]]:
    """The coin of `split`; where more events are better its sides are swapped."""
    changed = any(stage.pair and stage.kind is not StageKind.SHADOW for stage in design.stages)
    bad, good = (hits(tallies, metric.name, changed) for tallies in (both.new, both.old))
    shares = both.shares
    if metric.direction is Direction.HIGHER:
        bad, good, shares = good, bad, 1 - shares
    ratios = split.RATIOS if metric.guardrail else split.FINE
    yield Aim.WORSE, float(split.log_worse(bad, good, shares, ratios))
    if not metric.guardrail:
        yield Aim.BETTER, float(split.log_worse(good, bad, 1 - shares, ratios))
    # What was lost may have been bad units of this version: it is shown to be safe even so, or not at all.
    unheard = _lost(counts, metric) * log(metric.allowed)
    compared = float(split.log_safe(bad, good, shares, metric.allowed)) - unheard
    yield Aim.SAFE, max(compared, _negligible(design, counts, arm, metric))


def hits(tallies: Iterable[Tally], name: str, changed: bool = False) -> Array:
    """Units with the event, per spell: bad ones, or those whose outcome was 1.

    Where pairs are asked an outcome counts from the first differing answer on: the others are the same
    under both arms, and carry no information.
    """

    def hit(tally: Tally) -> float:
        if name in tally.bad:
            return tally.bad[name]
        return (tally.changed if changed else tally.outcomes).get(name, Sums()).total

    return np.array([hit(tally) for tally in tallies], np.float64)


def _negligible(design: Design, counts: Counts, arm: str, metric: Metric) -> float:
    """Evidence that hardly any unit is bad, without comparing: a healthy version has no events to compare.

    Those whom a trial names were chosen, and say nothing of the others.

    A unit that moved here counts too, and as a bad one where it was bad elsewhere: what it met here nobody
    knows any more, and those that were bad are not the ones to leave out.
    """
    if not metric.guardrail:
        return 0.0
    name = metric.name
    tallies = [
        tally
        for (spell, of), tally in counts.arms.items()
        if of == arm and design.stages[spell.stage].kind is not StageKind.TRIAL
    ]
    units = sum(tally.units + tally.moved for tally in tallies)
    bad = sum(tally.bad.get(name, 0) + tally.spent.get(name, 0) for tally in tallies)
    lost = _lost(counts, metric)
    return float(rates.log_under(units + lost, bad + lost, metric.negligible))


def _lost(counts: Counts, metric: Metric) -> int:
    """How many bad units nobody may have heard of: nodes tell of those of guardrails alone."""
    return counts.lost if metric.guardrail else 0


def _slower(both: Beside, metric: Metric) -> float:
    """The 2 x 2 counts of every threshold in every spell."""
    names = [each.name for each in metric.thresholds]
    if not names or not len(both.shares):
        return 0.0
    cells = [
        [
            [(seen.units, seen.hit) if (seen := tally.slow.get(metric.name, {}).get(name)) else (0, 0)
             for name in names]
            for tally in tallies
        ]
        for tallies in (both.new, both.old)
    ]  # fmt: skip
    expected = [each.expected for each in metric.thresholds]
    return float(latency.log_worse(cells[0], cells[1], both.shares, expected))


def _values(both: Beside, arm: str, metric: Metric) -> Iterator[tuple[Aim, float]]:
    placed = sum((Tally(bets=t.bets) for t in (*both.new, *both.old)), Tally()).bets.get((metric.name, arm))
    if placed:
        found = bounded.wealth(placed)
        yield from ((Aim.WORSE, found.worse), (Aim.BETTER, found.better), (Aim.SAFE, found.safe))


def _pairs(counts: Counts, arm: str, metric: Metric) -> Iterator[tuple[Aim, float]]:
    """What pairs of answers showed, before any client met the new version and after."""
    told = [pairs for (_, name), pairs in counts.pairs.items() if name == arm]
    discordant = [pairs.bad[metric.name] for pairs in told if metric.name in pairs.bad]
    units, new, old = (
        sum(pairs.units for pairs in told),
        sum(each.only_new for each in discordant),
        sum(each.only_old for each in discordant),
    )
    if units and metric.kind in (MetricKind.BAD_EVENT, MetricKind.LATENCY):
        yield Aim.WORSE_IN_PAIRS, float(paired.log_worse(new, old))
        lost = _lost(counts, metric)
        few = float(rates.log_under(units + lost, new + lost, metric.negligible))
        yield Aim.SAFE_IN_PAIRS, max(float(paired.log_safe(new + lost, old, metric.allowed)), few)
    placed = [pairs.bets[metric.name] for pairs in told if metric.name in pairs.bets]
    if placed:
        worse, safe = paired.log_wealth(np.sum(placed, axis=0).tolist())
        yield from ((Aim.WORSE_IN_PAIRS, worse), (Aim.SAFE_IN_PAIRS, safe))


def _over_limits(design: Design, counts: Counts) -> Iterator[Finding]:
    """Too many bad units in all arms together: pages whoever is on call, and returns nobody."""
    bound = threshold(design.alpha_page)
    for metric in design.metrics:
        if metric.limit is not None:
            units = sum(tally.units for tally in counts.arms.values())
            bad = sum(tally.bad.get(metric.name, 0) for tally in counts.arms.values())
            log_e = float(rates.log_over(units, bad, metric.limit))
            yield Finding("", metric.name, Aim.OVER_LIMIT, log_e, log_e, bound)


def _unbalanced(design: Design, counts: Counts) -> Iterator[Finding]:
    """Of all units, and of those whose answers differ: a slow arm that loses its mirrors selects."""
    alike: dict[int, list[tuple[list[list[int]], list[float]]]] = defaultdict(list)
    for spell in counts.spells():
        arms = [(arm, spell.share(arm)) for arm, weight in spell.weights if weight]
        if len(arms) > 1:
            tallies = [counts.tally(spell, arm) for arm, _ in arms]
            units = [[tally.units for tally in tallies], [tally.triggered for tally in tallies]]
            alike[len(arms)].append((units, [share for _, share in arms]))
    total = np.zeros(2)
    for told in alike.values():
        shares = np.array([[declared] for _, declared in told])
        total += balance.log_unbalanced([units for units, _ in told], shares).sum(axis=0)
    bound = threshold(design.alpha_balance) + log(2)
    for name, log_e in zip(("units", "triggered"), total.tolist(), strict=True):
        yield Finding("", name, Aim.UNBALANCED, log_e, log_e, bound, Action.HOLD)
