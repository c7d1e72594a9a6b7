"""A metric with what is known about it: its value, and one-sided bounds by the method that suits it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from formats.dtypes import Array
from registry.manifest import METRICS, MetricRange
from releases.statistics import bootstrap, confusion, delong, detections, metrics, ranks, sums
from releases.statistics.arrays import Codes
from releases.statistics.bootstrap import Interval
from releases.statistics.proportions import clopper_pearson
from releases.statistics.resampling import Additive, Resampled
from releases.statistics.rows import (
    Detections,
    Judged,
    Labels,
    Numbers,
    Places,
    Scores,
    SeveralScores,
    Unmeasurable,
    count,
)

Bounds = Callable[[float], tuple[float, float]]

CONFIDENCE = 0.95
"""One-sided, as the gate promises: one version in twenty at the bound passes by luck."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What each row counts for.

    weight  shape (rows,), or None where all count alike.
    codes   the group of each row, 0..units-1, or None where each row stands for itself.
    units   how many independent units there are.
    """

    units: int
    weight: Array | None = None
    codes: Codes | None = None

    @classmethod
    def of(cls, rows: int, weight: Array | None = None, group: Array | None = None) -> Worth:
        """From the set's columns. Equal weights are none, and groups of one row each are none."""
        if weight is not None and (weight == weight[0]).all():
            weight = None
        if group is None:
            return cls(rows, weight)
        names, codes = np.unique(group, return_inverse=True)
        return cls(len(names), weight, None if len(names) == rows else codes.astype(np.int64))

    @property
    def is_plain(self) -> bool:
        """Whether rows are independent and count alike, so that counts are binomial."""
        return self.weight is None and self.codes is None

    def take(self, index: Array) -> Worth:
        weight = None if self.weight is None else self.weight[index]
        group = None if self.codes is None else self.codes[index]
        return Worth.of(len(index), weight, group)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric's value; `bounds(confidence)` are two one-sided bounds, each at that level."""

    value: float
    units: int
    method: str
    bounds: Bounds = field(repr=False)


def estimate(metric: MetricRange, rows: Judged, worth: Worth, rng: np.random.Generator) -> Estimate:
    """The metric with its bounds: Clopper-Pearson for counts, DeLong for one ROC curve, else bootstrap.

    Raises Unmeasurable where the metric means nothing on these rows.
    """
    value = measured(metric, rows, worth)
    if worth.is_plain:
        if counts := _counts(metric, rows):
            right, of = counts
            return Estimate(value, worth.units, "Clopper-Pearson", lambda c: clopper_pearson(right, of, c))
        if metric.name == "roc_auc" and isinstance(rows, Scores):
            found = delong.placements(*metrics.one_class(rows))
            return Estimate(value, worth.units, "DeLong", lambda c: delong.bounds(found, c))
    if worth.units < 2:
        raise Unmeasurable("all rows are one unit: one says nothing about how another would turn out")
    interval = bootstrap.interval(statistic(metric, rows, worth), value, rng)
    bounds = _wary(metric, rows, worth, value, interval, rng)
    return Estimate(value, worth.units, method(interval, worth), bounds)


def measured(metric: MetricRange, rows: Judged, worth: Worth) -> float:
    """The metric's value: scikit-learn's where each row has one value, else from our own sums and orders.

    Raises Unmeasurable where it means nothing.
    """
    if isinstance(rows, Labels | Scores | Numbers):
        return metrics.value(metric, rows, worth.weight)
    made = _by_row(metric, rows, worth.weight)
    return metrics.meaningful(metric, float(made.values(np.ones((1, made.units)))[0]))


