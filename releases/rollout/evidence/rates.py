"""A share of bad units against a declared one: above it (pages), below it (as good as none), and how high.

Likelihood ratios of binomial counts, averaged over alternatives: the sequential test of Wald, Annals of
Mathematical Statistics 16 (1945), with Robbins' mixture (ibid. 41, 1970) in place of one alternative.
"""

from __future__ import annotations

from math import ceil, log, log1p

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from releases.rollout.evidence.mixture import Array, log_mean, threshold
from releases.rollout.evidence.proportion import HALVINGS
from releases.rollout.evidence.split import RATIOS

_BELOW = np.array([0.0, 1 / 30, 1 / 10, 1 / 5, 1 / 2])
_WEIGHT_BELOW = np.array([0.9, 0.025, 0.025, 0.025, 0.025])
"""Mostly on "never bad", which is what a healthy version looks like; the rest forgives single events."""


def log_ratios(units: ArrayLike, bad: ArrayLike, rate: float, times: ArrayLike) -> Array:
    """Log likelihood ratio of each multiple of `rate` (below 1/rate) against `rate`, on a last axis."""
    n, k = np.asarray(units, np.float64)[..., None], np.asarray(bad, np.float64)[..., None]
    multiples = np.asarray(times, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        hits = np.where(k > 0, k * np.log(multiples), 0.0)
    return np.asarray(hits + (n - k) * (np.log1p(-multiples * rate) - np.log1p(-rate)))


def multiples_above(rate: float) -> Array:
    """The multiples of a rate that are rates themselves, and one half-way to always."""
    return np.array([r for r in RATIOS if r * rate < 1] + [(1 + rate) / 2 / rate])


def log_over(units: ArrayLike, bad: ArrayLike, limit: float) -> Array:
    """Log evidence that more than `limit` (in (0, 1)) of the units are bad."""
    return log_mean(log_ratios(units, bad, limit, multiples_above(limit)))


def log_under(units: ArrayLike, bad: ArrayLike, limit: float) -> Array:
    """Log evidence that less than `limit` (in (0, 1)) of the units are bad."""
    return log_mean(log_ratios(units, bad, limit, _BELOW), _WEIGHT_BELOW)


def upper_bound(units: int, bad: int, alpha: float) -> float:
    """The least share that the counts speak against, at all looks together with chance alpha; 1 at first."""
    low, high = (bad / units if units else 1.0), 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        against = middle < 1 and float(log_under(units, bad, middle)) >= threshold(alpha)
        low, high = (low, middle) if against else (middle, high)
    return high


def bound_before(units: int, bad: int, alpha: float) -> float:
    """A rate that the version before was at most at, out of a count that is complete.

    Clopper and Pearson, Biometrika 26 (1934), one-sided; 1 where nothing was seen.
    """
    return float(betaincinv(bad + 1, units - bad, 1 - alpha)) if units > bad else 1.0


def clean_units(limit: float, alpha: float) -> int:
    """How many units without a bad one it takes to be under the limit."""
    low, high = 0, ceil((threshold(alpha) - log(float(_WEIGHT_BELOW[0]))) / -log1p(-limit))
    while high - low > 1:
        middle = (low + high) // 2
        enough = float(log_under(middle, 0, limit)) >= threshold(alpha)
        low, high = (low, middle) if enough else (middle, high)
    return high
