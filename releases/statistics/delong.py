"""The area under the ROC curve, its variance, and two of them on the same rows.

DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), by the ranks of Sun and Xu, IEEE Signal
Processing Letters 21 (2014): n log n instead of every pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import norm, rankdata

Array = NDArray[Any]


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

    Without spread (a perfect order) there is no variance to go by: then the bound is that of as many
    independent pairs as can be made, all of which were right.
    """
    pairs = min(len(found.positives), len(found.negatives))
    if not found.variance:
        sure = float((1 - confidence) ** (1 / pairs))
        return (sure, 1.0) if found.area == 1 else (0.0, 1 - sure) if found.area == 0 else (found.area,) * 2
    step = norm.ppf(confidence) * np.sqrt(found.variance) / (found.area * (1 - found.area))
    return float(expit(logit(found.area) - step)), float(expit(logit(found.area) + step))


def difference_variance(ours: Placements, theirs: Placements) -> float:
    """Of the difference of two areas on the same rows: their covariance is in it."""
    return _variance(ours.positives - theirs.positives) + _variance(ours.negatives - theirs.negatives)


def _variance(values: NDArray[np.float64]) -> float:
    return float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.0
