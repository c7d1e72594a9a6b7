"""The metric on parts of the rows, and which parts are beyond the acceptable range, all taken together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from formats.dtypes import Array
from registry.manifest import MetricRange
from releases.statistics.estimates import CONFIDENCE, Estimate, Worth, estimate
from releases.statistics.rows import Judged, Unmeasurable

MOST = 100
"""The largest ones: in smaller slices an interval says nothing, and a page has so many rows."""
LEAST_ROWS = 5
"""Fewer rows say nothing about a slice; they are named, not judged."""


@dataclass(frozen=True, slots=True)
class SliceEstimate:
    """The rows where `name` is `label`. Without an estimate the metric means nothing there.

    level    the confidence that Holm's correction gave to this slice.
    outside  whether the whole of its one-sided interval lies beyond the range's bad end.
    """

    name: str
    label: str
    rows: int
    estimate: Estimate | None
    level: float
    outside: bool


def sliced(
    metric: MetricRange,
    rows: Judged,
    worth: Worth,
    columns: Mapping[str, Array],
    rng: np.random.Generator,
) -> list[SliceEstimate]:
    """The largest slices, at most 100, in the order of their names and labels."""
    found = []
    for name, label, index in _parts(columns):
        found.append((name, label, len(index), _estimate(metric, rows, worth, index, rng)))
    known = [part[3] for part in found if part[3] is not None]
    levels, outside = holm(known, lambda each, level: _is_outside(metric, each, level))
    by_estimate = {id(each): (levels[place], outside[place]) for place, each in enumerate(known)}
    return [
        SliceEstimate(*part, *(by_estimate[id(part[3])] if part[3] is not None else (CONFIDENCE, False)))
        for part in found
    ]


def _parts(columns: Mapping[str, Array]) -> list[tuple[str, str, Array]]:
    parts = []
    for name, column in columns.items():
        labels, codes, sizes = np.unique(column, return_inverse=True, return_counts=True)
        largest = np.argsort(-sizes, kind="stable")[:MOST]
        parts += [(name, str(labels[code]), int(sizes[code]), codes, code) for code in largest]
    parts.sort(key=lambda part: -part[2])
    kept = [(name, label, np.flatnonzero(codes == code)) for name, label, _, codes, code in parts[:MOST]]
    return sorted(kept, key=lambda part: part[:2])


def _estimate(
    metric: MetricRange, rows: Judged, worth: Worth, index: Array, rng: np.random.Generator
) -> Estimate | None:
    if len(index) < LEAST_ROWS:
        return None
    try:
        return estimate(metric, rows.take(index), worth.take(index), rng)
    except Unmeasurable:
        return None


def _is_outside(metric: MetricRange, found: Estimate, level: float) -> bool:
    low, high = found.bounds(level)
    return high < metric.range[0] if metric.sign > 0 else low > metric.range[1]


def holm(
    estimates: Sequence[Estimate], rejected: Callable[[Estimate, float], bool]
) -> tuple[list[float], list[bool]]:
    """Levels and rejections when all slices together may err with 5 %.

    Holm, Scandinavian Journal of Statistics 6 (1979), by bounds in place of p-values: each step gives
    the slices that are left a little more, until none of them is rejected.
    """
    levels, outside = [CONFIDENCE] * len(estimates), [False] * len(estimates)
    left = list(range(len(estimates)))
    while left:
        level = 1 - (1 - CONFIDENCE) / len(left)
        for place in left:
            levels[place] = level
        gone = [place for place in left if rejected(estimates[place], level)]
        for place in gone:
            outside[place] = True
        left = [place for place in left if not outside[place]]
        if not gone:
            break
    return levels, outside
