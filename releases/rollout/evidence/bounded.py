"""A metric between 0 and 1 in a random split: bets (A - w)(X - m) on each unit, m frozen with the stage.

Exact for "the mean of the new version is at most that of the old one", whatever the two distributions.
Waudby-Smith and Ramdas (JRSS B 86, 2024), section 4; Shekhar and Ramdas (IEEE Trans. Inf. Theory 2024).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from releases.rollout.counts import GRAIN
from releases.rollout.evidence.latency import STAKES
from releases.rollout.evidence.mixture import log_mean


@dataclass(frozen=True, slots=True)
class Wealth:
    """Log evidence that the new version's mean loss is higher, lower, and higher by less than the margin."""

    worse: float
    better: float
    safe: float


def bets(
    losses: Iterable[float], *, new: bool, share: float, centre: float, margin: float
) -> tuple[int, ...]:
    """What units of one arm add to the log wealth of every bet, in GRAINths: worse, better, safe.

    losses   one per unit, 0 (best) to 1: a reward in [low, high] is (high - reward) / (high - low)
    share    w, of the new version among the two, as the unit was assigned
    centre   m: anything fixed before; the baseline's mean serves best
    margin   by how much the mean may be higher
    """
    values = np.fromiter(losses, np.float64)[:, None]
    payoff = ((1.0 if new else 0.0) - share) * (values - centre)
    stake = STAKES / (max(share, 1 - share) * max(centre, 1 - centre))
    excess = share * (1 - share) * margin
    logs = [stake * payoff, -stake * payoff, -stake * (payoff - excess)]
    whole = np.floor(np.log1p(np.concatenate(logs, axis=1)) * GRAIN).astype(np.int64)
    return tuple(int(total) for total in whole.sum(axis=0))


def wealth(placed: Sequence[int]) -> Wealth:
    """The evidence of all bets of both arms together."""
    logs = log_mean(np.asarray(placed, np.float64).reshape(3, len(STAKES)) / GRAIN)
    return Wealth(*(float(each) for each in logs))
