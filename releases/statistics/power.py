"""What a gate could have seen: the chance that a version as good as this passes, and the rows it takes."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from scipy.special import ndtr, ndtri

from registry.manifest import MetricRange
from releases.statistics.estimates import CONFIDENCE

POWER = 0.8
"""Cohen's convention: four of five real differences are found."""


@dataclass(frozen=True, slots=True)
class Power:
    """passing       the chance to pass, on as many new rows, of a version that is as good as was measured.
    rows_needed   about how many rows would make that chance 80 %; None where no number would.
    """

    passing: float
    rows_needed: int | None


def power(metric: MetricRange, value: float, lower: float, upper: float, rows: int) -> Power | None:
    """From the value and its one-sided 95 % bounds, as if they were normal; None where they have no width.

    The gate looks at the bound on the bad side: the lower one against the range's low end, or for
    losses the upper one against its high end.
    """
    higher = metric.sign > 0
    width = value - lower if higher else upper - value
    slack = value - metric.range[0] if higher else metric.range[1] - value
    if width <= 0:
        return None
    z = float(ndtri(CONFIDENCE))
    deviation = width / z
    needed = ceil(rows * ((z + float(ndtri(POWER))) * deviation / slack) ** 2) if slack > 0 else None
    return Power(float(ndtr(slack / deviation - z)), needed)
