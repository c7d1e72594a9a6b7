"""Rows for the metrics of labels: one label per row, one per place, or several yes-or-no labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from formats.dtypes import Array
from registry.manifest import METRICS, MetricRange, Reading
from registry.manifest.fitting import squeezed
from releases.statistics import arrays, coding, places, sums
from releases.statistics.arrays import Entries, Ragged
from releases.statistics.coding import Code
from releases.statistics.places import Block
from releases.statistics.resampling import Additive
from releases.statistics.rows import Judged, Judgement, Labels, Truths, Unmeasurable

ONE_CLASS = frozenset({"precision", "recall", "f1", "jaccard"})
ALL_RIGHT = "subset_accuracy"


def judgement(metric: MetricRange, target: Entries, predictions: Sequence[Entries]) -> Judgement:
    """Raises Unmeasurable."""
    for prediction in predictions:
        same_kind(arrays.dtype(target), arrays.dtype(prediction))
    places.same_places(metric, target, predictions)
    found = [coding.distinct(entries) for entries in (target, *predictions)]
    names, (truth, *told) = coding.common(found)
    several, assumed = as_labels(metric, target, found[:2])
    rows: list[Judged] = []
    for prediction, code in zip(predictions, told, strict=True):
        if metric.name == ALL_RIGHT or (several and metric.name == "accuracy"):
            rows.append(_all_right(metric, target, prediction, truth, code))
        elif several:
            rows.append(_label_sets(metric, target, prediction))
        else:
            rows.append(_each(metric, target, prediction, names, truth, code))
    return Judgement(rows, assumed)


def same_kind(target: np.dtype[np.generic], other: np.dtype[np.generic]) -> None:
    if (target.kind in "US") != (other.kind in "US"):
        raise Unmeasurable("the target and the output are not both texts or both numbers")


def as_labels(metric: MetricRange, target: Entries, found: Sequence[Array]) -> tuple[bool, tuple[str, ...]]:
    """Whether the values of a row are yes-or-no labels of their own, and what that takes for granted.

    found  the values that occur. Where the manifest does not say it, 0 and 1 on one axis are labels, as
           scikit-learn reads them.
    """
    binary = all(len(each) <= 2 and set(each.tolist()) <= {0, 1} for each in found)
    if metric.reading == Reading.LABELS:
        if not binary:
            raise Unmeasurable("metric.reading is labels, but there are other values than 0 and 1")
        return True, ()
    shape = squeezed(arrays.row_shape(target))
    known = metric.reading or metric.ignore is not None or isinstance(target, Ragged)
    if known or not METRICS[metric.name].reads_labels or len(shape) != 1 or not binary:
        return False, ()
    return True, (
        f"the {shape[0]} values of a row are taken for yes-or-no labels, each by itself:"
        " if they are places that are judged alike, say metric.reading: places",
    )


def _each(
    metric: MetricRange, target: Entries, prediction: Entries, names: list[object], truth: Code, told: Code
) -> Labels | Additive:
    positive = positive_of(metric, names) if metric.name in ONE_CLASS else None
    classes = max(len(names), 1 + (positive or 0))

    def coded(true: Array, predicted: Array) -> Labels:
        return Labels(truth.of(true), told.of(predicted), classes, positive)

    if places.is_one(metric, target):
        rows = len(target)
        return coded(arrays.flat(target, 0, rows), arrays.flat(prediction, 0, rows))

    def made() -> Iterator[tuple[Block, Additive]]:
        for block in places.blocks(metric, target, prediction):
            labels = coded(block.target, block.predicted)
            yield block, sums.of_labels(metric, labels, np.ones(len(labels.target)))

    return places.summed(made())


def positive_of(metric: MetricRange, names: list[object]) -> int:
    """The code of the class that counts: as the manifest says; else 1, or the second of two."""
    judged = [name for name in names if metric.ignore is None or name != metric.ignore]
    if metric.positive is not None:
        wanted = str(metric.positive) if judged and isinstance(judged[0], str) else metric.positive
        if wanted not in judged:
            raise Unmeasurable(f"the positive label {metric.positive!r} never occurs")
        return names.index(wanted)
    if len(judged) > 2:
        raise Unmeasurable(f"{metric.name} needs metric.positive: there are {len(judged)} labels")
    if judged == [0]:
        return len(names)
    return names.index(judged[-1]) if judged else 0


def _all_right(metric: MetricRange, target: Entries, prediction: Entries, truth: Code, told: Code) -> Labels:
    """Rows of one answer each: 1 where every place is right."""
    right = np.empty(len(target), np.int64)
    for block in places.blocks(metric, target, prediction):
        wrong = truth.of(block.target) != told.of(block.predicted)
        rows = block.stop - block.start
        right[block.start : block.stop] = np.bincount(block.codes, weights=wrong, minlength=rows) == 0
    return Labels(np.ones_like(right), right, 2)


def _label_sets(metric: MetricRange, target: Entries, prediction: Entries) -> Additive:
    return sums.of_label_sets(metric, yes(target), yes(prediction))


def yes(entries: Entries) -> Truths:
    """Labels of 0 and 1 as truths, shape (rows, labels)."""
    rows = len(entries)
    return np.asarray(arrays.flat(entries, 0, rows).reshape(rows, -1) == 1)
