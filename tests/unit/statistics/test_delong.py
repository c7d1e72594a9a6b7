from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from releases.statistics import delong


def drawn(rng, rows, share, area):
    positive = rng.random(rows) < share
    return positive, rng.normal(size=rows) + norm.ppf(area) * 2**0.5 * positive


def test_the_area_is_scikit_learns_with_ties():
    rng = np.random.default_rng(1)
    positive, scores = drawn(rng, 300, 0.3, 0.8)
    scores = np.round(scores, 1)

    assert delong.placements(positive, scores).area == pytest.approx(roc_auc_score(positive, scores))


def test_the_variance_is_that_of_every_pair():
    """DeLong's definition, with its double loop, on a set small enough for it."""
    rng = np.random.default_rng(2)
    positive, scores = drawn(rng, 40, 0.4, 0.8)
    above, below = scores[positive], scores[~positive]
    pairs = (above[:, None] > below).astype(float)

    found = delong.placements(positive, scores)

    by_hand = pairs.mean(axis=1).var(ddof=1) / len(above) + pairs.mean(axis=0).var(ddof=1) / len(below)
    assert found.variance == pytest.approx(by_hand)


def test_the_variance_is_what_repetition_shows():
    rng = np.random.default_rng(3)
    found = [delong.placements(*drawn(rng, 200, 0.5, 0.8)) for _ in range(500)]

    assert np.mean([each.variance for each in found]) == pytest.approx(
        np.var([each.area for each in found]), rel=0.15
    )


@pytest.mark.parametrize(("rows", "share", "area"), [(50, 0.2, 0.9), (200, 0.1, 0.97), (400, 0.5, 0.8)])
def test_the_lower_bound_is_above_the_truth_in_at_most_five_of_a_hundred(rows, share, area):
    rng = np.random.default_rng(4)
    lows = []
    for _ in range(200):
        positive, scores = drawn(rng, rows, share, area)
        if 1 < positive.sum() < rows - 1:
            lows.append(delong.bounds(delong.placements(positive, scores))[0])

    assert np.mean(np.array(lows) > area) <= 0.07


def test_a_perfect_order_of_a_few_rows_proves_little():
    positive = np.arange(20) < 8

    low, high = delong.bounds(delong.placements(positive, -np.arange(20.0)))

    assert (low, high) == (pytest.approx(0.05 ** (1 / 8)), 1)
    assert delong.bounds(delong.placements(~positive, -np.arange(20.0)))[1] < 0.35


def test_scores_that_say_nothing_are_worth_one_half():
    found = delong.placements(np.arange(10) < 5, np.zeros(10))

    assert delong.bounds(found) == (0.5, 0.5)


def test_the_difference_of_two_on_the_same_rows_has_less_variance_than_the_sum():
    rng = np.random.default_rng(5)
    positive, scores = drawn(rng, 300, 0.5, 0.85)
    one = delong.placements(positive, scores)
    other = delong.placements(positive, scores + rng.normal(size=300) / 4)

    assert 0 < delong.difference_variance(one, other) < (one.variance + other.variance) / 4
    assert delong.difference_variance(one, one) == 0
