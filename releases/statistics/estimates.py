"""A metric with what is known about it: its value, and one-sided bounds by the method that suits it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.manifest import MetricRange
from releases.statistics import bootstrap, confusion, delong, metrics, ranks, sums
from releases.statistics.bootstrap import Interval
from releases.statistics.proportions import clopper_pearson
from releases.statistics.resampling import Resampled
from releases.statistics.rows import Codes, Judged, Labels, Numbers, Scores, Unmeasurable

Array = NDArray[Any]
Bounds = Callable[[float], tuple[float, float]]

CONFIDENCE = 0.95


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
    value = metrics.value(metric, rows, worth.weight)
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
    gets the bound of `delong.bounds`. Losses have none: an error that was never seen may be of any size.
    """
    if isinstance(rows, Labels) and (worth.is_plain or interval.is_degenerate):
        more = confusion.one_more_error(metric, rows, worth.weight, worth.units, rng)
        return lambda c: (min(interval.bounds(c)[0], more.lower(c)), interval.bounds(c)[1])
    if isinstance(rows, Scores) and metric.name in ranks.OF_SCORES and interval.is_degenerate and value == 1:
        rarest = int(min(np.bincount(rows.target)[np.unique(rows.target)]))
        return lambda c: ((1 - c) ** (1 / rarest), value)
    return interval.bounds


def _counts(metric: MetricRange, rows: Judged) -> tuple[int, int] | None:
    """Successes and trials of a metric that is a plain share of rows, None for the others.

    Given how many rows were predicted positive, precision is such a share; recall given how many are.
    """
    match rows:
        case Labels(target=target, predicted=predicted, positive=positive):
            right = target == predicted
            among = {
                "accuracy": np.ones(len(right), np.bool_),
                "recall_weighted": np.ones(len(right), np.bool_),
                "precision": predicted == positive,
                "recall": target == positive,
            }.get(metric.name)
            return None if among is None else (int(right[among].sum()), int(among.sum()))
        case Scores() if metric.name == "top_k":
            return int(metrics.hits(rows, metric.k or 1).sum()), len(rows.target)
    return None


def statistic(metric: MetricRange, rows: Judged, worth: Worth) -> Resampled:
    """The metric as a function of how often each unit counts."""
    made = _by_row(metric, rows, worth.weight)
    return made if worth.codes is None else bootstrap.regrouped(made, worth.codes, worth.units)


def _by_row(metric: MetricRange, rows: Judged, weight: Array | None) -> Resampled:
    own = np.ones(len(rows.target)) if weight is None else weight.astype(np.float64)
    match rows:
        case Labels():
            return sums.of_labels(metric, rows, own)
        case Scores():
            if metric.name in sums.OF_SCORES:
                return sums.OF_SCORES[metric.name](metric, rows, own)
            return ranks.counted(ranks.OF_SCORES[metric.name](metric, rows), own)
        case Numbers():
            if metric.name in sums.OF_NUMBERS:
                return sums.OF_NUMBERS[metric.name](metric, rows, own)
            return ranks.counted(ranks.OF_NUMBERS[metric.name](metric, rows), own)


def method(interval: Interval, worth: Worth) -> str:
    """How the bounds were found, in words."""
    of = "rows" if worth.codes is None else "groups"
    if isinstance(interval, bootstrap.Jackknife):
        return f"jackknife of {interval.blocks} blocks of {of}"
    blocks = f"{bootstrap.BLOCKS} blocks of " if worth.units > bootstrap.MOST_UNITS else ""
    return f"BCa bootstrap, {bootstrap.RESAMPLES} resamples of {blocks}{of}"
