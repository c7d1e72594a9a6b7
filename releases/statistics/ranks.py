"""The metrics that need an order of the rows: sorted once, then counted for each resample."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from registry.manifest import MetricRange
from releases.statistics.metrics import one_class
from releases.statistics.resampling import Counted
from releases.statistics.rows import Floats, Numbers, Scores

Weight = NDArray[np.float64]
Weighted = Callable[[Floats], float]


def _curve(scores: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows from the highest score down, and the last place of each run of equal scores."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    return order, np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))


def area(truth: NDArray[np.bool_], scores: Floats) -> Weighted:
    """The area under the ROC curve for given row weights; ties count half. NaN without both classes."""
    order, ends = _curve(scores)
    positive = truth[order]

    def weighted(weight: Floats) -> float:
        ordered = weight[order]
        above = np.cumsum(ordered * positive)[ends]
        below = np.cumsum(ordered * ~positive)[ends]
        steps = np.diff(below, prepend=0.0)
        heights = above - np.diff(above, prepend=0.0) / 2
        return float((steps * heights).sum() / (above[-1] * below[-1]))

    return weighted


def _roc_auc(metric: MetricRange, rows: Scores) -> Weighted:
    return area(*one_class(rows))


def _roc_auc_ovr(metric: MetricRange, rows: Scores) -> Weighted:
    """Mean over the classes that the resample has."""
    areas = [area(rows.target == code, rows.scores[:, code]) for code in np.unique(rows.target)]

    def weighted(weight: Floats) -> float:
        found = np.array([each(weight) for each in areas])
        present = np.isfinite(found)
        return float(found[present].mean()) if present.any() else np.nan

    return weighted


def _average_precision(metric: MetricRange, rows: Scores) -> Weighted:
    """Sum of precision times gain in recall over the thresholds."""
    truth, scores = one_class(rows)
    order, ends = _curve(scores)
    positive = truth[order]

    def weighted(weight: Floats) -> float:
        ordered = weight[order]
        right = np.cumsum(ordered * positive)[ends]
        taken = np.cumsum(ordered)[ends]
        precision = np.divide(right, taken, out=np.zeros_like(right), where=taken > 0)
        return float((np.diff(right, prepend=0.0) * precision).sum() / right[-1])

    return weighted


OF_SCORES: Mapping[str, Callable[[MetricRange, Scores], Weighted]] = {
    "roc_auc": _roc_auc,
    "roc_auc_ovr": _roc_auc_ovr,
    "average_precision": _average_precision,
}


def median(values: Floats) -> Weighted:
    """The weighted median: the mean of the two middle values where half of the weight lies on each side."""
    order = np.argsort(values)
    ordered = values[order]

    def weighted(weight: Floats) -> float:
        sums = np.cumsum(weight[order])
        half, slack = sums[-1] / 2, 1e-9 * sums[-1]
        low, high = np.searchsorted(sums, [half - slack, half + slack])
        return float((ordered[low] + ordered[min(high, len(ordered) - 1)]) / 2)

    return weighted


def _median_ae(metric: MetricRange, rows: Numbers) -> Weighted:
    medians = [median(errors) for errors in np.abs(rows.target - rows.predicted).T]
    return lambda weight: float(np.mean([each(weight) for each in medians]))


def _d2_absolute(metric: MetricRange, rows: Numbers) -> Weighted:
    """1 - absolute error / absolute error of always saying the median."""
    errors = np.abs(rows.target - rows.predicted).T
    medians = [median(column) for column in rows.target.T]

    def weighted(weight: Floats) -> float:
        constant = [weight @ np.abs(c - m(weight)) for c, m in zip(rows.target.T, medians, strict=True)]
        return float(np.mean(1 - (errors @ weight) / np.array(constant)))

    return weighted


OF_NUMBERS: Mapping[str, Callable[[MetricRange, Numbers], Weighted]] = {
    "median_ae": _median_ae,
    "d2_absolute": _d2_absolute,
}


def counted(weighted: Weighted, own: Weight) -> Counted:
    """Over single rows, each of which has a weight of its own."""
    return Counted(lambda counts: weighted(counts * own), np.arange(len(own)), len(own))