def _wary(
    metric: MetricRange,
    rows: Judged,
    worth: Worth,
    value: float,
    interval: Interval,
    rng: np.random.Generator,
) -> Bounds:
    """The interval's bounds, except where resampling knows too little: few errors, or none at all.

    Labels get the lower one of two lower bounds; groups and weights only where the resamples all agree,
    because how many independent counts they come to is not known otherwise. A perfect order of scores
    gets the bound of `delong.bounds`; perfect rows of many places or labels that of as many right answers
    as there are units. Losses without a largest value have none: an error that was never seen may be of
    any size.
    """
    known = METRICS[metric.name]
    if isinstance(rows, Labels) and (worth.is_plain or interval.is_degenerate):
        more = confusion.one_more_error(metric, rows, worth.weight, worth.units, rng)
        if metric.sign < 0:
            return lambda c: (interval.bounds(c)[0], max(interval.bounds(c)[1], more.upper(c)))
        return lambda c: (min(interval.bounds(c)[0], more.lower(c)), interval.bounds(c)[1])
    if not interval.is_degenerate:
        return interval.bounds
    if isinstance(rows, Scores) and metric.name in ranks.OF_SCORES and value == 1:
        rarest = int(min(np.bincount(rows.target)[np.unique(rows.target)]))
        return lambda c: ((1 - c) ** (1 / rarest), value)
    if isinstance(rows, SeveralScores | Places | Detections | Additive) and known.high == 1:
        return _perfect(worth.units, value)
    return interval.bounds


def _perfect(units: int, value: float) -> Bounds:
    """The bounds of a share of which every unit, or none, was right."""
    if value in (0, 1):
        return lambda c: clopper_pearson(units if value else 0, units, c)
    return lambda c: (value, value)


def _counts(metric: MetricRange, rows: Judged) -> tuple[int, int] | None:
    """Successes and trials of a metric that is a plain share of rows, None for the others.

    Given how many rows were predicted positive, precision is such a share; recall given how many are.
    """
    match rows:
        case Labels(target=target, predicted=predicted, positive=positive):
            right, all_rows = target == predicted, np.ones(len(target), np.bool_)
            if metric.name == "hamming":
                right = ~right
            among = dict.fromkeys(SHARES, all_rows) | {
                "precision": predicted == positive,
                "recall": target == positive,
            }
            asked = among.get(metric.name)
            return None if asked is None else (int(right[asked].sum()), int(asked.sum()))
        case Scores() if metric.name == "top_k":
            return int(metrics.hits(rows, metric.k or 1).sum()), len(rows.target)
    return None


SHARES = frozenset(
    {
        *("accuracy", "subset_accuracy", "hamming", "recall_weighted"),
        *("precision_micro", "recall_micro", "f1_micro"),
    }
)
"""Of rows with one label each, all of these say how many are right, or wrong."""


def statistic(metric: MetricRange, rows: Judged, worth: Worth) -> Resampled:
    """The metric as a function of how often each unit counts."""
    made = _by_row(metric, rows, worth.weight)
    return made if worth.codes is None else bootstrap.regrouped(made, worth.codes, worth.units)


def _by_row(metric: MetricRange, rows: Judged, weight: Array | None) -> Resampled:
    own = np.ones(count(rows)) if weight is None else weight.astype(np.float64)
    match rows:
        case Additive():
            return rows.weighted(weight)
        case Labels():
            return sums.of_labels(metric, rows, own)
        case Scores() if metric.name in sums.OF_SCORES:
            return sums.OF_SCORES[metric.name](metric, rows, own)
        case Numbers() if metric.name in sums.OF_NUMBERS:
            return sums.OF_NUMBERS[metric.name](metric, rows, own)
        case Detections():
            return ranks.counted(detections.weighted(rows), rows.scores.size, own)
    return ranks.counted(*ranks.of_rows(metric, rows), own)


def method(interval: Interval, worth: Worth) -> str:
    """How the bounds were found, in words."""
    of = "rows" if worth.codes is None else "groups"
    if isinstance(interval, bootstrap.Jackknife):
        return f"jackknife of {interval.blocks} blocks of {of}"
    blocks = f"{bootstrap.BLOCKS} blocks of " if worth.units > bootstrap.MOST_UNITS else ""
    return f"BCa bootstrap, {bootstrap.RESAMPLES} resamples of {blocks}{of}"
