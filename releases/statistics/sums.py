"""The metrics that are functions of sums over rows: what each row adds, and what the sums come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from registry.manifest import MetricRange
from releases.statistics.arrays import Floats
from releases.statistics.metrics import BINS, calibration, hits, one_class
from releases.statistics.resampling import Additive, Sums, sparse
from releases.statistics.rows import Labels, Numbers, Scores, Truths

Weight = NDArray[np.float64]


class Tally(NamedTuple):
    """Per class, shape (resamples, classes): rows rightly predicted, truly of it, predicted as it."""

    right: Floats
    true: Floats
    predicted: Floats


def of_labels(metric: MetricRange, rows: Labels, weight: Weight) -> Additive:
    """Each row adds to three of the sums: its true class, its predicted one, and one of both if right."""
    count, classes = len(rows.target), rows.classes
    places = np.stack([rows.target, rows.target + classes, rows.predicted + 2 * classes], axis=1)
    amounts = np.stack([weight * (rows.target == rows.predicted), weight, weight], axis=1)
    starts = np.arange(0, 3 * count + 1, 3)
    columns = csr_array((amounts.reshape(-1), places.reshape(-1), starts), shape=(count, 3 * classes))
    finish = FROM_TALLY[metric.name]
    positive = rows.positive or 0

    def finished(sums: Sums) -> Floats:
        return finish(Tally(*np.split(sums, 3, axis=1)), positive)

    return Additive(columns, finished)


def _ratio(above: Floats, below: Floats) -> Floats:
    """0 where there is nothing to divide by, as scikit-learn's zero_division=0."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _mean_where(values: Floats, present: NDArray[np.bool_]) -> Floats:
    return np.asarray((values * present).sum(axis=1) / present.sum(axis=1))


def _precision(tally: Tally) -> Floats:
    return _ratio(tally.right, tally.predicted)


def _recall(tally: Tally) -> Floats:
    return _ratio(tally.right, tally.true)


def _f1(tally: Tally) -> Floats:
    return _ratio(2 * tally.right, tally.true + tally.predicted)


def _jaccard(tally: Tally) -> Floats:
    return _ratio(tally.right, tally.true + tally.predicted - tally.right)


PerClass = Callable[[Tally], Floats]
FromTally = Callable[[Tally, int], Floats]


def _of_one(score: PerClass) -> FromTally:
    return lambda tally, positive: score(tally)[:, positive]


def _macro(score: PerClass) -> FromTally:
    """Over the classes that occur in the resample, as truth or as prediction."""
    return lambda tally, _: _mean_where(score(tally), tally.true + tally.predicted > 0)


def _by_weight(score: PerClass) -> FromTally:
    return lambda tally, _: np.asarray((score(tally) * tally.true).sum(axis=1) / tally.true.sum(axis=1))


def _accuracy(tally: Tally, _: int) -> Floats:
    return np.asarray(tally.right.sum(axis=1) / tally.true.sum(axis=1))


def _matthews(tally: Tally, _: int) -> Floats:
    """Gorodkin's R for any number of classes."""
    total = tally.true.sum(axis=1)
    together = tally.right.sum(axis=1) * total - (tally.true * tally.predicted).sum(axis=1)
    spread = (total**2 - (tally.true**2).sum(axis=1)) * (total**2 - (tally.predicted**2).sum(axis=1))
    return _ratio(together, np.sqrt(np.maximum(spread, 0)))


def _kappa(tally: Tally, _: int) -> Floats:
    total = tally.true.sum(axis=1)
    by_chance = (tally.true * tally.predicted).sum(axis=1) / total**2
    return np.asarray((tally.right.sum(axis=1) / total - by_chance) / (1 - by_chance))


FROM_TALLY: Mapping[str, FromTally] = {
    "accuracy": _accuracy,
    "subset_accuracy": _accuracy,
    "hamming": lambda tally, _: 1 - _accuracy(tally, 0),
    "balanced_accuracy": lambda tally, _: _mean_where(_recall(tally), tally.true > 0),
    "precision": _of_one(_precision),
    "precision_micro": _accuracy,
    "precision_macro": _macro(_precision),
    "precision_weighted": _by_weight(_precision),
    "recall": _of_one(_recall),
    "recall_micro": _accuracy,
    "recall_macro": _macro(_recall),
    "recall_weighted": _by_weight(_recall),
    "f1": _of_one(_f1),
    "f1_micro": _accuracy,
    "f1_macro": _macro(_f1),
    "f1_weighted": _by_weight(_f1),
    "jaccard": _of_one(_jaccard),
    "jaccard_macro": _macro(_jaccard),
    "matthews": _matthews,
    "cohen_kappa": _kappa,
}


def of_label_sets(metric: MetricRange, target: Truths, predicted: Truths) -> Additive:
    """Several yes-or-no labels per row, both of shape (rows, labels); each label is tallied by itself."""
    columns = np.concatenate([target & predicted, target, predicted], axis=1)
    finish = FROM_LABEL_SETS[metric.name]
    return Additive(
        sparse(columns.astype(np.float64)), lambda sums: finish(Tally(*np.split(sums, 3, axis=1)))
    )


