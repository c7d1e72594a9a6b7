"""Axes: nice numbers that hold every value, whatever the values are."""

from __future__ import annotations

import math

import pytest

from registry.charts import scales


def told(values, **how):
    return [tick.label for tick in scales.axis(values, **how).ticks]


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.0, 3.1], ["0", "1", "2", "3", "4"]),
        ([97.0], ["0", "50", "100"]),
        ([0.0], ["0", "0.5", "1.0"]),
        ([], ["0", "0.5", "1.0"]),
        ([12_345.0], ["0", "5k", "10k", "15k"]),
        ([3.4e9], ["0", "1G", "2G", "3G", "4G"]),
        ([4.2e-3], ["0", "0.002", "0.004", "0.006"]),
        ([3e-7], ["0", "1e-07", "2e-07", "3e-07"]),
        ([7e20], ["0", "2e+20", "4e+20", "6e+20", "8e+20"]),
    ],
)
def test_counts_and_times_stand_on_zero_and_end_in_nice_numbers(values, ticks):
    assert told(values, zero=True) == ticks


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.93, 0.9722], ["0.92", "0.94", "0.96", "0.98"]),
        ([-1.5, 2.5], ["-2", "-1", "0", "1", "2", "3"]),
        ([0.9, 0.9], ["0.85", "0.90", "0.95"]),
        ([-5.0], ["-5.4", "-5.2", "-5.0", "-4.8", "-4.6"]),
        ([1e6, 1e6 + 1], ["1.0000000M", "1.0000005M", "1.0000010M"]),
    ],
)
def test_other_values_stand_between_nice_numbers(values, ticks):
    assert told(values) == ticks


@pytest.mark.parametrize(
    "values",
    [[1e-300], [5e-324], [1e308, -1e308], [1e308], [-0.0], [math.nan], [math.inf, 1.0], [1, 1 + 1e-15]],
    ids=str,
)
@pytest.mark.parametrize("zero", [True, False])
def test_no_value_breaks_an_axis_or_leaves_it(values, zero):
    drawn = scales.axis(values, zero=zero)
    assert 2 <= len(drawn.ticks) <= 12
    assert all(0 <= tick.at <= 100 for tick in drawn.ticks)
    assert drawn.scale.low < drawn.scale.high
    assert all(0 <= drawn.y(min(max(v, -1e300), 1e300)) <= 100 for v in values if not math.isnan(v))


def test_the_axis_counts_from_the_top():
    drawn = scales.axis([0, 4], zero=True)
    assert (drawn.y(0), drawn.y(4)) == (100, 0)
    assert [tick.at for tick in drawn.ticks] == [100, 75, 50, 25, 0]
