"""Trouble that begins late: detectors with a state, stepped once a tick by what the tick added.

Beside the baseline where units still go to it; against an upper bound of the rate before the switch where
none do. The latter is only observed, not randomised: what changed at the same time looks the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from releases.rollout.counts import Counts
from releases.rollout.designs.design import Design
from releases.rollout.designs.metrics import Metric, MetricKind
from releases.rollout.evidence import onset, rates, split
from releases.rollout.evidence.mixture import Array
from releases.rollout.strategies import judging
from releases.rollout.strategies.base import Aim, Finding, Standing, key


@dataclass(frozen=True, slots=True)
class _Total:
    """Everything so far: `steps` changes where something was learned, `log_ratios` are of all of it."""

    steps: int
    log_ratios: Array


def watched(design: Design, counts: Counts, standing: Standing) -> tuple[tuple[Finding, ...], Standing]:
    """The findings of the detectors after this tick, and the standing with their new states."""
    found, states = [], dict(standing.onset)
    for arm, metric, aim, total in _totals(design, counts):
        name = key(aim, metric.name, arm)
        state = _stepped(states.get(name), total)
        if state is None:
            continue
        states[name] = state
        log_e = float(onset.log_alarm(_detector(state), design.onset_ticks))
        bound = judging.worse_threshold(design, metric, aim)
        found.append(Finding(arm, metric.name, aim, log_e, log_e, bound, metric.action, metric.own))
    return tuple(found), replace(standing, onset=states)


def _stepped(before: tuple[float, ...] | None, total: _Total) -> tuple[float, ...] | None:
    """Steps seen, log ratios seen, the detector: None until something was counted."""
    size = len(total.log_ratios)
    seen = before or (0.0, *np.zeros(size), *onset.start(size))
    if total.steps == seen[0]:
        return before
    if total.steps < seen[0]:  # units were left out, with what they had met: that is nothing new
        return (float(total.steps), *map(float, total.log_ratios), *map(float, _detector(seen)))
    added = total.log_ratios - np.array(seen[1 : 1 + size])
    detector = onset.step(_detector(seen), added)
    return (float(total.steps), *map(float, total.log_ratios), *map(float, detector))


def _detector(state: tuple[float, ...]) -> Array:
    return np.array(state[1 + (len(state) - 1) // 2 :])


def _totals(design: Design, counts: Counts) -> Iterator[tuple[str, Metric, Aim, _Total]]:
    watched = [m for m in design.metrics if m.guardrail and m.kind is MetricKind.BAD_EVENT]
    for arm in design.challengers:
        both = judging.beside(design, counts, arm)
        for metric in watched:
            yield arm, metric, Aim.ONSET, _concurrent(both, metric)
            if metric.before.units > metric.before.hit:
                yield arm, metric, Aim.OBSERVED, _observed(design, counts, arm, metric)


def _concurrent(both: judging.Beside, metric: Metric) -> _Total:
    new, old = (judging.hits(tallies, metric.name) for tallies in (both.new, both.old))
    return _Total(int(new.sum() + old.sum()), split.log_ratios_per_tick(new, old, both.shares))


def _observed(design: Design, counts: Counts, arm: str, metric: Metric) -> _Total:
    """Only of spells in which the baseline had nothing, or units of another kind: the others are compared.

    Counters have requests and no units, so a rate of requests it is; but one unit is bad once, however often
    it asks. If no request is bad more often than before, no more units are: the bound stays one.
    """
    alone = [
        tally for (spell, name), tally in counts.arms.items() if name == arm and design.uncompared(spell)
    ]
    bad = sum(tally.bad.get(metric.name, 0) for tally in alone)
    requests = max(sum(tally.requests for tally in alone), bad)
    rate = rates.bound_before(metric.before.units, metric.before.hit, judging.BEFORE_ALPHA)
    return _Total(requests, rates.log_ratios(requests, bad, rate, rates.multiples_above(rate)))