def _micro(score: PerClass) -> PerClass:
    """As if all labels were one."""
    return lambda tally: score(Tally(*(each.sum(axis=1, keepdims=True) for each in tally)))[:, 0]


def _over_labels(score: PerClass) -> PerClass:
    """Over all labels, also those that never occur: they count 0, as scikit-learn has it."""
    return lambda tally: np.asarray(score(tally).mean(axis=1))


def _by_truth(score: PerClass) -> PerClass:
    return lambda tally: _ratio((score(tally) * tally.true).sum(axis=1), tally.true.sum(axis=1))


FROM_LABEL_SETS: Mapping[str, PerClass] = {
    "precision_micro": _micro(_precision),
    "precision_macro": _over_labels(_precision),
    "precision_weighted": _by_truth(_precision),
    "recall_micro": _micro(_recall),
    "recall_macro": _over_labels(_recall),
    "recall_weighted": _by_truth(_recall),
    "f1_micro": _micro(_f1),
    "f1_macro": _over_labels(_f1),
    "f1_weighted": _by_truth(_f1),
    "jaccard_macro": _over_labels(_jaccard),
}


def mean_of(losses: Floats, weight: Weight, outer: Callable[[Floats], Floats] = np.asarray) -> Additive:
    """The mean over outputs of `outer` of each one's mean row loss; `losses` of shape (rows, outputs)."""
    columns = np.concatenate([losses * weight[:, None], weight[:, None]], axis=1)
    return Additive(sparse(columns), lambda sums: np.asarray(outer(sums[:, :-1] / sums[:, -1:]).mean(axis=1)))


def _log_loss(metric: MetricRange, rows: Scores, weight: Weight) -> Additive:
    own = rows.scores[np.arange(len(rows.target)), rows.target]
    smallest = np.finfo(np.float64).eps
    return mean_of(-np.log(np.clip(own, smallest, 1 - smallest))[:, None], weight)


def _brier(metric: MetricRange, rows: Scores, weight: Weight) -> Additive:
    if rows.positive is not None:
        truth, scores = one_class(rows)
        return mean_of(((truth - scores) ** 2)[:, None], weight)
    truth_columns = rows.target[:, None] == np.arange(rows.classes)
    return mean_of(((truth_columns - rows.scores) ** 2).sum(axis=1)[:, None], weight)


def _top_k(metric: MetricRange, rows: Scores, weight: Weight) -> Additive:
    return mean_of(hits(rows, metric.k or 1).astype(np.float64)[:, None], weight)


def _ece(metric: MetricRange, rows: Scores, weight: Weight) -> Additive:
    bins, confidence, right = calibration(rows)
    columns = np.zeros((len(bins), BINS + 1))
    columns[np.arange(len(bins)), bins] = weight * (confidence - right)
    columns[:, BINS] = weight
    return Additive(
        sparse(columns), lambda sums: np.asarray(np.abs(sums[:, :BINS]).sum(axis=1) / sums[:, BINS])
    )


OF_SCORES: Mapping[str, Callable[[MetricRange, Scores, Weight], Additive]] = {
    "log_loss": _log_loss,
    "brier": _brier,
    "top_k": _top_k,
    "ece": _ece,
}


def _loss(loss: Callable[[Floats, Floats], Any]) -> Callable[[MetricRange, Numbers, Weight], Additive]:
    return lambda _, rows, weight: mean_of(loss(rows.target, rows.predicted), weight)


def _pinball(metric: MetricRange, rows: Numbers, weight: Weight) -> Additive:
    share = 0.5 if metric.quantile is None else metric.quantile
    over = rows.target - rows.predicted
    return mean_of(np.maximum(share * over, (share - 1) * over), weight)


def _rmse(metric: MetricRange, rows: Numbers, weight: Weight) -> Additive:
    return mean_of((rows.target - rows.predicted) ** 2, weight, np.sqrt)


def _r2(metric: MetricRange, rows: Numbers, weight: Weight) -> Additive:
    """From the sums of squares; of the target less its centre, so that they do not swallow the spread."""
    target = rows.target - rows.centre
    outputs, column = target.shape[1], weight[:, None]
    errors = (rows.target - rows.predicted) ** 2
    columns = np.concatenate([column * errors, column * target, column * target**2, column], axis=1)

    def finished(sums: Sums) -> Floats:
        error, first, second = np.split(sums[:, :-1], [outputs, 2 * outputs], axis=1)
        return np.asarray((1 - error / (second - first**2 / sums[:, -1:])).mean(axis=1))

    return Additive(sparse(columns), finished)


OF_NUMBERS: Mapping[str, Callable[[MetricRange, Numbers, Weight], Additive]] = {
    "mae": _loss(lambda target, predicted: np.abs(target - predicted)),
    "mse": _loss(lambda target, predicted: (target - predicted) ** 2),
    "mape": _loss(
        lambda target, predicted: (
            np.abs(target - predicted) / np.maximum(np.abs(target), np.finfo(np.float64).eps)
        )
    ),
    "rmse": _rmse,
    "pinball": _pinball,
    "r2": _r2,
}
