"""Many bandits side by side, a request or a tick at a time, with the product's own posteriors and shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import numpy as np

from releases.rollout.evidence import playing
from releases.rollout.evidence.posteriors import Beta, Pulls
from releases.statistics.arrays import Codes, Floats

BURN_IN = 100

Choose = Callable[[Floats, Floats, int, np.random.Generator], Codes]
"""Units and rewards of each arm so far, both (runs, arms), and the number of the request -> arms (runs,)."""


@dataclass(frozen=True, slots=True)
class Played:
    """Mean regret over the runs: what playing the best arm alone would have earned more. `slope` is its
    growth over the last tenfold of requests, beside what no rule can stay below (Lai and Robbins)."""

    regret: float
    slope: float


def thompson(units: Floats, good: Floats, request: int, rng: np.random.Generator) -> Codes:
    """One draw of the product's posterior a request: the same law as its propensities."""
    return np.asarray(Beta.of(Pulls.counted(units, good)).draw(rng).argmax(axis=1), np.int64)


def upper_bound(units: Floats, good: Floats, request: int, rng: np.random.Generator) -> Codes:
    """UCB1: Auer, Cesa-Bianchi and Fischer, Machine Learning 47 (2002)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        bound = good / units + np.sqrt(2 * np.log(request + 1) / units)
    return np.asarray(np.where(units > 0, bound, np.inf).argmax(axis=1), np.int64)


def greedy(units: Floats, good: Floats, request: int, rng: np.random.Generator) -> Codes:
    """The best arm so far, and a tenth of the requests at random."""
    means = np.where(units > 0, good / np.maximum(units, 1), 1.0)
    best = means.argmax(axis=1)
    return np.asarray(
        np.where(rng.random(len(best)) < 0.1, rng.integers(0, units.shape[1], len(best)), best), np.int64
    )


def requests(choose: Choose, means: Floats, horizon: int, runs: int, rng: np.random.Generator) -> Played:
    """Each request's outcome is known before the next one. `means` (arms,) or (runs, arms)."""
    of_run = np.broadcast_to(means, (runs, np.shape(means)[-1]))
    units, good = np.zeros((2, *of_run.shape))
    lost = of_run.max(axis=1, keepdims=True) - of_run
    every, total, at_tenth = np.arange(runs), np.zeros(runs), np.zeros(runs)
    for request in range(horizon):
        if request == horizon // 10:
            at_tenth = total.copy()
        arms = choose(units, good, request, rng)
        units[every, arms] += 1
        good[every, arms] += rng.random(runs) < of_run[every, arms]
        total += lost[every, arms]
    bound = limit(of_run[0]) * log(10)
    return Played(float(total.mean()), float((total - at_tenth).mean()) / bound)


def ticks(
    means: Floats, horizon: int, batch: int, runs: int, rng: np.random.Generator, floor: float = 0.0
) -> Played:
    """The shares stand for a batch of requests and follow only then: floors, 64ths and burn-in included."""
    arms = len(means)
    pulls, lost, at_tenth = Pulls.none(runs, arms), np.zeros(runs), np.zeros(runs)
    floors, caps = np.full(arms, floor), np.ones(arms)
    for tick in range(horizon // batch):
        if tick == horizon // batch // 10:
            at_tenth = lost.copy()
        shares = (
            playing.parts(pulls, np.array((pulls.units >= BURN_IN).all(axis=0)), floors, caps, deciding=False)
            / 64
        )
        units = rng.multinomial(batch, shares).astype(float)
        pulls += Pulls.counted(units, rng.binomial(units.astype(int), means).astype(float))
        lost += units @ (means.max() - means)
    return Played(float(lost.mean()), float((lost - at_tenth).mean()) / (limit(means) * log(10)))


def limit(means: Floats) -> float:
    """What regret grows by per unit of ln T at least: Lai and Robbins, Adv. in Applied Math. 6 (1985)."""
    best = float(means.max())
    return sum((best - float(m)) / _divergence(float(m), best) for m in means if m < best)


def _divergence(one: float, other: float) -> float:
    return one * log(one / other) + (1 - one) * log((1 - one) / (1 - other))
