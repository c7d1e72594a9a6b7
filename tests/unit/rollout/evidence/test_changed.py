from __future__ import annotations

import numpy as np
import pytest

from releases.rollout.counts import Sums
from releases.rollout.evidence import changed, proportion


def outcomes(good, units):
    return Sums.of([1.0] * good + [0.0] * (units - good))


def test_the_effect_for_all_is_the_share_that_changed_times_the_effect():
    found = changed.analysis(4000, 40_000, outcomes(160, 2000), outcomes(100, 2000), alpha=0.05)

    assert found.differing.value == pytest.approx(0.1)
    assert found.differing.low < 0.1 < found.differing.high
    assert found.plain.value == pytest.approx(0.03)
    assert found.overall.value == pytest.approx(0.003)
    assert found.overall.low < 0.003 < found.overall.high


@pytest.mark.parametrize(("good", "sign"), [(160, 1), (40, -1)])
def test_what_is_certain_of_changed_answers_is_certain_for_all(good, sign):
    found = changed.analysis(20_000, 200_000, outcomes(good * 5, 10_000), outcomes(500, 10_000), alpha=0.05)

    low, high = sorted((sign * float(found.overall.low), sign * float(found.overall.high)))
    assert 0 < low < high


def test_where_nothing_was_paired_nothing_is_known():
    found = changed.analysis(0, 0, Sums(), Sums(), alpha=0.05)

    assert (found.differing.low, found.differing.high) == (0, 1)
    assert found.overall.high == np.inf


def test_a_model_beside_itself_differs_nowhere():
    found = changed.share(0, 50_000, alpha=0.05)

    assert found.value == found.low == 0
    assert found.high < 2e-4


@pytest.mark.parametrize(("hit", "units"), [(0, 1), (0, 300), (300, 300), (7, 2000), (900, 1000)])
def test_a_share_is_inside_its_interval_and_its_mirror_in_the_mirrored_one(hit, units):
    low, high = proportion.interval(hit, units, 0.05)

    assert 0 <= low <= hit / units <= high <= 1
    assert proportion.interval(units - hit, units, 0.05) == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_the_interval_of_a_share_covers_while_it_is_watched():
    rng = np.random.default_rng(3)
    hits = np.cumsum(rng.random((300, 400)) < 0.1, axis=1)
    looks = [1, 5, 20, 50, 100, 200, 400]
    missed = [
        any(
            not low <= 0.1 <= high
            for low, high in (proportion.interval(int(h[n - 1]), n, 0.1) for n in looks)
        )
        for h in hits
    ]

    assert np.mean(missed) <= 0.1
