"""Averages of evidence, kept as logs. An average of e-processes is one; so is a product of independent ones.

Ramdas, Grünwald, Vovk and Shafer, Game-theoretic statistics and safe anytime-valid inference,
Statistical Science 38 (2023), sections 3 and 5.
"""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def log_mean(logs: ArrayLike, weights: ArrayLike | None = None) -> Array:
    """Log of the (weighted) mean of exp(logs) over the last axis; weights sum to 1."""
    given = np.asarray(logs, np.float64)
    parts = -log(given.shape[-1]) if weights is None else np.log(np.asarray(weights, np.float64))
    return np.asarray(np.logaddexp.reduce(given + parts, axis=-1))


def threshold(alpha: float) -> float:
    """The log evidence at which a verdict with this chance of being wrong is reached: ln(1/alpha)."""
    return -log(alpha)
