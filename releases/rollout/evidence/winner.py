"""Which arm is best, for certain: the rule that says so at any time, and the shares that get there soonest.

A bandit that earns starves the losers, so it cannot certify: top-two shares keep the runner-up playing.
"""

from __future__ import annotations

import numpy as np
from scipy.special import rel_entr

from releases.rollout.evidence.posteriors import Pulls
from releases.statistics.arrays import Codes, Floats

NOBODY = -1
"""No index of an arm."""
_TIE = 1e-12
"""Closer than this two arms are equal, and a rate is never quite 0 or 1, of which there is no logarithm."""


def leaders(pulls: Pulls) -> Codes:
    """The arm with the highest mean; the first of equal ones. Shape (...)."""
    return np.asarray(np.argmax(pulls.means, axis=-1), np.int64)


def costs(pulls: Pulls) -> Floats:
    """How surely each arm is better than each other, shape (..., better, worse); zero where it is not.

    The generalised likelihood ratio n_a kl(m_a, m) + n_b kl(m_b, m), with m the mean of both, of rewards in
    [0, 1]: Garivier and Kaufmann, COLT 2016, section 3; for fractions an upper bound, so still valid.
    """
    means, units = pulls.means, pulls.units
    better, worse = means[..., :, None], means[..., None, :]
    many, other = units[..., :, None], units[..., None, :]
    pooled = (many * better + other * worse) / np.maximum(many + other, 1e-300)
    ratio = many * _divergence(better, pooled) + other * _divergence(worse, pooled)
    return np.asarray(np.where(better > worse, ratio, 0.0))


def sureness(pulls: Pulls) -> Floats:
    """The leader's ratio against the arm that comes closest, shape (...)."""
    leader = leaders(pulls)[..., None]
    against = np.take_along_axis(costs(pulls), leader[..., None], axis=-2)[..., 0, :]
    others = np.arange(pulls.units.shape[-1]) != leader
    return np.asarray(np.where(others, against, np.inf).min(axis=-1))


def threshold(units: Floats, arms: int, delta: float) -> Floats:
    """What the sureness must exceed after so many units of all arms: ln((1 + ln t)(K - 1) / delta).

    Garivier and Kaufmann, COLT 2016, section 6.
    """
    return np.asarray(np.log((1 + np.log(np.maximum(units, 1.0))) * (arms - 1) / delta))


def winners(pulls: Pulls, delta: float) -> Codes:
    """The arm that is best, wrongly so in at most `delta` of all experiments, or -1 while nobody is.

    May be looked at after every unit. From rewards in [0, 1]; there must be two arms at least.
    """
    bar = threshold(pulls.units.sum(axis=-1), pulls.units.shape[-1], delta)
    return np.asarray(np.where(sureness(pulls) > bar, leaders(pulls), NOBODY), np.int64)


def top_two(best: Floats, pulls: Pulls) -> Floats:
    """Half of the traffic by `propensity.best`, half to the arm that is hardest to tell from that one.

    T3C of Shang, de Heide, Ménard, Kaufmann and Valko, AISTATS 2020, as a vector for one tick: arms that
    are equally hard share. Shape (..., arms).
    """
    against = costs(pulls)
    arms = best.shape[-1]
    against = np.where(np.eye(arms, dtype=bool), np.inf, against)
    hardest = against <= against.min(axis=-1, keepdims=True) + _TIE
    challengers = hardest / hardest.sum(axis=-1, keepdims=True)
    return np.asarray((best + (best[..., None] * challengers).sum(axis=-2)) / 2)


def _divergence(one: Floats, other: Floats) -> Floats:
    """kl of two coins; zero and one are coins too, as the means of arms that few have seen often are."""
    one, other = np.clip(one, 0.0, 1.0), np.clip(other, _TIE, 1 - _TIE)
    return np.asarray(rel_entr(one, other) + rel_entr(1 - one, 1 - other))
