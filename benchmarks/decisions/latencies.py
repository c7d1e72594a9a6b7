"""Row 15: a canary that is as fast, slower everywhere, or much slower for few."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import log

import numpy as np

from benchmarks.decisions.rows import Dice, Found, Row, median, shares_of
from benchmarks.decisions.streams import BAR, counted, first, holds
from releases.rollout.evidence import latency
from releases.rollout.evidence.mixture import Array

SHARE = 0.05
_QUANTILES = (0.5, 0.9, 0.99, 0.999)
_SPREAD = 0.5
"""Latencies are lognormal with this sigma; thresholds are their p50, p90, p99 and p99.9."""
_BLOCK, _TOGETHER = 100, 50
_FINEST = 200_000

Law = Callable[[Dice, tuple[int, ...]], Array]


def same(rng: Dice, size: tuple[int, ...]) -> Array:
    return np.asarray(_SPREAD * rng.standard_normal(size))


def slower(factor: float) -> Law:
    return lambda rng, size: same(rng, size) + log(factor)


def slow_for_few(rng: Dice, size: tuple[int, ...]) -> Array:
    return np.asarray(same(rng, size) + log(3) * (rng.random(size) < 0.02))


def _bins(law: Law, rng: Dice) -> Array:
    """The chance to fall between the thresholds, by a large sample."""
    edges = np.quantile(same(rng, (_FINEST * 10,)), _QUANTILES)
    places = np.searchsorted(edges, law(rng, (_FINEST * 10,)), side="right")
    return np.bincount(places, minlength=len(edges) + 1) / (_FINEST * 10)


def _evidence(rng: Dice, runs: int, requests: int, new: Array, old: Array) -> Iterator[Array]:
    """Log evidence after every hundred requests, some runs at a time."""
    looks = requests // _BLOCK
    expected = [1 - q for q in _QUANTILES]
    for start in range(0, runs, _TOGETHER):
        size = (min(_TOGETHER, runs - start), looks)
        units = rng.binomial(_BLOCK, SHARE, size)
        ours, theirs = (_cells(rng.multinomial(n, p)) for n, p in ((units, new), (_BLOCK - units, old)))
        yield latency.log_worse(ours, theirs, [SHARE], expected)


def _cells(drawn: np.ndarray) -> Array:
    """Requests per stretch between thresholds -> [run, look, 1, threshold, (units, longer)]."""
    running = drawn.cumsum(axis=1)
    longer = running[..., ::-1].cumsum(axis=-1)[..., ::-1]
    units = np.broadcast_to(longer[..., :1], longer[..., 1:].shape)
    return np.stack([units, longer[..., 1:]], axis=-1)[:, :, None].astype(np.float64)


def _times(rng: Dice, runs: int, requests: int, law: Law) -> Array:
    new, old = _bins(law, rng), np.diff([0.0, *_QUANTILES, 1.0])
    at = _BLOCK * np.arange(1.0, requests // _BLOCK + 1)[None]
    drawn = _evidence(rng, runs, requests, new if law is not same else old, old)
    return np.concatenate([first(np.broadcast_to(at, e.shape), e, BAR) for e in drawn])


def speeds(rng: Dice, quick: bool) -> Found:
    runs = 50 if quick else 1000
    false = counted(_times(rng, 4 * runs, 100_000, same))
    laws = ((slower(1.1), 100_000), (slower(1.2), 30_000), (slow_for_few, 300_000))
    halfway = [median(_times(rng, min(runs, 400), requests, law)) for law, requests in laws]
    return Found(
        f"{shares_of(false, 4 * runs)}; " + "; ".join(f"{each:,.0f}" for each in halfway),
        holds(false, 4 * runs) and all(a <= b for a, b in zip(halfway, (14e3, 4e3, 6e4), strict=True)),
        {"false": false, "runs": 4 * runs, "medians": halfway},
    )


ROWS = (
    Row(
        15,
        "Latency, 5 % share: false in 100,000 requests; requests until 10 % slower, 20 % slower, 3 x slower"
        " for 2 % are caught",
        "at most 1 %; at most 14,000; 4,000; 60,000",
        "1 %",
        "per request with heavy users: 31 % false",
        speeds,
    ),
)
