"""The metrics that need an order of the rows: sorted once, then counted for each resample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from registry.manifest import MetricRange
from releases.statistics.arrays import Floats
from releases.statistics.metrics import one_class
from releases.statistics.resampling import Counted
from releases.statistics.rows import Numbers, Places, Scores, SeveralScores

Weight = NDArray[np.float64]
Weighted = Callable[[Floats], float]


def thresholds(scores: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows from the highest score down, and the last place of each run of equal scores."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    return order, np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))


def area(truth: NDArray[np.bool_], scores: Floats) -> Weighted:
    """The area under the ROC curve for given row weights; ties count half. NaN without both classes."""
    order, ends = thresholds(scores)
    positive = truth[order]

    def weighted(weight: Floats) -> float:
        ordered = weight[order]
        above = np.cumsum(ordered * positive)[ends]
        below = np.cumsum(ordered * ~positive)[ends]
        steps = np.diff(below, prepend=0.0)
        heights = above - np.diff(above, prepend=0.0) / 2
        return float((steps * heights).sum() / (above[-1] * below[-1]))

    return weighted


def average_precision(truth: NDArray[np.bool_], scores: Floats) -> Weighted:
    """Sum of precision times gain in recall over the thresholds. NaN without a positive."""
    order, ends = thresholds(scores)
    positive = truth[order]

    def weighted(weight: Floats) -> float:
        ordered = weight[order]
        right = np.cumsum(ordered * positive)[ends]
        taken = np.cumsum(ordered)[ends]
        precision = np.divide(right, taken, out=np.zeros_like(right), where=taken > 0)
        return float((np.diff(right, prepend=0.0) * precision).sum() / right[-1])

    return weighted


Curve = Callable[[NDArray[np.bool_], Floats], Weighted]


def _of_one(curve: Curve) -> Callable[[MetricRange, Scores], Weighted]:
    return lambda metric, rows: curve(*one_class(rows))


def _of_each(curve: Curve) -> Callable[[MetricRange, Scores], Weighted]:
    def made(metric: MetricRange, rows: Scores) -> Weighted:
        present = np.unique(rows.target)
        alone = len(present) == 1
        return mean([] if alone else [curve(rows.target == code, rows.scores[:, code]) for code in present])

    return made


def mean(each: Sequence[Weighted]) -> Weighted:
    """Over the classes, or labels, that the resample has."""

    def weighted(weight: Floats) -> float:
        found = np.array([one(weight) for one in each])
        present = np.isfinite(found)
        return float(found[present].mean()) if present.any() else np.nan

    return weighted


OF_SCORES: Mapping[str, Callable[[MetricRange, Scores], Weighted]] = {
    "roc_auc": _of_one(area),
    "roc_auc_ovr": _of_each(area),
    "average_precision": _of_one(average_precision),
    "average_precision_macro": _of_each(average_precision),
}
OF_LABELS: Mapping[str, Curve] = {
    "roc_auc": area,
    "roc_auc_ovr": area,
    "average_precision": average_precision,
    "average_precision_macro": average_precision,
}


def of_labels(metric: MetricRange, rows: SeveralScores) -> Weighted:
    """Mean over the labels that are neither all yes nor all no."""
    told = rows.target.any(axis=0) & ~rows.target.all(axis=0)
    curve = OF_LABELS[metric.name]
    return mean([curve(rows.target[:, each], rows.scores[:, each]) for each in np.flatnonzero(told)])


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


def of_rows(metric: MetricRange, rows: Scores | Numbers | SeveralScores | Places) -> tuple[Weighted, int]:
    """The metric by the rows' weights, and how many elements it looks at where a row has several."""
    match rows:
        case Scores():
            return OF_SCORES[metric.name](metric, rows), 0
        case Numbers():
            return OF_NUMBERS[metric.name](metric, rows), 0
        case SeveralScores():
            return of_labels(metric, rows), rows.scores.size
        case Places(each=each, codes=codes):
            by_place, _ = of_rows(metric, each)
            return lambda weight: by_place(weight[codes]), codes.size
        case _:
            assert_never(rows)


def counted(weighted: Weighted, looked_at: int, own: Weight) -> Counted:
    """Over single rows, each of which has a weight of its own."""
    return Counted(lambda counts: weighted(counts * own), np.arange(len(own)), len(own), looked_at)
