"""Requests of which only the bad ones are drawn: between them no count changes, so nothing is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from benchmarks.decisions.rows import Dice
from releases.rollout.evidence.mixture import Array
from releases.statistics.proportions import clopper_pearson

ALPHA = 0.01
BAR = -log(ALPHA)
_CHUNK = 1_000_000


@dataclass(frozen=True, slots=True)
class Stream:
    """`at` is the request of each bad event, `new` and `old` how many of either arm there were by then."""

    at: Array
    new: Array
    old: Array


def streams(
    rng: Dice, runs: int, horizon: int, rate: float, side: float, extra: float = 1.1
) -> Iterator[Stream]:
    """`runs` streams, some at a time: a request is bad with `rate`, and then the new arm's with `side`."""
    events = int(horizon * rate * extra) + 50
    together = max(1, _CHUNK // events)
    for start in range(0, runs, together):
        size = (min(together, runs - start), events)
        at = rng.geometric(rate, size).cumsum(axis=1).astype(np.float64)
        new = (rng.random(size) < side).cumsum(axis=1).astype(np.float64)
        yield Stream(at, new, np.arange(1, events + 1) - new)


def first(at: Array, log_e: Array, bar: float, horizon: float = np.inf) -> Array:
    """When each run's evidence first reached the bar; infinite where it did not within the horizon."""
    over = (log_e >= bar) & (at <= horizon)
    reached = over.any(axis=1)
    index = over.argmax(axis=1)
    return np.where(
        reached, np.take_along_axis(np.broadcast_to(at, over.shape), index[:, None], 1)[:, 0], np.inf
    )


def passages(
    drawn: Iterator[Stream],
    judge: Callable[[Stream], Array],
    bar: float = BAR,
    horizon: float = np.inf,
) -> Array:
    """When each run of all streams was decided."""
    return np.concatenate([first(stream.at, judge(stream), bar, horizon) for stream in drawn])


def mixed(share: float, new: float, old: float) -> tuple[float, float]:
    """Two rates of bad requests -> the rate of both arms together, and the new arm's part of it."""
    rate = share * new + (1 - share) * old
    return rate, share * new / rate


def least(share: float, new: float, old: float, alpha: float = ALPHA) -> float:
    """The mean number of requests that no valid rule gets by with: ln(1/alpha) over the information of one.

    Against the nearest pair of equal rates, which the arms may share. Wald (1945).
    """
    same, _ = mixed(share, new, old)
    return -log(alpha) / (share * divergence(new, same) + (1 - share) * divergence(old, same))


def divergence(p: float, q: float) -> float:
    """Kullback and Leibler's, of two coins."""
    return p * log(p / q) + (1 - p) * log((1 - p) / (1 - q))


def holds(hits: int, runs: int, alpha: float = ALPHA) -> bool:
    """Is the chance at most alpha, as far as so many runs can tell?

    No if they speak against it; and of 4,000 and more the upper 95 % bound is to be below 1.3 alpha.
    """
    low, high = clopper_pearson(hits, runs)
    return low <= alpha and (runs < 4000 or high <= 1.3 * alpha)


def counted(hit: NDArray[np.bool_] | Array) -> int:
    """How many runs: of times, those that came at all."""
    return int(np.isfinite(hit).sum()) if hit.dtype == np.float64 else int(hit.sum())
