"""The difference of two arms with an interval that stays valid while it is watched, plain or adjusted.

Adjusting for a covariate that was known before assignment (CUPED) takes out the part of the noise that it
explains; the best one is the champion's own score for the unit's first request. Needs additive sums only.

Radius: Lindon, Ham, Tingley and Bojinov, arXiv 2210.08589, section 3 (one coefficient of a linear model).
Standard error: Lin, Annals of Applied Statistics 7 (2013), a regression in each arm of its own, so that
arms may differ in size, spread and slope. Exact for normal noise, else for many units: hence `LEAST_UNITS`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import lambertw

from releases.rollout.counts import GRAIN, Sums
from releases.statistics.arrays import Floats

LEAST_UNITS = 100
"""In each arm, and not all of them alike, before anything is said."""
TUNED_AT = 20_000
"""Units at which the interval is as narrow as it can be; at a tenth and at ten times, hardly wider."""
_FAR = 1e300
"""Stands for no bound at all, and can still be multiplied without becoming infinite."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over one arm's units: how many, y, y², a covariate x, x², xy. Numbers or arrays of them."""

    n: Floats
    y: Floats
    yy: Floats
    x: Floats
    xx: Floats
    xy: Floats

    @classmethod
    def of(cls, sums: Sums) -> Moments:
        reals = (np.float64(each / GRAIN) for each in (sums.y, sums.yy, sums.x, sums.xx, sums.xy))
        return cls(*(np.asarray(each) for each in (np.float64(sums.n), *reals)))

    def linearised(self, ratio: float) -> Moments:
        """y - ratio * x in place of y, for a metric that is a sum of y by a sum of x.

        ratio   the baseline's, frozen when the stage began: it must not follow what is being tested.
        """
        nothing = np.zeros_like(self.y)
        y = self.y - ratio * self.x
        squares = self.yy - 2 * ratio * self.xy + ratio**2 * self.xx
        return Moments(self.n, y, squares, nothing, nothing, nothing)


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and what it is at least and at most; infinite while too little is known."""

    value: Floats
    low: Floats
    high: Floats

    @property
    def width(self) -> Floats:
        return np.asarray(self.high - self.low)

    def scaled(self, by: float) -> Interval:
        """The same in another measure; `by` must be positive."""
        return Interval(self.value * by, self.low * by, self.high * by)


def plain(new: Moments, old: Moments, alpha: float, tuned_at: float = TUNED_AT) -> Interval:
    """The difference of the means, new - old."""
    (y_new, spread_new), (y_old, spread_old) = (_centred(each.n, each.y, each.yy) for each in (new, old))
    error = np.sqrt(_over(spread_new, new.n - 1, new.n) + _over(spread_old, old.n - 1, old.n))
    return _interval(new, old, np.asarray(y_new - y_old), error, 2, alpha, tuned_at)


def adjusted(new: Moments, old: Moments, alpha: float, tuned_at: float = TUNED_AT) -> Interval:
    """The difference, new - old, of what the means would be if both arms had the same mean covariate."""
    both = new.n + old.n
    middle, spread = _centred(both, new.x + old.x, new.xx + old.xx)
    parts = [_at(each, middle) for each in (new, old)]
    (y_new, slope_new, square_new), (y_old, slope_old, square_old) = parts
    of_middle = (slope_new - slope_old) ** 2 * _over(spread, both - 1, both)
    error = np.sqrt(square_new + square_old + of_middle)
    return _interval(new, old, np.asarray(y_new - y_old), error, 4, alpha, tuned_at)


def ratio(new: Moments, old: Moments, frozen: float, alpha: float, tuned_at: float = TUNED_AT) -> Interval:
    """The difference of two ratios sum(y) / sum(x), new - old; `frozen` is the baseline's at the start.

    The delta method as Deng, Knoblich and Lu have it (KDD 2018, section 3), around a fixed ratio.
    """
    found = plain(new.linearised(frozen), old.linearised(frozen), alpha, tuned_at)
    return found.scaled(float(old.n / old.x) if old.x > 0 else 1.0)


def radius(units: Floats, parameters: int, alpha: float, tuned_at: float = TUNED_AT) -> Floats:
    """How many standard errors the interval reaches to either side, at all looks together."""
    root = -lambertw(-(alpha**2) / np.e, k=-1).real
    prior = tuned_at / (root - 1)
    degrees = np.maximum(units - parameters, 1.0)
    kept = prior / (prior + units)
    power = (kept * alpha**2) ** (1 / (degrees + 1))
    room = np.maximum(power - kept, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.sqrt(degrees * (1 - power) / room))


def _interval(
    new: Moments, old: Moments, value: Floats, error: Floats, parameters: int, alpha: float, tuned_at: float
) -> Interval:
    reach = error * np.minimum(radius(new.n + old.n, parameters, alpha, tuned_at), _FAR)
    reach = np.where(np.logical_and(_enough(new), _enough(old)), reach, np.inf)
    return Interval(value, np.asarray(value - reach), np.asarray(value + reach))


def _enough(arm: Moments) -> NDArray[np.bool_]:
    """A hundred units that all came to the same say nothing of how far the next one may be off."""
    return np.logical_and(arm.n >= LEAST_UNITS, _centred(arm.n, arm.y, arm.yy)[1] > 0)


def _centred(n: Floats, total: Floats, squares: Floats) -> tuple[Floats, Floats]:
    """The mean, and the sum of squares around it."""
    mean = _over(total, n)
    return mean, np.maximum(squares - total * mean, 0.0)


def _at(arm: Moments, middle: Floats) -> tuple[Floats, Floats, Floats]:
    """The arm's mean at the covariate `middle`, its slope, and the square of the mean's standard error."""
    y, yy = _centred(arm.n, arm.y, arm.yy)
    x, xx = _centred(arm.n, arm.x, arm.xx)
    together = arm.xy - arm.x * y
    slope = np.where(xx > 0, together / np.maximum(xx, 1e-300), 0.0)
    left = np.maximum(yy - slope * together, 0.0)
    return y - slope * (x - middle), slope, _over(left, arm.n - 2, arm.n)


def _over(value: Floats, *units: Floats) -> Floats:
    """Divided by each, as if it were one unit where there are none: nothing is said of so few."""
    for each in units:
        value = np.asarray(value / np.maximum(each, 1.0))
    return value
