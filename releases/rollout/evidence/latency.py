"""Slower or not: one sampled request per unit, and whether it took longer than thresholds fixed before.

Each threshold is a bet (A - w)(X - m) on a unit of arm A that exceeded it or not: fair whatever the
latency does, as long as it does the same in both arms. One request per unit, because heavy units would
otherwise count their own habits many times. Waudby-Smith and Ramdas (JRSS B 86, 2024), 4; the arm as in
Shekhar and Ramdas, Nonparametric two-sample testing by betting, IEEE Trans. Inf. Theory 70 (2024).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from releases.rollout.evidence.mixture import Array, log_mean

STAKES = np.array([0.01, 0.03, 0.1, 0.3, 0.6])


def stakes(shares: ArrayLike, centres: ArrayLike) -> Array:
    """Lambda per (spell, threshold, stake): as large as no outcome can turn into ruin."""
    w, m = np.asarray(shares, np.float64)[:, None, None], np.asarray(centres, np.float64)[:, None]
    return np.asarray(STAKES / (np.maximum(w, 1 - w) * np.maximum(m, 1 - m)))


def log_worse(new: ArrayLike, old: ArrayLike, shares: ArrayLike, expected: ArrayLike) -> Array:
    """Log evidence that the new version exceeds a threshold more often than the old one.

    new, old   [..., spell, threshold, 2]: units sampled, and those of them that took longer
    shares     of the new version among the two, per spell
    expected   share that takes longer at each threshold, as measured before the rollout
    """
    w, m = np.asarray(shares, np.float64)[:, None, None], np.asarray(expected, np.float64)[:, None]
    stake = stakes(shares, expected)
    wealth = np.zeros(())
    for counts, side in ((np.asarray(new, np.float64), 1 - w), (np.asarray(old, np.float64), -w)):
        over, under = counts[..., 1:], counts[..., :1] - counts[..., 1:]
        wealth = wealth + over * np.log1p(stake * side * (1 - m)) + under * np.log1p(-stake * side * m)
    per_bet = wealth.sum(axis=-3)
    return log_mean(per_bet.reshape(*per_bet.shape[:-2], -1))
