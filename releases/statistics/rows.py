"""Rows to be judged, in the form that a metric needs: label codes, probabilities, or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.manifest import METRICS, Kind, MetricRange

Array = NDArray[Any]
Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

PROBABILITIES = frozenset({"log_loss", "brier", "ece"})
ONE_CLASS = frozenset({"precision", "recall", "f1", "roc_auc", "average_precision"})
_SUM = 1e-3


class Unmeasurable(ValueError):
    """Why a metric cannot be computed from these rows, as one sentence about them."""


@dataclass(frozen=True, slots=True)
class Labels:
    """True and predicted labels as codes 0..classes-1. `positive` is the code that counts, or None."""

    target: Codes
    predicted: Codes
    classes: int
    positive: int | None = None

    def take(self, index: Array) -> Labels:
        return Labels(self.target[index], self.predicted[index], self.classes, self.positive)


@dataclass(frozen=True, slots=True)
class Scores:
    """True classes as codes, and one column of scores per class. `positive` as in Labels."""

    target: Codes
    scores: Floats
    positive: int | None = None

    def take(self, index: Array) -> Scores:
        return Scores(self.target[index], self.scores[index], self.positive)

    @property
    def classes(self) -> int:
        return int(self.scores.shape[1])


@dataclass(frozen=True, slots=True)
class Numbers:
    """True and predicted numbers, both of shape (N, outputs)."""

    target: Floats
    predicted: Floats

    def take(self, index: Array) -> Numbers:
        return Numbers(self.target[index], self.predicted[index])


Judged = Labels | Scores | Numbers


def judged(metric: MetricRange, target: Array, predictions: Sequence[Array]) -> list[Judged]:
    """The rows once per predictor; several share one coding of the labels, so that they can be compared.

    target       shape (N,), or (N, outputs) for numbers.
    predictions  each of shape (N,), (N, 1), or (N, classes) where the metric needs probabilities.

    Raises Unmeasurable with a sentence.
    """
    target = _squeezed(target)
    squeezed = [_squeezed(prediction) for prediction in predictions]
    for prediction in squeezed:
        if len(prediction) != len(target):
            raise Unmeasurable(f"there are {len(prediction)} predictions for {len(target)} targets")
        _finite(prediction, "the output")
    _finite(target, "the target")
    match METRICS[metric.name].kind:
        case Kind.LABEL:
            return list(_labels(metric, target, squeezed))
        case Kind.PROBABILITY:
            return [_scores(metric, target, prediction) for prediction in squeezed]
        case Kind.REGRESSION:
            return [_numbers(target, prediction) for prediction in squeezed]


def _squeezed(array: Array) -> Array:
    while array.ndim > 1 and array.shape[-1] == 1:
        array = array[..., 0]
    return array.astype(np.int64) if array.dtype.kind == "b" else array


def _finite(array: Array, words: str) -> None:
    if array.dtype.kind != "f":
        return
    bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    if bad.any():
        raise Unmeasurable(
            f"{words} is not a finite number in {int(bad.sum())} rows; the first is row {int(bad.argmax())}"
        )


def _labels(metric: MetricRange, target: Array, predictions: Sequence[Array]) -> list[Labels]:
    for array in (target, *predictions):
        if array.ndim != 1:
            raise Unmeasurable(
                f"{metric.name} compares one label per row; there is an array of shape {list(array.shape)}"
            )
        _same_kind(target, array)
    names, codes = np.unique(np.concatenate([target, *predictions]), return_inverse=True)
    truth, *predicted = np.split(codes.astype(np.int64), len(predictions) + 1)
    positive = _positive(metric, names) if metric.name in ONE_CLASS else None
    classes = max(len(names), 1 + (positive or 0))
    return [Labels(truth, each, classes, positive) for each in predicted]


def _same_kind(target: Array, array: Array) -> None:
    if (target.dtype.kind in "US") != (array.dtype.kind in "US"):
        raise Unmeasurable("the target and the output are not both texts or both numbers")


def _positive(metric: MetricRange, names: Array) -> int:
    """The code of the class that counts: as the manifest says; else 1, or the second of two."""
    if metric.positive is not None:
        wanted = str(metric.positive) if names.dtype.kind == "U" else metric.positive
        found = np.flatnonzero(names == wanted)
        if not found.size:
            raise Unmeasurable(f"the positive label {metric.positive!r} never occurs")
        return int(found[0])
    if len(names) > 2:
        raise Unmeasurable(f"{metric.name} needs metric.positive: there are {len(names)} labels")
    if names.dtype.kind != "U" and set(names.tolist()) == {0}:
        return 1
    return len(names) - 1


def _scores(metric: MetricRange, target: Array, prediction: Array) -> Scores:
    if prediction.dtype.kind not in "iuf" or prediction.ndim > 2 or target.ndim != 1:
        raise Unmeasurable(
            f"{metric.name} needs one target per row and numbers of shape (rows, classes), the output has"
            f" {prediction.dtype} of shape {list(prediction.shape)}"
        )
    scores = prediction.astype(np.float64)
    if metric.name in PROBABILITIES:
        _probabilities(scores)
    if scores.ndim == 1:
        scores = np.stack([1 - scores, scores], axis=1)
    names = _classes(metric, target, scores.shape[1])
    codes = _codes(names, target)
    if metric.name == "log_loss":
        scores = scores / scores.sum(axis=1, keepdims=True)
    one = metric.name in ONE_CLASS or metric.positive is not None
    one = one or (metric.name == "brier" and len(names) == 2)
    return Scores(codes, scores, _positive(metric, names) if one else None)


def _probabilities(scores: Floats) -> None:
    if scores.min() < -_SUM or scores.max() > 1 + _SUM:
        raise Unmeasurable("the output is no probability: it leaves the range from 0 to 1")
    if scores.ndim == 2 and np.abs(scores.sum(axis=1) - 1).max() > _SUM:
        raise Unmeasurable("the output's probabilities do not sum to 1 in each row")
    np.clip(scores, 0.0, 1.0, out=scores)


def _classes(metric: MetricRange, target: Array, columns: int) -> Array:
    """The labels of the columns, in their order."""
    if metric.classes:
        if len(metric.classes) != columns:
            raise Unmeasurable(
                f"metric.classes has {len(metric.classes)} labels, the output {columns} columns"
            )
        return np.array(
            [str(name) for name in metric.classes] if target.dtype.kind == "U" else metric.classes
        )
    names = np.unique(target)
    if target.dtype.kind in "iuf" and np.isin(names, np.arange(columns)).all():
        return np.arange(columns)
    if len(names) == columns:
        return names
    raise Unmeasurable(
        f"the output has {columns} columns, the target {len(names)} labels: name them in metric.classes"
    )


def _codes(names: Array, target: Array) -> Codes:
    _same_kind(names, target)
    order = np.argsort(names, kind="stable")
    place = np.clip(np.searchsorted(names, target, sorter=order), 0, len(names) - 1)
    codes = order[place]
    wrong = names[codes] != target
    if wrong.any():
        raise Unmeasurable(f"the target {target[wrong][0].item()!r} is none of the output's classes")
    return codes.astype(np.int64)


def _numbers(target: Array, prediction: Array) -> Numbers:
    if target.dtype.kind not in "iuf" or prediction.dtype.kind not in "iuf":
        raise Unmeasurable("the target and the output must be numbers")
    if target.shape != prediction.shape or target.ndim > 2:
        raise Unmeasurable(f"the output has shape {list(prediction.shape)}, the target {list(target.shape)}")
    shape = (len(target), -1)
    return Numbers(target.astype(np.float64).reshape(shape), prediction.astype(np.float64).reshape(shape))
