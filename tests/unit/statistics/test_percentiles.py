from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from releases.statistics import percentiles


def test_the_least_numbers_of_queries_are_those_of_mlperf():
    assert [percentiles.least(share) for share in (0.9, 0.95, 0.99, 0.999)] == [64, 130, 662, 6636]


def test_a_percentile_is_one_of_the_values():
    values = np.arange(1.0, 101.0)

    assert [percentiles.value(values, share) for share in (0.5, 0.9, 0.99, 1.0)] == [50, 90, 99, 100]


def test_too_few_values_have_no_bound():
    assert percentiles.interval(np.arange(100.0), 0.99)[1] is None
    assert percentiles.interval(np.arange(3.0), 0.5) == (None, None)


@pytest.mark.parametrize(
    ("count", "share"), [(20, 0.5), (400, 0.99), (1000, 0.99), (1000, 0.9), (5000, 0.999)]
)
def test_intervals_cover_at_least_what_they_say(count, share):
    """Figure 22, exactly: which ranks hold the percentile is binomial, whatever the distribution."""
    low, high = percentiles.interval(np.arange(1.0, count + 1), share)
    above = binom.cdf(high - 1, count, share) if high is not None else 1.0

    assert above - binom.cdf(low - 1, count, share) >= 0.95


def test_calls_that_follow_one_another_are_worth_less():
    """Neighbours that resemble each other (correlation 0.9): naive intervals of a median cover half."""
    rng = np.random.default_rng(3)
    naive = widened = 0
    for _ in range(200):
        noise = rng.normal(size=2000)
        values = np.empty(2000)
        last = rng.normal() / np.sqrt(1 - 0.9**2)
        for place, step in enumerate(noise):
            last = 0.9 * last + step
            values[place] = last
        ordered, blocks = np.sort(values), np.split(values, 20)
        effect = percentiles.design_effect(blocks, percentiles.value(ordered, 0.5))
        low, high = percentiles.interval(ordered, 0.5)
        naive += low <= 0 <= high
        low, high = percentiles.interval(ordered, 0.5, design_effect=effect)
        widened += low <= 0 <= high

    assert naive < 130
    assert widened >= 184


def test_independent_calls_are_worth_themselves():
    rng = np.random.default_rng(4)
    effects = [percentiles.design_effect(np.split(rng.normal(size=2000), 20), 0.0) for _ in range(50)]

    assert 1 <= np.median(effects) < 1.5
    assert percentiles.design_effect([np.ones(5), np.ones(5)], 2.0) == 1
