"""Two versions on the same rows: better, not worse within a margin, worse, or how many rows it would take.

Pairing removes what the rows have in common, which is most of the noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, sqrt

import numpy as np
from scipy.special import ndtr, ndtri

from registry.manifest import METRICS, Kind, MetricRange
from releases.statistics import bootstrap, delong, metrics
from releases.statistics.estimates import CONFIDENCE, Worth, estimate, measured, method, statistic
from releases.statistics.power import POWER
from releases.statistics.proportions import mcnemar, paired_difference
from releases.statistics.resampling import Difference
from releases.statistics.rows import Judged, Labels, Scores, Unmeasurable


class Decision(StrEnum):
    """`WORSE`: even the upper bound is below -margin."""

    BETTER = "better"
    NOT_WORSE = "not_worse"
    WORSE = "worse"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Paired:
    """The difference, positive where ours is better, with one-sided 95 % bounds.

    variance      of the difference, as far as one unit contributes.
    only_ours, only_theirs   rows that only one of the two gets right, for accuracy.
    """

    difference: float
    lower: float
    upper: float
    method: str
    variance: float
    p_value: float | None = None
    only_ours: int | None = None
    only_theirs: int | None = None

    def decision(self, margin: float) -> Decision:
        """Against the margin within which worse still counts as not worse."""
        if self.lower > 0:
            return Decision.BETTER
        if self.lower > -margin:
            return Decision.NOT_WORSE
        return Decision.WORSE if self.upper < -margin else Decision.CANNOT_TELL

    def units_needed(self, margin: float) -> int | None:
        """About how many units would tell: (z_a + z_b)^2 var(d) / margin^2, at 95 % and power 80 %.

        Without a margin it is the observed difference that has to be seen; None where that is zero too.
        """
        seen = margin or abs(self.difference)
        if not seen:
            return None
        z = float(ndtri(CONFIDENCE) + ndtri(POWER))
        return ceil(z * z * self.variance / (seen * seen))

    def power(self, margin: float, units: int) -> float:
        """The chance that so many units show a version not worse that is just as good."""
        deviation = sqrt(self.variance / units)
        if not deviation:
            return 1.0 if margin else 1 - CONFIDENCE
        return float(ndtr(margin / deviation - ndtri(CONFIDENCE)))


def compare(
    metric: MetricRange, ours: Judged, theirs: Judged, worth: Worth, rng: np.random.Generator
) -> Paired:
    """McNemar and Tango for accuracy, DeLong for one ROC curve, else the bootstrap of the difference.

    `ours` and `theirs` are the same rows, coded together by `judging.judged`. Raises Unmeasurable.
    """
    if worth.is_plain:
        if (
            metric.name in ("accuracy", "subset_accuracy")
            and isinstance(ours, Labels)
            and isinstance(theirs, Labels)
        ):
            return _by_mcnemar(ours, theirs)
        if metric.name == "roc_auc" and isinstance(ours, Scores) and isinstance(theirs, Scores):
            return _by_delong(ours, theirs)
    return _by_bootstrap(metric, ours, theirs, worth, rng)


def _by_mcnemar(ours: Labels, theirs: Labels) -> Paired:
    right, rivals = ours.target == ours.predicted, theirs.target == theirs.predicted
    gained, lost, rows = int((right & ~rivals).sum()), int((rivals & ~right).sum()), len(right)
    lower, upper = paired_difference(gained, lost, rows)
    p_value = mcnemar(gained, lost)
    if p_value > 1 - CONFIDENCE:
        lower = min(lower, 0.0)
    if mcnemar(lost, gained) > 1 - CONFIDENCE:
        upper = max(upper, 0.0)
    difference = (gained - lost) / rows
    variance = max((gained + lost) / rows - difference**2, 1 / rows)
    return Paired(difference, lower, upper, "McNemar, Tango", variance, p_value, gained, lost)


def _by_delong(ours: Scores, theirs: Scores) -> Paired:
    one = delong.placements(*metrics.one_class(ours))
    other = delong.placements(*metrics.one_class(theirs))
    variance, difference = delong.difference_variance(one, other), one.area - other.area
    step = float(ndtri(CONFIDENCE)) * sqrt(variance)
    lower, upper = difference - step, difference + step
    if not variance and not np.array_equal(ours.scores, theirs.scores):
        # Two perfect orders: what is left possible for each.
        lower = difference - (one.area - delong.bounds(one)[0])
        upper = difference + (other.area - delong.bounds(other)[0])
    return Paired(difference, lower, upper, "paired DeLong", variance * len(ours.target))


def _by_bootstrap(
    metric: MetricRange, ours: Judged, theirs: Judged, worth: Worth, rng: np.random.Generator
) -> Paired:
    sign = metric.sign
    difference = sign * (measured(metric, ours, worth) - measured(metric, theirs, worth))
    if worth.units < 2:
        raise Unmeasurable("all rows are one unit: one says nothing about how another would turn out")
    both = Difference(statistic(metric, ours, worth), statistic(metric, theirs, worth), sign)
    interval = bootstrap.interval(both, difference, rng)
    lower, upper = interval.bounds(CONFIDENCE)
    if interval.is_degenerate and METRICS[metric.name].kind is Kind.LABEL:
        # No row on which they differ: n such rows still leave some possible.
        alone = estimate(metric, ours, worth, rng)
        width = abs(alone.value - alone.bounds(CONFIDENCE)[0 if sign > 0 else 1])
        lower, upper = difference - width, difference + width
    return Paired(
        difference, lower, upper, f"paired {method(interval, worth)}", interval.variance * worth.units
    )
