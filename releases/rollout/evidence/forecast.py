"""When a rollout will see what: its own rule, played many times on its model's own traffic.

The rule that is played is the one that will decide, so that a promise changes whenever the rule does.
Chance is an argument: the same seed, traffic and plan promise the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from releases.rollout.evidence import playing, winner
from releases.rollout.evidence.posteriors import Pulls
from releases.statistics.arrays import Floats

RUNS = 200
"""The median of so many plays is within some 10 %, which is what a forecast is good for."""
_EVENTS = 256
"""Bad events drawn at once for each play: most are decided within one draw."""
_MOST_CHUNKS = 400
"""So many draws at the most: who is not decided by then is said never to be."""
FEW_CHUNKS = 20
"""5,120 events a play: what takes more is told as not foreseen, where somebody waits for the answer."""
_DAY = 24
"""Hours of what is repeated where the past is too short."""
_FIRST_LOOK = 50
"""Units between two looks at least, and so many looks at the most: a play costs the same however many."""

Rule = Callable[[Floats, Floats, Floats], Floats]
"""Bad ones of the new and of the old version per spell, shares per spell -> log evidence: of `split`."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the rule will count in each hour from the start, as the same hours of last week had it.

    per_hour   bad units (each once), units, differing pairs or labels; never empty. After its end the last
               24 hours come again and again.
    """

    per_hour: Floats

    def until(self, hours: float) -> Floats:
        """The same for exactly so many whole hours."""
        missing = int(np.ceil(hours)) - len(self.per_hour)
        again = np.resize(self.per_hour[-_DAY:], max(missing, 0))
        return np.concatenate([self.per_hour, again])[: int(np.ceil(hours))]


@dataclass(frozen=True, slots=True)
class Step:
    """From `hours` after the start on, the new version has `share` of the units."""

    hours: float
    share: float


@dataclass(frozen=True, slots=True)
class Ahead:
    """decided   share of the plays in which the rule had decided in time.
    early, median, late   hours after the start by which a tenth, half and nine tenths had; infinite
                          where so many had not.
    """

    decided: float
    early: float
    median: float
    late: float


def of_events(
    traffic: Traffic,
    ratio: float,
    steps: Sequence[Step],
    rule: Rule,
    threshold: float,
    within_hours: float,
    rng: np.random.Generator,
    runs: int = RUNS,
    chunks: int = _MOST_CHUNKS,
) -> Ahead:
    """When `rule` passes `threshold`, if the new version is bad `ratio` times as often as the old one.

    Events come as a Poisson stream of the traffic's rate; each is the new version's with the chance that
    its share and the ratio give it.
    """
    hours, expected, chances = _stream(traffic, ratio, steps, within_hours)
    shares = np.array([step.share for step in steps])
    starts = np.array([step.hours for step in steps])
    at, counts, passed = np.full(runs, np.inf), np.zeros((2, runs, len(steps))), np.zeros(runs)
    going = np.arange(runs)
    for _ in range(chunks):
        if not len(going):
            break
        mass = passed[going, None] + rng.exponential(size=(len(going), _EVENTS)).cumsum(axis=1)
        when = np.interp(mass, expected, hours, right=np.inf)
        stage = np.clip(np.searchsorted(starts, when, side="right") - 1, 0, None)
        own = rng.random(when.shape) < chances[stage]
        event = stage[..., None] == np.arange(len(steps))
        new = counts[0, going, None, :] + (event & own[..., None]).cumsum(axis=1)
        old = counts[1, going, None, :] + (event & ~own[..., None]).cumsum(axis=1)
        reached = (rule(new, old, shares) >= threshold) & np.isfinite(when)
        hit = reached.any(axis=1)
        at[going[hit]] = when[hit, reached[hit].argmax(axis=1)]
        counts[0, going], counts[1, going], passed[going] = new[:, -1], old[:, -1], mass[:, -1]
        going = going[~hit & np.isfinite(when[:, -1])]
    return _ahead(at)


def _stream(
    traffic: Traffic, ratio: float, steps: Sequence[Step], within_hours: float
) -> tuple[Floats, Floats, Floats]:
    """Hours, the events expected by each, and for each step the chance that an event is the new version's."""
    shares = np.array([step.share for step in steps])
    starts = np.array([step.hours for step in steps])
    hours = np.unique(np.concatenate([np.arange(np.ceil(within_hours)), starts, [within_hours]]))
    hours = hours[hours <= within_hours]
    stage = np.clip(np.searchsorted(starts, hours[:-1], side="right") - 1, 0, None)
    worse = 1 - shares + shares * ratio
    rates = traffic.until(within_hours)[hours[:-1].astype(int)] * worse[stage]
    expected = np.concatenate([[0.0], np.cumsum(rates * np.diff(hours))])
    # Hours in which nothing happens must not make the way back from events to hours ambiguous.
    return hours, expected + np.arange(len(hours)) * 1e-9, shares * ratio / worse


def of_winner(
    traffic: Traffic,
    means: Sequence[float],
    delta: float,
    within_hours: float,
    rng: np.random.Generator,
    runs: int = RUNS,
) -> Ahead:
    """When a bandit that decides names a winner, if its arms bring `means` (in [0, 1]) per unit."""
    expected = np.concatenate([[0.0], np.cumsum(traffic.until(within_hours))])
    hours = np.minimum(np.arange(len(expected), dtype=np.float64), within_hours)
    rates = np.array(means)
    pulls, at, units = Pulls.none(runs, len(rates)), np.full(runs, np.inf), 0
    while units < expected[-1] and np.isinf(at).any():
        batch = max(_FIRST_LOOK, units // _FIRST_LOOK)
        shares = playing.wanted(pulls, deciding=True)
        got = rng.multinomial(batch, shares / shares.sum(axis=-1, keepdims=True)).astype(np.float64)
        pulls += Pulls.counted(got, rng.binomial(got.astype(np.int64), rates).astype(np.float64))
        units += batch
        named = np.isinf(at) & (winner.winners(pulls, delta) != winner.NOBODY)
        at[named] = np.interp(units, expected, hours, right=np.inf)
    return _ahead(at)


def _ahead(at: Floats) -> Ahead:
    early, median, late = np.quantile(at, [0.1, 0.5, 0.9], method="inverted_cdf").tolist()
    return Ahead(float(np.isfinite(at).mean()), early, median, late)
