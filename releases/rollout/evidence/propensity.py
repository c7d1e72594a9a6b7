"""P(this arm is the best), once per tick: units hashed into that vector are Thompson sampling.

Thompson, Biometrika 25 (1933). Drawing a mean of each arm for each request and taking the highest is
the same law; the vector is exact, can be logged, costs a request one comparison and is sticky for free.
"""

from __future__ import annotations

import numpy as np

from releases.rollout.evidence.posteriors import Posterior
from releases.statistics.arrays import Floats

MOST_ARMS = 20
"""The integral is over products of as many functions: with more its points no longer suffice."""
_PLACES = np.linspace(-6.5, 6.5, 64)


def best(posterior: Posterior) -> Floats:
    """The probability of each arm to have the highest mean; sums to one. Shape (..., arms).

    The integral of each arm's distribution times the others' being below it, over 64 places of every arm
    together: an arm of ten pulls and one of a million are both seen. Raises ValueError above 20 arms.
    """
    found = posterior.places(_PLACES)
    arms = found.shape[-2]
    if arms > MOST_ARMS:
        raise ValueError(f"a bandit has at most {MOST_ARMS} arms, this one {arms}")
    points = np.sort(found.reshape(*found.shape[:-2], -1), axis=-1)
    below = posterior.below(points)
    ends = np.zeros_like(below[..., :1, :])
    below = np.concatenate([ends, below, ends + 1], axis=-2)
    others = _others(below)
    between = (others[..., 1:, :] + others[..., :-1, :]) / 2
    shares = (np.diff(below, axis=-2) * between).sum(axis=-2)
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


def _others(below: Floats) -> Floats:
    """For each arm the product of all others', without dividing by what may be zero."""
    ones = np.ones_like(below[..., :1])
    before = np.concatenate([ones, np.cumprod(below, axis=-1)[..., :-1]], axis=-1)
    after = np.concatenate([ones, np.cumprod(below[..., ::-1], axis=-1)[..., :-1]], axis=-1)[..., ::-1]
    return np.asarray(before * after)
