"""What a bandit wants to play next: to earn, or to find out soonest which arm is best."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from releases.rollout.evidence import propensity, winner
from releases.rollout.evidence.posteriors import Beta, Normal, Posterior, Pulls, StudentT
from releases.rollout.evidence.shares import quantised
from releases.statistics.arrays import Codes, Floats

_AT_ONCE = 32
"""Contexts whose shares are worked out together: each has arrays of its arms' places, some MB in all."""


def posterior(pulls: Pulls, fractional: bool = False) -> Posterior:
    """What the mean reward of each arm may be, as `wanted` takes it."""
    return StudentT.of(pulls, width=1.0) if fractional else Beta.of(pulls)


def wanted(pulls: Pulls, deciding: bool, fractional: bool = False) -> Floats:
    """The share that each arm should get at this tick, shape (..., arms).

    pulls        rewards in [0, 1]
    deciding     top-two shares, else the probability to be the best
    fractional   rewards between zero and one are common, so that their spread is worth estimating
    """
    best = propensity.best(posterior(pulls, fractional))
    return winner.top_two(best, pulls) if deciding else best


def parts(
    pulls: Pulls,
    ready: NDArray[np.bool_],
    floors: Floats,
    caps: Floats,
    deciding: bool,
    fractional: bool = False,
) -> Codes:
    """64ths of the units for each arm, shape (..., arms), within floors and caps.

    ready   the arms that have burnt in. Those that have not, because they have only just joined, get an
            equal share; the others divide what is left by what is wanted of them.
    """
    return _divided(
        pulls.units.shape, ready, floors, caps, lambda known: wanted(pulls.of(known), deciding, fractional)
    )


def parts_by_context(payoffs: Normal, ready: NDArray[np.bool_], floors: Floats, caps: Floats) -> Codes:
    """The same of each context, shape (contexts, arms), each arm as likely as it brings most there."""
    return np.concatenate(
        [
            _divided(
                each.middle.shape,
                ready,
                floors,
                caps,
                lambda known, each=each: propensity.best(each.of(known)),  # type: ignore[misc]
            )
            for each in _some(payoffs)
        ]
    )


def _some(payoffs: Normal) -> Iterator[Normal]:
    """So many contexts at a time that their integrals have room."""
    for at in range(0, len(payoffs.middle), _AT_ONCE):
        yield Normal(payoffs.middle[at : at + _AT_ONCE], payoffs.error[at : at + _AT_ONCE])


def _divided(
    shape: tuple[int, ...],
    ready: NDArray[np.bool_],
    floors: Floats,
    caps: Floats,
    wanted_of: Callable[[Codes], Floats],
) -> Codes:
    known = np.flatnonzero(ready)
    shares = np.full(shape, 1 / shape[-1])
    if len(known) > 1:
        shares[..., known] = wanted_of(known) * len(known) / shape[-1]
    return quantised(shares, floors, caps)
