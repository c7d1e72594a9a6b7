"""Rows for the metrics of scores: one per class, one for the second of two, or one for each label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from formats.dtypes import Array
from registry.manifest import MetricRange, fitting
from registry.manifest.fitting import ORDERED
from releases.statistics import arrays, coding, labels, places, sums
from releases.statistics.arrays import Entries, Floats
from releases.statistics.coding import Code
from releases.statistics.places import Block
from releases.statistics.resampling import Additive
from releases.statistics.rows import (
    Judged,
    Judgement,
    Places,
    Scores,
    SeveralScores,
    Unmeasurable,
)

PROBABILITIES = frozenset({"log_loss", "brier", "ece"})
ONE_CLASS = frozenset({"roc_auc", "average_precision"})
_SUM = 1e-3
"""What rounding to three digits and half precision make of probabilities that sum to one."""
_SHOWN = 12
"""Names of classes in one sentence."""


def judgement(metric: MetricRange, target: Entries, predictions: Sequence[Entries]) -> Judgement:
    """Raises Unmeasurable, and Misfit where it is not clear which axis holds the classes."""
    found, assumed = coding.distinct(target), tuple[str, ...]()
    rows: list[Judged] = []
    for prediction in predictions:
        if arrays.dtype(prediction).kind not in "iuf":
            raise Unmeasurable(f"{metric.name} needs numbers, the output has {arrays.dtype(prediction)}")
        axis = fitting.class_axis(metric, arrays.row_shape(prediction), arrays.row_shape(target))
        several, noted = labels.as_labels(metric, target, [found]) if axis is None else (False, ())
        if several:
            rows.append(_label_scores(target, prediction))
        else:
            names, noted = _names(metric, found, _columns(prediction, axis))
            rows.append(_scores(metric, target, prediction, axis, names, _code(metric, found, names)))
        assumed = assumed or noted
    return Judgement(rows, assumed)


def _label_scores(target: Entries, prediction: Entries) -> SeveralScores:
    rows = len(target)
    told = arrays.flat(prediction, 0, rows).reshape(rows, -1).astype(np.float64)
    return SeveralScores(labels.yes(target), told)


def _columns(prediction: Entries, axis: int | None) -> int:
    """How many classes there are: one score stands for two."""
    length = 1 if axis is None else arrays.row_shape(prediction)[axis]
    return max(length, 2)


def _names(metric: MetricRange, found: Array, columns: int) -> tuple[list[object], tuple[str, ...]]:
    """The labels of the columns in their order, and whether that order is only assumed."""
    texts = found.dtype.kind in "US"
    if metric.classes:
        if len(metric.classes) != columns:
            raise Unmeasurable(
                f"metric.classes has {len(metric.classes)} labels, the output {columns} columns"
            )
        return [str(name) if texts else name for name in metric.classes], ()
    if texts:
        raise Unmeasurable("the target holds texts: give them in the order of the columns in metric.classes")
    names = [name for name in found.tolist() if name != metric.ignore]
    if set(names) <= set(range(columns)):
        return list(range(columns)), ()
    if len(names) != columns:
        raise Unmeasurable(
            f"the output has {columns} columns, the target {len(names)} labels: name them in metric.classes"
        )
    said = ", ".join(str(name) for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return names, (f"the columns are taken for the labels {said}, in this order: metric.classes can say it",)


def _code(metric: MetricRange, found: Array, names: list[object]) -> Code:
    places_of = {name: place for place, name in enumerate(names)}
    for label in found.tolist():
        if label not in places_of and (metric.ignore is None or label != metric.ignore):
            raise Unmeasurable(f"the target {label!r} is none of the output's classes")
    return Code(found, np.array([places_of.get(label, 0) for label in found.tolist()], np.int64))


def _scores(
    metric: MetricRange,
    target: Entries,
    prediction: Entries,
    axis: int | None,
    names: list[object],
    code: Code,
) -> Scores | Places | Additive:
    one = metric.name in ONE_CLASS or metric.positive is not None
    one = one or (metric.name == "brier" and len(names) == 2)
    positive = labels.positive_of(metric, names) if one else None

    def scored(true: Array, told: Array) -> Scores:
        return Scores(code.of(true), _of_classes(metric, told), positive)

    rows = len(target)
    if places.is_one(metric, target):
        told = arrays.flat(prediction, 0, rows) if axis is None else arrays.columns(prediction, 0, rows, axis)
        return scored(arrays.flat(target, 0, rows), told)
    blocks = places.blocks(metric, target, prediction, axis)
    if metric.name in ORDERED:
        return places.together(rows, ((b, _slim(scored(b.target, b.predicted))) for b in blocks), _joined)

    def made() -> Iterator[tuple[Block, Additive]]:
        for block in blocks:
            each = scored(block.target, block.predicted)
            yield block, sums.OF_SCORES[metric.name](metric, each, np.ones(len(each.target)))

    return places.summed(made())


def _of_classes(metric: MetricRange, told: Array) -> Floats:
    """One column per class; a single one is the probability of the second of two."""
    scores = told.astype(np.float64)
    scores = scores[:, 0] if scores.ndim == 2 and scores.shape[1] == 1 else scores
    if metric.name in PROBABILITIES and scores.size:
        _probabilities(scores)
    if scores.ndim == 1:
        scores = np.stack([1 - scores, scores], axis=1)
    if metric.name == "log_loss":
        scores = scores / scores.sum(axis=1, keepdims=True)
    return scores


def _probabilities(scores: Floats) -> None:
    if scores.min() < -_SUM or scores.max() > 1 + _SUM:
        raise Unmeasurable("the output is no probability: it leaves the range from 0 to 1")
    if scores.ndim == 2 and np.abs(scores.sum(axis=1) - 1).max() > _SUM:
        raise Unmeasurable("the output's probabilities do not sum to 1 in each row")
    np.clip(scores, 0.0, 1.0, out=scores)


def _slim(rows: Scores) -> Scores:
    """Only the class that counts, where one does: the others' scores need no room."""
    if rows.positive is None:
        return rows
    away = (rows.target != rows.positive).astype(np.int64)
    return Scores(away, rows.scores[:, rows.positive][:, None], 0)


def _joined(parts: Sequence[Scores]) -> Scores:
    target = np.concatenate([part.target for part in parts])
    return Scores(target, np.concatenate([part.scores for part in parts]), parts[0].positive)
