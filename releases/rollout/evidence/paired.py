"""Two versions on the same requests: only pairs in which just one of them was bad say anything.

With no difference such a pair is the new version's fault with chance 1/2, so it is the coin of `split`
with w = 1/2: the sequential form of McNemar's test. Losses between 0 and 1 are bet on instead, as in
Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, JRSS B 86 (2024), 3-4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from releases.rollout.counts import GRAIN
from releases.rollout.evidence import split
from releases.rollout.evidence.mixture import Array, log_mean

HALF = (0.5,)
"""The coin of a pair: both answered the same request."""
STAKES = np.array([0.02, 0.05, 0.1, 0.25, 0.5, 0.9])
"""The part of the wealth that each bet puts on one difference, below 1: none can lose all."""


def log_worse(only_new: ArrayLike, only_old: ArrayLike) -> Array:
    """Log evidence that the new version is bad more often on the same requests."""
    return split.log_worse(np.asarray(only_new)[..., None], np.asarray(only_old)[..., None], HALF)


def log_safe(only_new: ArrayLike, only_old: ArrayLike, allowed: float) -> Array:
    """Log evidence that it alone is bad less than `allowed` times as often as the old one alone."""
    return split.log_safe(np.asarray(only_new)[..., None], np.asarray(only_old)[..., None], HALF, allowed)


def bets(differences: Iterable[float], margin: float) -> tuple[int, ...]:
    """Log wealth, in GRAINths, of every stake on "worse", then of every stake on "worse by less than margin".

    differences   loss of the new version - loss of the old one, each in [-1, 1], one per unit
    """
    values = np.fromiter(differences, np.float64)[:, None]
    logs = np.concatenate([np.log1p(STAKES * values), np.log1p(STAKES * (margin - values))], axis=1)
    return tuple(int(total) for total in np.floor(logs * GRAIN).astype(np.int64).sum(axis=0))


def log_wealth(placed: Sequence[int]) -> tuple[float, float]:
    """Log evidence for "worse" and for "worse by less than the margin", averaged over the stakes."""
    logs = np.asarray(placed, np.float64).reshape(2, len(STAKES)) / GRAIN
    worse, safe = log_mean(logs)
    return float(worse), float(safe)
