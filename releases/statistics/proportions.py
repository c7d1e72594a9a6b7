"""Counts of successes: exact bounds, the interval for display, and two versions on the same rows."""

from __future__ import annotations

from math import sqrt

from scipy.optimize import brentq
from scipy.special import bdtrc, betaincinv, ndtri

_STEP = 1e-9
"""Just below a difference, where its test still says no."""


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two one-sided bounds of a proportion, each exact at `confidence` for any number of trials.

    Clopper and Pearson, Biometrika 26 (1934). (0, 1) where there were no trials.
    """
    failures = trials - successes
    low = float(betaincinv(successes, failures + 1, 1 - confidence)) if successes else 0.0
    high = float(betaincinv(successes + 1, failures, confidence)) if failures else 1.0
    return low, high


def mcnemar(only_ours: int, only_theirs: int) -> float:
    """The one-sided exact p-value that we are right more often, from the rows where just one is right.

    McNemar, Psychometrika 12 (1947), with the binomial in place of the normal.
    """
    return float(bdtrc(only_ours - 1, only_ours + only_theirs, 0.5))


def paired_difference(
    only_ours: int, only_theirs: int, rows: int, confidence: float = 0.95
) -> tuple[float, float]:
    """One-sided score bounds of the difference of two shares of right answers on the same rows.

    Tango, Statistics in Medicine 17 (1998): unlike Wald's, right at small counts and at none at all.
    """
    z = float(ndtri(confidence))
    low = _tango(only_ours, only_theirs, rows, z)
    return low, -_tango(only_theirs, only_ours, rows, z)


def _tango(gained: int, lost: int, rows: int, z: float) -> float:
    """The smallest difference that the counts do not contradict."""

    def score(delta: float) -> float:
        linear = -gained - lost + (2 * rows - gained + lost) * delta
        root = max(0.0, linear * linear + 8 * rows * lost * delta * (1 - delta))
        lost_share = (sqrt(root) - linear) / (4 * rows)
        variance = rows * (2 * lost_share + delta * (1 - delta))
        return gained - lost - rows * delta - z * sqrt(max(variance, 0.0))

    # The score is zero at the estimate itself where the two never differed: the root below it is meant.
    just_below = (gained - lost) / rows - _STEP
    if just_below <= -1:
        return -1.0
    return float(brentq(score, -1.0, just_below))
