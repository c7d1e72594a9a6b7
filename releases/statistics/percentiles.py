"""Percentiles and their intervals by order statistics: exact whatever the distribution."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy.special import bdtr, stdtrit

from formats.dtypes import Array


def value(ordered: Array, share: float) -> float:
    """The percentile of sorted values: the smallest that at least `share` of them do not exceed."""
    return float(ordered[max(0, int(np.ceil(share * len(ordered))) - 1)])


def interval(
    ordered: Array, share: float, confidence: float = 0.95, design_effect: float = 1.0
) -> tuple[float | None, float | None]:
    """The interval between two order statistics whose binomial ranks hold the percentile.

    design_effect   how many measurements are worth one independent one (`design_effect()`).

    None on a side where there are too few values. David and Nagaraja, Order Statistics, section 7.1.
    """
    worth = int(len(ordered) / design_effect)
    low, high = _ranks(worth, share, confidence)
    stretch = len(ordered) / max(worth, 1)
    return (
        float(ordered[int(low * stretch) - 1]) if low else None,
        float(ordered[min(len(ordered), int(np.ceil(high * stretch))) - 1]) if high else None,
    )


def _ranks(count: int, share: float, confidence: float) -> tuple[int, int]:
    """Ranks from 1; 0 where there is none."""
    tail = (1 - confidence) / 2
    low, high = _quantile(tail, count, share), _quantile(1 - tail, count, share) + 1
    return low, high if high <= count else 0


def _quantile(probability: float, count: int, share: float) -> int:
    """The smallest number of successes not exceeded with `probability`; looked for near the middle."""
    middle, spread = count * share, 12 * (count * share * (1 - share)) ** 0.5 + 20
    successes = np.arange(max(0, int(middle - spread)), min(count, int(middle + spread)) + 1)
    return int(successes[np.searchsorted(bdtr(successes, count, share), probability)])


@cache
def least(share: float, discarded: int = 1, risk: float = 0.01) -> int:
    """How many queries a percentile needs before `discarded` of the slowest may lie above its bound.

    P(Bin(n, 1 - share) <= discarded) <= risk: MLPerf Inference, LoadGen's early stopping.
    """
    count = discarded + 1
    while bdtr(discarded, count, 1 - share) > risk:
        count += max(1, count // 64)
    while bdtr(discarded, count - 1, 1 - share) <= risk:
        count -= 1
    return count


def design_effect(blocks: Sequence[Array], limit: float) -> float:
    """How much wider than for independent values the spread of the blocks' shares above `limit` is.

    At least 1. Measurements that follow one another are alike, and an interval that ignores it covers
    half of what it says; blocks are far enough apart. Kish, Survey Sampling (1965), section 5.4, with
    Student's t for the few blocks.
    """
    shares = np.array([float((block > limit).mean()) for block in blocks])
    size = sum(len(block) for block in blocks) / len(blocks)
    overall = float((np.concatenate(list(blocks)) > limit).mean())
    expected = overall * (1 - overall) / size
    if len(blocks) < 2 or not expected:
        return 1.0
    few = float(stdtrit(len(blocks) - 1, 0.975) / stdtrit(10**6, 0.975)) ** 2
    return max(1.0, float(shares.var(ddof=1)) / expected * few)
