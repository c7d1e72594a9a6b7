"""Pictures of canaries and shadows, out of the simulations of rows 8 to 10 and 27."""

from __future__ import annotations

from math import log

import numpy as np

from benchmarks.decisions.drawing import Frame, Line, draw
from benchmarks.decisions.monitors import BASE, MILLION, SHARE, worse, z_test
from benchmarks.decisions.pairs import from_pairs
from benchmarks.decisions.rows import Dice
from benchmarks.decisions.streams import mixed, passages, streams
from releases.rollout.evidence import split
from releases.rollout.evidence.mixture import Array

_RUNS = 600


def evidence(rng: Dice) -> str:
    """Single runs of 60,000 requests, looked at every hundred."""
    block, looks = 100, 600
    at = block * np.arange(1.0, looks + 1)
    usual, doubled = np.full(looks, BASE), np.full(looks, 2 * BASE)
    outage = np.where((at > 20_000) & (at <= 24_000), 50 * BASE, BASE)
    across = at.tolist()
    lines = [
        Line("twice as bad", "other", across, _one(rng, block, doubled, usual)),
        Line("outage of both", "third", across, _one(rng, block, outage, outage)),
        Line("healthy", "ours", across, _one(rng, block, usual, usual)),
        Line("100 to 1: goes back", "third", [0.0, across[-1]], [2.0, 2.0]),
    ]
    return draw(
        Frame("Evidence that the new version is worse, one run each", "requests", "", -3, 4, tenfold=True),
        lines,
        "Evidence reaches 100 to 1 for a version that is twice as bad, and stays low for the others.",
    )


def _one(rng: Dice, block: int, new: Array, old: Array) -> list[float]:
    units = rng.binomial(block, SHARE, len(new))
    bad_new, bad_old = rng.binomial(units, new).cumsum(), rng.binomial(block - units, old).cumsum()
    found: Array = split.log_worse(bad_new[:, None], bad_old[:, None], [SHARE]) / log(10)
    return [float(each) for each in found]


def peeking(rng: Dice) -> str:
    """Of healthy canaries: how many have been returned by each request."""
    x = np.linspace(3, 6, 61)
    usual = passages(streams(rng, 4000, MILLION, BASE, SHARE), z_test, 2.326)
    ours = passages(streams(rng, 4000, MILLION, BASE, SHARE), worse(SHARE))
    lines = [
        Line("the usual test", "other", x.tolist(), _found(usual, x)),
        Line("1 %, as was allowed", "third", [3.0, 6.0], [1.0, 1.0]),
        Line("evidence", "ours", x.tolist(), _found(ours, x)),
    ]
    return draw(
        Frame("Healthy canaries that were returned", "requests", " %", 0, 20, tenfold_across=True),
        lines,
        "The usual test, looked at after every request, returns more and more; evidence stays below 1 %.",
    )


def shadow(rng: Dice) -> str:
    """Of rollouts with a doubled error rate: in how many it was found by each request."""
    x = np.linspace(2, 5.3, 67)
    one_bad, of_new = 0.02 * 0.99 + 0.01 * 0.98, 0.02 * 0.99
    of_canary, side = mixed(SHARE, 2 * BASE, BASE)
    more = passages(streams(rng, _RUNS, 20_000, 0.01, 1.0), from_pairs)
    others = passages(streams(rng, _RUNS, 60_000, one_bad, of_new / one_bad), from_pairs)
    canary = passages(streams(rng, _RUNS, 400_000, of_canary, side), worse(SHARE))
    lines = [
        Line("shadow, more errors", "ours", x.tolist(), _found(more, x)),
        Line("shadow, other errors", "third", x.tolist(), _found(others, x)),
        Line("canary at 5 %", "other", x.tolist(), _found(canary, x)),
    ]
    return draw(
        Frame("A doubled error rate was found", "requests", " %", 0, 100, tenfold_across=True),
        lines,
        "A shadow finds it within some 900 to 3,000 requests, a canary within some 29,000.",
    )


def _found(when: Array, x: Array) -> list[float]:
    return [float(each) for each in 100 * (when[:, None] <= 10 ** x[None]).mean(axis=0)]
