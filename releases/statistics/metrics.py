"""The value of a metric on rows, by scikit-learn. `registry.manifest.METRICS` is the table of their names."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from math import isfinite
from typing import assert_never

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk

from formats.dtypes import Array
from registry.manifest import MetricRange
from releases.statistics.arrays import Codes, Floats
from releases.statistics.rows import Labels, Numbers, Plain, Scores, Unmeasurable

Weight = Array | None
Score = Callable[..., float]
"""One of scikit-learn's, which differ in their options."""

BINS = 15
"""As in Guo et al., On Calibration of Modern Neural Networks (2017), whose figures people compare with."""


def value(metric: MetricRange, rows: Plain, weight: Weight = None) -> float:
    """The metric. Raises Unmeasurable where it means nothing: one class only, no spread in the target."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        match rows:
            case Labels():
                found = LABELS[metric.name](rows, weight)
            case Scores():
                found = SCORES[metric.name](metric, rows, weight)
            case Numbers():
                found = NUMBERS[metric.name](metric, rows, weight)
            case _:
                assert_never(rows)
    return meaningful(metric, found)


def meaningful(metric: MetricRange, found: float) -> float:
    """`found` again. Raises Unmeasurable where it is no number."""
    if not isfinite(found):
        raise Unmeasurable(
            f"{metric.name} means nothing on these rows: is there one class only, or no spread?"
        )
    return float(found)


def _label(score: Score, **options: object) -> Callable[[Labels, Weight], float]:
    return lambda rows, weight: score(rows.target, rows.predicted, sample_weight=weight, **options)


def _one(score: Score) -> Callable[[Labels, Weight], float]:
    """Of the positive class alone, however many labels there are."""
    return lambda rows, weight: score(
        rows.target == rows.positive, rows.predicted == rows.positive, sample_weight=weight, zero_division=0.0
    )


def _mean(score: Score, average: str) -> Callable[[Labels, Weight], float]:
    return _label(score, average=average, zero_division=0.0)


LABELS: Mapping[str, Callable[[Labels, Weight], float]] = {
    "accuracy": _label(sk.accuracy_score),
    "subset_accuracy": _label(sk.accuracy_score),
    "hamming": _label(sk.hamming_loss),
    "balanced_accuracy": _label(sk.balanced_accuracy_score),
    "precision": _one(sk.precision_score),
    "precision_micro": _mean(sk.precision_score, "micro"),
    "precision_macro": _mean(sk.precision_score, "macro"),
    "precision_weighted": _mean(sk.precision_score, "weighted"),
    "recall": _one(sk.recall_score),
    "recall_micro": _mean(sk.recall_score, "micro"),
    "recall_macro": _mean(sk.recall_score, "macro"),
    "recall_weighted": _mean(sk.recall_score, "weighted"),
    "f1": _one(sk.f1_score),
    "f1_micro": _mean(sk.f1_score, "micro"),
    "f1_macro": _mean(sk.f1_score, "macro"),
    "f1_weighted": _mean(sk.f1_score, "weighted"),
    "jaccard": _one(sk.jaccard_score),
    "jaccard_macro": _mean(sk.jaccard_score, "macro"),
    "matthews": _label(sk.matthews_corrcoef),
    "cohen_kappa": lambda rows, weight: sk.cohen_kappa_score(
        rows.target, rows.predicted, sample_weight=weight
    ),
}


def one_class(rows: Scores) -> tuple[NDArray[np.bool_], Floats]:
    """Whether each row is of the class that counts, and that class's column of scores."""
    assert rows.positive is not None  # noqa: S101 - judging.judged() sets it for these metrics
    return rows.target == rows.positive, rows.scores[:, rows.positive]


def _roc_auc(metric: MetricRange, rows: Scores, weight: Weight) -> float:
    truth, scores = one_class(rows)
    return float(sk.roc_auc_score(truth, scores, sample_weight=weight)) if 0 < truth.mean() < 1 else np.nan


