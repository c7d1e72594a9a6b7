"""Rare bad events in a random split: which arm each of them fell into is a biased coin of known bias.

With no difference a bad event is the new version's with exactly its share w of the units, whatever the
traffic, the ramp or a shared outage do to the rate itself. Lindon and Malek, Anytime-valid inference for
multinomial count data, NeurIPS 2022, sections 2 and 4; their time-inhomogeneous Bernoulli processes.

All functions take counts with one entry per spell on the last axis; leading axes are whatever the caller
likes (runs of a simulation, looks). Spells of share 0 or 1 say nothing and are to be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import exp, log

import numpy as np
from numpy.typing import ArrayLike

from releases.rollout.evidence.mixture import Array, log_mean, threshold
from releases.rollout.evidence.proportion import HALVINGS

RATIOS: tuple[float, ...] = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""How many times as often a worse version may be bad: what the evidence is averaged over."""

FINE: tuple[float, ...] = (1.02, 1.05, 1.1, 1.2, 1.35, *RATIOS[1:])
"""For what a business measures: there a few percent are worth finding."""

_LOG_RATIOS: Mapping[tuple[float, ...], Array] = {ratios: np.log(ratios) for ratios in (RATIOS, FINE)}
_WIDEST = log(1000.0)
_GRID = np.linspace(-log(32.0), log(32.0), 129)
"""For intervals: a finer mixture of both directions, so that they close in on the ratio itself."""
_FEW = 64
"""Spells of a rollout of which what an event says is remembered; of more it is worked out each time."""


def log_likelihoods(new: ArrayLike, old: ArrayLike, shares: ArrayLike, log_ratios: ArrayLike) -> Array:
    """Log likelihood ratio of each risk ratio against 1, on a last axis of its own.

    new, old    units with a bad event, per spell
    shares      of the new version among the two, per spell: as assigned, never as observed
    """
    logs = np.asarray(log_ratios, np.float64)
    bad, both = np.asarray(new, np.float64), np.add(new, old, dtype=np.float64)
    per_event = _per_event(np.asarray(shares, np.float64), logs)
    return np.asarray(bad.sum(axis=-1)[..., None] * logs - both @ per_event)


def _per_event(shares: Array, logs: Array) -> Array:
    """What an event of either arm says of each ratio. The same for all metrics, and from tick to tick
    as long as no other shares have stood."""
    if shares.ndim != 1 or shares.size > _FEW:
        return np.asarray(np.log1p(np.expm1(logs) * shares[..., None]))
    return _remembered(shares.tobytes(), logs.tobytes())


@lru_cache(maxsize=1024)
def _remembered(shares: bytes, logs: bytes) -> Array:
    made = np.log1p(np.expm1(np.frombuffer(logs)) * np.frombuffer(shares)[..., None])
    made.flags.writeable = False
    return np.asarray(made)


def log_ratios_per_tick(new: ArrayLike, old: ArrayLike, shares: ArrayLike) -> Array:
    """The same for `RATIOS`: what `onset` multiplies its state with."""
    return log_likelihoods(new, old, shares, _LOG_RATIOS[RATIOS])


def log_worse(new: ArrayLike, old: ArrayLike, shares: ArrayLike, ratios: tuple[float, ...] = RATIOS) -> Array:
    """Log evidence that the new version is bad more often: roll back at ln(1/alpha).

    ratios   RATIOS or FINE
    """
    return log_mean(log_likelihoods(new, old, shares, _LOG_RATIOS[ratios]))


def log_safe(new: ArrayLike, old: ArrayLike, shares: ArrayLike, allowed: float) -> Array:
    """Log evidence that it is bad less than `allowed` times as often: promote at ln(1/alpha).

    The likelihood of equal risk against that of the allowed ratio, which is the least favourable one.
    """
    return -log_likelihoods(new, old, shares, [log(allowed)])[..., 0]


def interval(
    new: Sequence[float], old: Sequence[float], shares: Sequence[float], alpha: float
) -> tuple[float, float]:
    """The risk ratios that the counts do not speak against: covers at all looks together with 1 - alpha.

    Ratio r is left out once the mixture is 1/alpha times as likely as r; log r -> log likelihood is
    concave, so what is left is one interval.
    """
    least = float(log_mean(log_likelihoods(new, old, shares, _GRID))) - threshold(alpha)

    def kept(x: float) -> bool:
        return bool(log_likelihoods(new, old, shares, [x])[0] >= least)

    xs = np.linspace(-_WIDEST, _WIDEST, 401)
    best = float(xs[log_likelihoods(new, old, shares, xs).argmax()])
    low = 0.0 if kept(-_WIDEST) else exp(_edge(kept, best, -_WIDEST))
    high = float("inf") if kept(_WIDEST) else exp(_edge(kept, best, _WIDEST))
    return low, high


def _edge(kept: Callable[[float], bool], inside: float, outside: float) -> float:
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if kept(middle) else (inside, middle)
    return outside
