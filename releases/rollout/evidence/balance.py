"""Do the arms have the units they should (sample ratio)? If not, no comparison of them means anything.

Counts against the declared shares, by a Dirichlet mixture around them. Lindon and Malek (NeurIPS 2022),
section 2 (multinomial counts), with the concentration of their example.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, xlogy

from releases.rollout.evidence.mixture import Array

CONCENTRATION = 1000.0
"""Of the prior around the declared shares. Larger ones find small faults sooner and gross ones later."""


def log_unbalanced(units: ArrayLike, shares: ArrayLike) -> Array:
    """Log evidence that units are not assigned by `shares`: both [..., arm], shares > 0, summing to 1.

    Of several spells, add them up: their coins are independent.
    """
    counts, declared = np.asarray(units, np.float64), np.asarray(shares, np.float64)
    prior = CONCENTRATION * declared
    gained = (gammaln(prior + counts) - gammaln(prior) - xlogy(counts, declared)).sum(axis=-1)
    return np.asarray(gained + gammaln(CONCENTRATION) - gammaln(CONCENTRATION + counts.sum(axis=-1)))