def _each_class(score: Score) -> Callable[[MetricRange, Scores, Weight], float]:
    """Mean over the classes that occur, each against all others; scores need not sum to one."""

    def mean(metric: MetricRange, rows: Scores, weight: Weight) -> float:
        found = [
            score(rows.target == code, rows.scores[:, code], sample_weight=weight)
            for code in np.unique(rows.target)
            if not (rows.target == code).all()
        ]
        return float(np.mean(found)) if found else np.nan

    return mean


def _average_precision(metric: MetricRange, rows: Scores, weight: Weight) -> float:
    truth, scores = one_class(rows)
    return float(sk.average_precision_score(truth, scores, sample_weight=weight)) if truth.any() else np.nan


def hits(rows: Scores, k: int) -> NDArray[np.bool_]:
    """Whether the true class is among the k with the highest scores; of equal ones the later column leads."""
    own = rows.scores[np.arange(len(rows.target)), rows.target][:, None]
    later = np.arange(rows.classes) > rows.target[:, None]
    ahead = (rows.scores > own) | ((rows.scores == own) & later)
    return np.asarray(ahead.sum(axis=1) < k)


def _top_k(metric: MetricRange, rows: Scores, weight: Weight) -> float:
    return float(np.average(hits(rows, metric.k or 1), weights=weight))


def _log_loss(metric: MetricRange, rows: Scores, weight: Weight) -> float:
    labels = np.arange(rows.classes)
    return float(sk.log_loss(rows.target, rows.scores, sample_weight=weight, labels=labels))


def _brier(metric: MetricRange, rows: Scores, weight: Weight) -> float:
    if rows.positive is not None:
        truth, scores = one_class(rows)
        return float(sk.brier_score_loss(truth, scores, sample_weight=weight, pos_label=True))
    labels = np.arange(rows.classes)
    return float(
        sk.brier_score_loss(
            rows.target, rows.scores, sample_weight=weight, labels=labels, scale_by_half=False
        )
    )


def _ece(metric: MetricRange, rows: Scores, weight: Weight) -> float:
    bins, confidence, right = calibration(rows)
    weights = np.ones(len(bins)) if weight is None else weight
    gaps = np.bincount(bins, weights=weights * (confidence - right), minlength=BINS)
    return float(np.abs(gaps).sum() / weights.sum())


def calibration(rows: Scores) -> tuple[Codes, Floats, Floats]:
    """Per row: its bin of confidence, the confidence of the predicted class, and 1 where it was right.

    Fifteen bins of equal width over the top class's probability: Guo et al., ICML 2017.
    """
    confidence = rows.scores.max(axis=1)
    right = (rows.scores.argmax(axis=1) == rows.target).astype(np.float64)
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    return bins, confidence, right


SCORES: Mapping[str, Callable[[MetricRange, Scores, Weight], float]] = {
    "roc_auc": _roc_auc,
    "roc_auc_ovr": _each_class(sk.roc_auc_score),
    "average_precision": _average_precision,
    "average_precision_macro": _each_class(sk.average_precision_score),
    "top_k": _top_k,
    "log_loss": _log_loss,
    "brier": _brier,
    "ece": _ece,
}


def _number(score: Score) -> Callable[[MetricRange, Numbers, Weight], float]:
    return lambda metric, rows, weight: score(rows.target, rows.predicted, sample_weight=weight)


def _explained(score: Score) -> Callable[[MetricRange, Numbers, Weight], float]:
    """A share of the target's spread: where it has none, scikit-learn's 0 or 1 would be made up."""
    plain = _number(score)
    return lambda metric, rows, weight: (
        plain(metric, rows, weight) if np.ptp(rows.target, axis=0).all() else np.nan
    )


NUMBERS: Mapping[str, Callable[[MetricRange, Numbers, Weight], float]] = {
    "mae": _number(sk.mean_absolute_error),
    "mse": _number(sk.mean_squared_error),
    "rmse": _number(sk.root_mean_squared_error),
    "median_ae": _number(sk.median_absolute_error),
    "mape": _number(sk.mean_absolute_percentage_error),
    "pinball": lambda metric, rows, weight: sk.mean_pinball_loss(
        rows.target, rows.predicted, sample_weight=weight, alpha=metric.quantile
    ),
    "r2": _explained(sk.r2_score),
    "d2_absolute": _explained(sk.d2_absolute_error_score),
}
