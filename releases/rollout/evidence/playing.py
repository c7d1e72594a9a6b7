"""What a bandit wants to play next: to earn, or to find out soonest which arm is best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from releases.rollout.evidence import propensity, winner
from releases.rollout.evidence.posteriors import Beta, Pulls, StudentT
from releases.rollout.evidence.shares import quantised
from releases.statistics.arrays import Codes, Floats


def wanted(pulls: Pulls, deciding: bool, fractional: bool = False) -> Floats:
    """The share that each arm should get at this tick, shape (..., arms).

    pulls        rewards in [0, 1]
    deciding     top-two shares, else the probability to be the best
    fractional   rewards between zero and one are common, so that their spread is worth estimating
    """
    posterior = StudentT.of(pulls, width=1.0) if fractional else Beta.of(pulls)
    best = propensity.best(posterior)
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
    arms = pulls.units.shape[-1]
    known = np.flatnonzero(ready)
    shares = np.full(pulls.units.shape, 1 / arms)
    if len(known) > 1:
        shares[..., known] = wanted(pulls.of(known), deciding, fractional) * len(known) / arms
    return quantised(shares, floors, caps)
