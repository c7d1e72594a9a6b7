"""Rows 1 to 5: what a bandit loses on its way, beside the rules that others play by."""

from __future__ import annotations

import numpy as np

from benchmarks.decisions import playing
from benchmarks.decisions.rows import Dice, Found, Row
from releases.rollout.evidence.cohorts import recent
from releases.rollout.evidence.posteriors import Beta, Pulls
from releases.statistics.arrays import Codes, Floats

TWO = np.array([0.06, 0.05])
TEN = np.array([0.5] + [0.4] * 9)
HORIZON = 100_000
_AN_HOUR, _HOURS = 500, 20
_LEAST = 2.239
"""Of two arms and 200 requests under uniform priors: what dynamic programming over all counts comes to."""


def two_arms(rng: Dice, quick: bool) -> Found:
    ours = playing.requests(playing.thompson, TWO, HORIZON, 40 if quick else 400, rng)
    usual = {
        name: playing.requests(choose, TWO, HORIZON, 20 if quick else 100, rng).regret
        for name, choose in (("ucb1", playing.upper_bound), ("greedy", playing.greedy))
    }
    figures = {"regret": ours.regret, "slope": ours.slope, **usual}
    return Found(
        f"{ours.regret:.1f}, slope {ours.slope:.2f}", ours.regret <= 45 and ours.slope <= 1.1, figures
    )


def ten_arms(rng: Dice, quick: bool) -> Found:
    ours = playing.requests(playing.thompson, TEN, HORIZON, 20 if quick else 200, rng)
    figures = {"regret": ours.regret, "slope": ours.slope}
    return Found(
        f"{ours.regret:.0f}, slope {ours.slope:.2f}", ours.regret <= 270 and ours.slope <= 1.1, figures
    )


def in_ticks(rng: Dice, quick: bool) -> Found:
    """As it is served: shares from the integral, in 64ths, that stand for a thousand requests."""
    runs = 100 if quick else 2000
    plain, floored = (playing.ticks(TWO, HORIZON, 1000, runs, rng, floor) for floor in (0.0, 0.01))
    figures = {"regret": plain.regret, "slope": plain.slope, "with_floor": floored.regret}
    return Found(
        f"{plain.regret:.1f}; {floored.regret:.1f} with a floor of 1 %",
        plain.regret <= 45,
        figures,
    )


def short(rng: Dice, quick: bool) -> Found:
    """Arms of which nothing is known, and two hundred requests to learn and to earn."""
    runs = 4000 if quick else 40_000
    means = rng.random((runs, 2))
    regret = playing.requests(playing.thompson, means, 200, runs, rng).regret
    return Found(f"{regret:.2f}, {regret / _LEAST:.2f} x", regret <= 1.65 * _LEAST, {"regret": regret})


def swapped(rng: Dice, quick: bool) -> Found:
    """The arms change places half-way; the last twenty hourly buckets of 500 requests are looked at."""
    runs = 40 if quick else 200
    ours, for_ever = (_after_swap(rng, runs, last) for last in (_HOURS, None))
    return Found(
        f"{ours:.0f} with a window of {_HOURS} hours", ours <= 250, {"window": ours, "for_ever": for_ever}
    )


def _after_swap(rng: Dice, runs: int, last: int | None) -> float:
    hours: dict[int, Pulls] = {}
    lost, every = np.zeros(runs), np.arange(runs)
    means = np.array([0.1, 0.05])
    for hour in range(HORIZON // _AN_HOUR):
        if hour * _AN_HOUR == HORIZON // 2:
            means, lost = means[::-1], np.zeros(runs)
        before = recent(hours, 2, last and last - 1) if hours else Pulls.none(runs, 2)
        units, good = _one_hour(before, means, every, rng)
        lost += units @ (means.max() - means)
        hours[hour] = Pulls.counted(units, good)
    return float(lost.mean())


def _one_hour(before: Pulls, means: Floats, every: Codes, rng: Dice) -> tuple[Floats, Floats]:
    units, good = np.zeros((2, *before.units.shape))
    for _ in range(_AN_HOUR):
        seen = Pulls.counted(before.units + units, before.total + good)
        arms = Beta.of(seen).draw(rng).argmax(axis=1)
        units[every, arms] += 1
        good[every, arms] += rng.random(len(every)) < means[arms]
    return units, good


ROWS = (
    Row(
        1,
        "Regret of two arms .05/.06 over 100,000 requests, and its slope beside Lai and Robbins'",
        "≤ 45, slope ≤ 1.1",
        "slope 1, in the long run",
        "UCB1 291; ε-greedy 0.1: 63; halves for ever: 500",
        two_arms,
    ),
    Row(
        2,
        "The same of ten arms, one at .5 and nine at .4",
        "≤ 270, slope ≤ 1.1",
        "slope 1, in the long run",
        "equal shares for ever: 9,000",
        ten_arms,
    ),
    Row(
        3,
        "As row 1, with shares that stand for 1,000 requests and are whole 64ths",
        "≤ 45",
        "as row 1",
        "UCB1, updated as seldom: 297",
        in_ticks,
    ),
    Row(
        4,
        "Regret over 200 requests of two arms of which nothing is known",
        "≤ 1.65 x the least",
        f"{_LEAST}, by dynamic programming",
        "ε-greedy 2.7 x; UCB1 3.8 x; halves 14.8 x",
        short,
    ),
    Row(
        5,
        "Regret over 50,000 requests after arms .10/.05 have changed places",
        "≤ 250",
        "-",
        "no window: 1,299",
        swapped,
    ),
)
