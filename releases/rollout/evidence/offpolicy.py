"""What another way of sharing traffic would have earned, from what was logged: IPS, SNIPS and DR.

Names and formulas as in Saito and others, Open Bandit Pipeline (NeurIPS 2021), section 3; SNIPS is
Swaminathan and Joachims, NeurIPS 2015; DR Dudík, Langford and Li, ICML 2011.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from releases.statistics.arrays import Codes, Floats

LEAST_EFFECTIVE = 100.0
"""Effective units below which an estimate is not worth telling."""


class Unanswerable(ValueError):
    """The log cannot say; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Logged:
    """Units that got one arm under one revision of the weights: sums, so that no row need be kept.

    arms          index of the arm that was served, shape (groups,)
    propensities  of every arm when it was, shape (groups, arms); rows sum to one
    units, total, squares   how many, the sum of their rewards and of the squares, shape (groups,)

    A group may be a single request, as it is where the policy looks at the request.
    """

    arms: Codes
    propensities: Floats
    units: Floats
    total: Floats
    squares: Floats

    def means(self) -> Floats:
        """Of each arm, over all groups: the simplest model of its reward. Zero where it never was served."""
        arms = self.propensities.shape[1]
        units, total = (np.bincount(self.arms, each, arms) for each in (self.units, self.total))
        return np.asarray(total / np.maximum(units, 1e-300))


@dataclass(frozen=True, slots=True)
class Estimate:
    """Reward per unit, with its standard error and 95 % interval at one look."""

    value: float
    error: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimates:
    """effective   (sum w)² / sum w²: as many units as would say the same if all weighed alike."""

    ips: Estimate
    snips: Estimate
    dr: Estimate
    effective: float


def evaluate(logged: Logged, policy: Floats, predicted: Floats | None = None) -> Estimates:
    """What `policy` would have earned per unit.

    policy      probability of each arm, shape (arms,) or (groups, arms)
    predicted   a model's reward of each arm, the same shapes; the arms' means where there is none

    Raises Unanswerable where the policy plays an arm that the log could not, or resembles the log so
    little that fewer than 100 effective units are left.
    """
    wanted = np.broadcast_to(policy, logged.propensities.shape)
    _possible(logged, wanted)
    served = logged.arms[:, None]
    weights = _of(wanted, served) / _of(logged.propensities, served)
    units = float(logged.units.sum())
    weighed = float((logged.units * weights).sum())
    effective = weighed**2 / max(float((logged.units * weights**2).sum()), 1e-300)
    if effective < LEAST_EFFECTIVE:
        raise Unanswerable(
            f"the log says this as well as {effective:.0f} units would, and it takes {LEAST_EFFECTIVE:.0f}: "
            "wait for more, or ask about shares that are closer to those that were"
        )
    nothing = np.zeros_like(weights)
    model = np.broadcast_to(logged.means() if predicted is None else predicted, wanted.shape)
    expected = (wanted * model).sum(axis=1)
    ips = _mean(logged, nothing, weights, units)
    snips = float((weights * logged.total).sum()) / weighed
    off = logged.squares - 2 * snips * logged.total + logged.units * snips**2
    error = float(np.sqrt(max(float((weights**2 * off).sum()), 0.0))) / weighed
    return Estimates(
        ips,
        _estimate(snips, error),
        _mean(logged, expected - weights * _of(model, served), weights, units),
        effective,
    )


def _possible(logged: Logged, wanted: Floats) -> None:
    missing = (wanted > 0) & (logged.propensities <= 0) & (logged.units[:, None] > 0)
    if missing.any():
        arm = int(np.flatnonzero(missing.any(axis=0))[0])
        raise Unanswerable(
            f"arm {arm} got no units while some of this was logged, so what it would have earned "
            "there is unknown: leave it out, or look at the time since it has had a share"
        )


def _of(values: Floats, served: Codes) -> Floats:
    return np.asarray(np.take_along_axis(values, served, axis=1)[:, 0])


def _mean(logged: Logged, base: Floats, weights: Floats, units: float) -> Estimate:
    """The mean over units of base + weight * reward."""
    value = float((logged.units * base + weights * logged.total).sum()) / units
    square = logged.units * base**2 + 2 * base * weights * logged.total + weights**2 * logged.squares
    variance = max(float(square.sum()) / units - value**2, 0.0)
    return _estimate(value, float(np.sqrt(variance / units)))


def _estimate(value: float, error: float) -> Estimate:
    reach = float(ndtri(0.975)) * error
    return Estimate(value, error, value - reach, value + reach)
