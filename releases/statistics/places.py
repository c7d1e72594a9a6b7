"""Rows of many places: each place is judged as if it were a row, and what they come to is a row's.

The rows stay the unit: pixels of one image are no independent witnesses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.sparse import vstack

from formats.dtypes import Array
from registry.manifest import MetricRange, fitting
from releases.statistics import arrays
from releases.statistics.arrays import Codes, Entries
from releases.statistics.resampling import Additive
from releases.statistics.rows import Numbers, Places, Scores, Unmeasurable

Each = TypeVar("Each", Scores, Numbers)


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows' places one after the other.

    target     shape (places,).
    predicted  shape (places,), or (places, classes).
    codes      the row of each, counted from `start`.
    """

    start: int
    stop: int
    target: Array
    predicted: Array
    codes: Codes


def is_one(metric: MetricRange, target: Entries) -> bool:
    """Whether each row has exactly one value, and all of them count."""
    return metric.ignore is None and set(arrays.row_shape(target)) <= {1}


def same_places(metric: MetricRange, target: Entries, predictions: Sequence[Entries]) -> None:
    """Raises Unmeasurable unless each value of the output stands against one of the target."""
    for prediction in predictions:
        ours, theirs = arrays.row_shape(prediction), arrays.row_shape(target)
        if not fitting.agree(ours, theirs):
            raise Unmeasurable(
                f"{metric.name} compares values one by one: a row of the output has shape {list(ours)},"
                f" a row of the target {list(theirs)}"
            )
        _same_sizes(arrays.sizes(prediction), arrays.sizes(target))


def _same_sizes(ours: Codes, theirs: Codes) -> None:
    if (differ := ours != theirs).any():
        row = int(differ.argmax())
        raise Unmeasurable(f"in row {row} the output has {ours[row]} places, the target {theirs[row]}")


def blocks(
    metric: MetricRange, target: Entries, prediction: Entries, axis: int | None = None
) -> Iterator[Block]:
    """All rows, about a million places at a time. `axis` of a row's prediction holds the classes, if any.

    Places whose target is to be ignored are left out.
    """
    counts = arrays.sizes(target)
    scores = arrays.sizes(prediction)
    if axis is not None:
        scores = scores // np.maximum(_lengths(prediction, axis), 1)
    _same_sizes(scores, counts)
    widest = np.maximum(arrays.sizes(prediction), counts)
    for start, stop in arrays.blocks(widest):
        truth = arrays.flat(target, start, stop)
        if axis is None:
            told = arrays.flat(prediction, start, stop)
        else:
            told = arrays.columns(prediction, start, stop, axis)
        codes = np.repeat(np.arange(stop - start), counts[start:stop])
        if metric.ignore is not None:
            kept = np.flatnonzero(truth != _typed(metric.ignore, truth))
            truth, told, codes = truth[kept], told[kept], codes[kept]
        yield Block(start, stop, truth, told, codes)


def _lengths(prediction: Entries, axis: int) -> Codes:
    if isinstance(prediction, arrays.Ragged):
        return prediction.shapes[:, axis]
    return np.full(len(prediction), prediction.shape[1:][axis], np.int64)


def _typed(ignore: object, truth: Array) -> object:
    """Texts are compared with texts, and never with a number."""
    return str(ignore) if truth.dtype.kind in "US" else ignore


def summed(made: Iterable[tuple[Block, Additive]]) -> Additive:
    """Sums over each row's places; `made` has a block's places as if they were rows."""
    parts, finish = [], None
    for block, additive in made:
        parts.append(additive.over(block.codes, block.stop - block.start).columns)
        finish = additive.finish
    assert finish is not None  # noqa: S101 - there is at least one row
    return Additive(vstack(parts, format="csr"), finish)


def together(rows: int, made: Iterable[tuple[Block, Each]], join: Callable[[Sequence[Each]], Each]) -> Places:
    """All places at once, for a metric that needs their order."""
    parts = [(each, block.codes + block.start) for block, each in made]
    return Places(join([each for each, _ in parts]), np.concatenate([codes for _, codes in parts]), rows)
