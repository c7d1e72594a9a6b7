"""The area under the ROC curve, its variance, and two of them on the same rows.

DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), by the ranks of Sun and Xu, IEEE Signal
Processing Letters 21 (2014): n log n instead of every pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtri
from scipy.stats import rankdata

from formats.dtypes import Array


@dataclass(frozen=True, slots=True)
class Placements:
    """For each positive, the share of negatives that it beats; for each negative, of positives above it."""

    area: float
    positives: NDArray[np.float64]
    negatives: NDArray[np.float64]

    @property
    def variance(self) -> float:
        """Of the area; 0 where the classes are told apart perfectly, or one row stands for a class."""
        return _variance(self.positives) + _variance(self.negatives)


def placements(positive: NDArray[np.bool_], scores: Array) -> Placements:
    """positive  bool, shape (N,), both values occur; scores  float, shape (N,). Ties count half."""
    above, below = scores[positive], scores[~positive]
    together = rankdata(np.concatenate([above, below]))
    won = (together[: len(above)] - rankdata(above)) / len(below)
    lost = 1 - (together[len(above) :] - rankdata(below)) / len(above)
    return Placements(float(won.mean()), won, lost)


def bounds(found: Placements, confidence: float = 0.95) -> tuple[float, float]:
    """One-sided bounds of the area, on the logit scale so that they stay inside 0 and 1.

    Near a perfect order few rows carry all of DeLong's variance, and with ten or twenty positives it is
    too small: at an area of 0.97 the lower bound lay above the truth in 12 to 25 of 100 simulated sets
    (Wald's in 20 to 27). So the lower bound is the lower one of DeLong's and of the score bound with
    Hanley and McNeil's variance, which does not shrink with luck: at most 6 of 100 in 36 cases.
    Without spread (a perfect order) it is that of as many independent pairs as can be made, all of
    which were right: exact.
    """
    pairs = min(len(found.positives), len(found.negatives))
    if not found.variance:
        sure = float((1 - confidence) ** (1 / pairs))
        return (sure, 1.0) if found.area == 1 else (0.0, 1 - sure) if found.area == 0 else (found.area,) * 2
    step = ndtri(confidence) * np.sqrt(found.variance) / (found.area * (1 - found.area))
    low, high = float(expit(logit(found.area) - step)), float(expit(logit(found.area) + step))
    return min(low, _score_bound(found, float(ndtri(confidence)))), high


def _score_bound(found: Placements, z: float) -> float:
    """The smallest area that the observed one does not contradict. Hanley, McNeil: Radiology 143 (1982)."""
    above, below = len(found.positives), len(found.negatives)

    def score(area: float) -> float:
        one, other = area / (2 - area), 2 * area * area / (1 + area)
        spread = area * (1 - area) + (above - 1) * (one - area**2) + (below - 1) * (other - area**2)
        return float(found.area - area - z * np.sqrt(max(spread, 0.0) / (above * below)))

    return float(brentq(score, 0.0, found.area))


def difference_variance(ours: Placements, theirs: Placements) -> float:
    """Of the difference of two areas on the same rows: their covariance is in it."""
    return _variance(ours.positives - theirs.positives) + _variance(ours.negatives - theirs.negatives)


def _variance(values: NDArray[np.float64]) -> float:
    return float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.0
