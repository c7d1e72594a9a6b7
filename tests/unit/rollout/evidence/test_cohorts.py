from __future__ import annotations

from functools import reduce

import numpy as np
import pytest

from releases.rollout.counts import Cohort, Counts, Sums
from releases.rollout.evidence.cohorts import Resolution, recent
from releases.rollout.evidence.posteriors import Pulls

ARMS = ("8", "7")


def cohorts(hour, assigned, rewarded=(0, 0), good=(0, 0)):
    """One hour of both arms; rewards of zero and one."""
    return {
        (hour, arm): Cohort(n, Sums.of([1.0] * ones + [0.0] * (with_reward - ones)))
        for arm, n, with_reward, ones in zip(ARMS, assigned, rewarded, good, strict=True)
    }


def counted(units, good):
    return Pulls.counted(np.array(units, float), np.array(good, float))


def test_a_cohort_counts_when_its_window_has_closed_and_not_before():
    both = cohorts(100, (10, 8), (4, 3), (4, 2)) | cohorts(103, (5, 5), (5, 5), (5, 5))
    rule = Resolution(window_hours=2)

    assert rule.resolved(both, ARMS, 102.9) == {}
    (only,) = rule.resolved(both, ARMS, 103.0).values()
    assert list(only.units) == [10, 8]
    assert list(only.total) == [4, 2]


def test_who_stays_silent_got_the_default_reward_in_all_arms_alike():
    resolved = Resolution(1, default=0.5).resolved(cohorts(0, (10, 8), (4, 8), (4, 2)), ARMS, 5.0)[0]

    assert list(resolved.units) == [10, 8]
    assert list(resolved.total) == [7, 2]
    assert list(resolved.squares) == [5.5, 2]


def test_rewards_that_were_counted_before_their_units_are_there():
    """Flushes of units and of rewards come by different ways."""
    resolved = Resolution(1).resolved(cohorts(0, (0, 2), (3, 1), (2, 1)), ARMS, 5.0)[0]

    assert list(resolved.units) == [3, 2]


def test_what_a_context_that_is_none_brought_counts_nowhere():
    """Of a list of features that has been shortened since."""
    told = {(context, 0, arm): Cohort(context + 1) for context in range(3) for arm in ARMS}

    (pulls,) = Resolution(1).by_context(told, 2, ARMS, 5.0).values()
    assert pulls.units.tolist() == [[1, 1], [2, 2]]


def test_early_entry_is_only_for_models_that_declare_it():
    fresh = cohorts(7, (10, 10), (4, 3), (4, 2))

    assert Resolution(24).resolved(fresh, ARMS, 8.0) == {}
    assert list(Resolution(24, explicit=True).resolved(fresh, ARMS, 8.0)[7].units) == [4, 3]


def test_an_arm_that_joined_later_has_hours_without_units():
    joined = cohorts(3, (10, 8)) | {(4, "9"): Cohort(5), (4, "7"): Cohort(6)}
    resolved = Resolution(1).resolved(joined, ("9", *ARMS), 9.0)

    assert [list(pulls.units) for pulls in resolved.values()] == [[0, 10, 8], [5, 0, 6]]


def test_a_node_whose_clock_is_ahead_delays_its_own_units_only():
    skewed = cohorts(10, (5, 5)) | cohorts(14, (1, 1))

    assert list(Resolution(1).resolved(skewed, ARMS, 12.0)) == [10]


def test_a_reward_counts_within_its_window():
    rule = Resolution(window_hours=24)

    assert rule.counts(100.0, 124.0)
    assert not rule.counts(100.0, 124.1)
    assert rule.counts(100.0, 99.9), "two clocks, a little apart"


@pytest.mark.parametrize("seed", range(3))
def test_flushes_merge_in_any_order(seed):
    rng = np.random.default_rng(seed)
    flushes = [
        Counts(cohorts={(int(rng.integers(3)), str(arm)): Cohort(1, Sums.of([rng.random()])) for arm in ARMS})
        for _ in range(20)
    ]
    there = reduce(Counts.__add__, flushes)
    back = reduce(Counts.__add__, [flushes[n] for n in rng.permutation(20)])

    assert there == back


def test_the_last_hours_are_what_a_window_looks_at():
    hours = {1: counted([10, 10], [9, 1]), 2: counted([20, 20], [1, 2]), 4: counted([5, 5], [0, 5])}

    assert list(recent(hours, 2).units) == [35, 35]
    assert list(recent(hours, 2, last=2).units) == [5, 5]
    assert list(recent(hours, 2, last=3).units) == [25, 25]
    assert list(recent({}, 2, last=3).units) == [0, 0]


def test_the_very_bias_that_the_rule_avoids():
    """Two equal arms; the first got nearly all units of the last hours. Rewards at once, zeros only later."""
    assigned = {hour: (500, 500) if hour < 20 else (980, 20) for hour in range(24)}
    rewarded = {hour: tuple(n // 20 for n in units) for hour, units in assigned.items()}
    both = {}
    for hour in assigned:
        both |= cohorts(hour, assigned[hour], rewarded[hour], rewarded[hour])
    by_cohort = recent(Resolution(20).resolved(both, ARMS, 24.0), 2)
    too_early = {h: counted(rewarded[h], rewarded[h]) for h in assigned if h >= 4}

    assert by_cohort.means == pytest.approx([0.05, 0.05])
    first, second = (by_cohort + recent(too_early, 2)).means
    assert first > 1.2 * second
