"""Trouble that begins late: evidence that forgets the good time before it.

The increments of an e-process in Shiryaev-Roberts form, R <- (R + 1) x likelihood ratio, one step a tick.
Under no change the mean of R less the number of steps is a martingale, so that within N steps it passes
N / alpha with a chance of at most alpha (Doob). Shin, Ramdas and Rinaldo, E-detectors, New England Journal
of Statistics in Data Science 2 (2024), section 2; Pollak, Annals of Statistics 13 (1985).

It depends on the order of the ticks, so its state is carried, and only merged ticks enter it.
"""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import ArrayLike

from releases.rollout.evidence.mixture import Array, log_mean


def start(ratios: int) -> Array:
    """The state before the first tick: log R of each ratio, R = 0."""
    return np.full(ratios, -np.inf)


def step(state: ArrayLike, log_ratios: ArrayLike) -> Array:
    """The state after one more tick, whose log likelihood ratios are on the last axis."""
    return np.asarray(np.logaddexp(np.asarray(state, np.float64), 0.0) + np.asarray(log_ratios, np.float64))


def log_alarm(state: ArrayLike, ticks: int) -> Array:
    """Log evidence over `ticks` steps: at ln(1/alpha) it alarms falsely within them with at most alpha."""
    return np.asarray(log_mean(state) - log(ticks))
