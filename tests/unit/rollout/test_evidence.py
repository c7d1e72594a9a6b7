"""Evidence is what it says: fair where there is nothing to find, by enumeration of all that could happen.

Each e-process is summed over every outcome with its exact chance under the null: the sum is 1. That is
another computation than the formulas, and it would show any term that is wrong.
"""

from __future__ import annotations

from itertools import product
from math import exp, inf, log

import numpy as np
import pytest
from scipy.stats import binom, multinomial

from releases.rollout.counts import GRAIN
from releases.rollout.evidence import balance, bounded, latency, onset, paired, rates, split
from releases.rollout.evidence.mixture import log_mean, threshold
from releases.rollout.strategies.base import Aim, key, parts

K = np.arange(41)


def test_an_average_of_logs_is_the_log_of_the_average():
    logs = np.array([[0.0, 1.0, -2.0], [800.0, 801.0, -inf], [-inf, -inf, -inf]])
    expected = [log(np.exp(logs[0]).mean()), 800 + log((1 + exp(1)) / 3), -inf]
    assert log_mean(logs) == pytest.approx(expected)
    assert log_mean(logs[0], [0.5, 0.25, 0.25]) == pytest.approx(log(0.5 + 0.25 * (exp(1) + exp(-2))))


def test_a_verdict_takes_as_much_evidence_as_its_chance_of_being_wrong_is_small():
    assert threshold(0.01) == pytest.approx(log(100))


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5, 0.97])
def test_the_split_is_fair_where_both_are_as_bad(share):
    chance = binom.pmf(K, 40, share)
    for ratios in (split.RATIOS, split.FINE):
        evidence = split.log_worse(K[:, None], 40 - K[:, None], [share], ratios)
        assert (chance * np.exp(evidence)).sum() == pytest.approx(1)


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_safety_is_fair_where_the_ratio_is_just_what_is_allowed(share):
    chance = binom.pmf(K, 40, 1.5 * share / (1 + 0.5 * share))
    evidence = split.log_safe(K[:, None], 40 - K[:, None], [share], 1.5)
    assert (chance * np.exp(evidence)).sum() == pytest.approx(1)


def test_spells_of_other_shares_multiply():
    new, old, shares = [3, 5], [40, 6], [0.05, 0.5]
    apart = [split.log_likelihoods([n], [o], [w], [log(3)]) for n, o, w in zip(new, old, shares, strict=True)]
    assert split.log_likelihoods(new, old, shares, [log(3)]) == pytest.approx(sum(apart))


def test_the_likelihood_is_that_of_the_coin():
    """By the coin's own bias, event by event, not by the formula."""
    biased = 2 * 0.05 / (2 * 0.05 + 0.95)
    told = split.log_likelihoods([3], [7], [0.05], [log(2)])[0]
    assert told == pytest.approx(binom.logpmf(3, 10, biased) - binom.logpmf(3, 10, 0.05))


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_looking_after_every_event_keeps_alpha(share):
    """P(ever above 1/alpha within 400 events), exactly, by following every number of bad events."""
    alpha, alive, fired = 0.05, {0: 1.0}, 0.0
    for n in range(1, 401):
        moved: dict[int, float] = {}
        for bad, chance in alive.items():
            moved[bad] = moved.get(bad, 0) + chance * (1 - share)
            moved[bad + 1] = moved.get(bad + 1, 0) + chance * share
        states = np.array(list(moved))
        over = split.log_worse(states[:, None], n - states[:, None], [share]) >= threshold(alpha)
        fired += sum(moved[bad] for bad in states[over])
        alive = {bad: moved[bad] for bad in states[~over].tolist()}
    assert 0.2 * alpha < fired <= alpha


def test_three_bad_events_in_a_row_at_five_percent_are_enough():
    assert split.log_worse([2], [0], [0.05]) < threshold(0.01) < split.log_worse([3], [0], [0.05])


def test_no_events_say_nothing():
    assert split.log_worse(np.zeros(0), np.zeros(0), np.zeros(0)) == pytest.approx(0)
    assert split.log_safe([0], [0], [0.5], 1.5) == 0
    assert split.interval([0], [0], [0.5], 0.05) == (0.0, inf)


def test_the_interval_holds_what_a_scan_of_all_ratios_holds():
    new, old, shares, alpha = [12, 9], [180, 11], [0.05, 0.5], 0.05
    low, high = split.interval(new, old, shares, alpha)
    grid = np.exp(np.linspace(-log(32), log(32), 129))

    def weight(ratio):
        return np.prod(
            [
                binom.pmf(n, n + o, ratio * w / (1 - w + ratio * w))
                for n, o, w in zip(new, old, shares, strict=True)
            ]
        )

    mixture = np.mean([weight(ratio) for ratio in grid])
    kept = [r for r in np.exp(np.linspace(-3, 3, 2001)) if weight(r) >= alpha * mixture]
    assert (low, high) == pytest.approx((kept[0], kept[-1]), rel=0.004)


def test_an_interval_is_open_where_an_arm_had_no_event():
    low, high = split.interval([0], [30], [0.5], 0.05)
    assert low == 0
    assert 0 < high < 1
    low, high = split.interval([30], [0], [0.5], 0.05)
    assert low > 1
    assert high == inf


def test_pairs_are_a_coin_of_one_half():
    assert paired.log_worse(9, 4) == split.log_worse([9], [4], [0.5])
    assert paired.log_safe(9, 4, 1.5) == split.log_safe([9], [4], [0.5], 1.5)


def test_bets_on_differences_are_fair_where_they_are_none_on_average():
    """All sequences of three differences, each as likely: -1/2, 0, 1/2."""
    wealth = [paired.log_wealth(paired.bets(d, 0.25)) for d in product([-0.5, 0.0, 0.5], repeat=3)]
    assert np.mean([exp(worse) for worse, _ in wealth]) == pytest.approx(1)
    at_margin = [paired.log_wealth(paired.bets(d, 0.25)) for d in product([0.0, 0.25, 0.5], repeat=3)]
    assert np.mean([exp(safe) for _, safe in at_margin]) == pytest.approx(1)


def test_bets_add_up_in_any_order():
    one, other = paired.bets([0.3, -0.9], 0.1), paired.bets([1.0], 0.1)
    assert tuple(a + b for a, b in zip(one, other, strict=True)) == paired.bets([1.0, -0.9, 0.3], 0.1)
    assert max(map(abs, one)) > GRAIN / 100


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_latency_bets_are_fair_where_both_are_as_slow(share):
    """Two units; each is the new version's with chance w, and slow with a chance of its own (0.3, 0.9)."""
    total = 0.0
    for arms, slow in product(product([0, 1], repeat=2), repeat=2):
        chance, cells = 1.0, np.zeros((2, 1, 2, 2))
        for arm, is_slow, rate in zip(arms, slow, (0.3, 0.9), strict=True):
            chance *= (share if arm else 1 - share) * (rate if is_slow else 1 - rate)
            cells[arm, 0, :, 0] += 1
            cells[arm, 0, :, 1] += is_slow
        total += chance * exp(latency.log_worse(cells[1], cells[0], [share], [0.01, 0.5]))
    assert total == pytest.approx(1)


def test_latency_bets_find_what_is_slower():
    slower, old = [[[1000, 40], [1000, 600]]], [[[19000, 190], [19000, 9500]]]
    assert latency.log_worse(slower, old, [0.05], [0.01, 0.5]) > threshold(0.01)
    assert latency.log_worse(old, slower, [0.95], [0.01, 0.5]) < 0


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_bets_on_a_bounded_metric_are_fair(share):
    """All three statements, each where it is just not so: losses of 0, 0.4 or 1 in either arm."""
    losses, centre, margin = np.array([0.0, 0.4, 1.0]), 0.3, 0.1
    new = {"worse": [0.2, 0.3, 0.5], "better": [0.2, 0.3, 0.5], "safe": [0.1, 0.3, 0.6]}
    old = np.array([0.2, 0.3, 0.5])
    for name, chances in new.items():
        assert losses @ np.array(chances) - losses @ old == pytest.approx(
            margin if name == "safe" else 0, abs=0.02
        )
        extra = margin - (losses @ np.array(chances) - losses @ old) if name == "safe" else 0.0
        total = 0.0
        for arm, law in ((True, chances), (False, old)):
            for loss, chance in zip(losses, law, strict=True):
                placed = bounded.bets([loss], new=arm, share=share, centre=centre, margin=margin - extra)
                total += (share if arm else 1 - share) * chance * exp(getattr(bounded.wealth(placed), name))
        assert total == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize("rate", [0.001, 0.2])
def test_a_rate_against_its_bound_is_fair(rate):
    chance = binom.pmf(K, 40, rate)
    assert (chance * np.exp(rates.log_over(40, K, rate))).sum() == pytest.approx(1)
    assert (chance * np.exp(rates.log_under(40, K, rate))).sum() == pytest.approx(1)


def test_clean_units_show_a_negligible_rate():
    needed = rates.clean_units(0.001, 0.01)
    assert 4603 < needed < 4700, "4,603 would do for a version that must never once be bad"
    assert rates.log_under(needed - 1, 0, 0.001) < threshold(0.01) <= rates.log_under(needed, 0, 0.001)
    assert rates.log_under(20_000, 1, 0.001) > threshold(0.01), "one bad unit is made good by more clean ones"
    assert rates.log_under(needed, 20, 0.001) < 0


def test_the_bound_of_a_rate_is_where_the_evidence_ends():
    bound = rates.upper_bound(5000, 2, 0.01)
    assert rates.log_under(5000, 2, bound) == pytest.approx(threshold(0.01), rel=1e-6)
    assert rates.upper_bound(0, 0, 0.01) == 1.0
    assert rates.upper_bound(5, 5, 0.01) == 1.0


def test_the_rate_before_is_bounded_exactly():
    bound = rates.bound_before(1000, 10, 0.001)
    assert binom.cdf(10, 1000, bound) == pytest.approx(0.001)
    assert rates.bound_before(0, 0, 0.001) == rates.bound_before(5, 5, 0.001) == 1.0


def test_over_a_limit_pages_soon_and_under_it_never():
    assert rates.log_over(1000, 30, 0.01) > threshold(0.001)
    assert rates.log_over(100_000, 900, 0.01) < 0


@pytest.mark.parametrize("shares", [(0.05, 0.95), (0.2, 0.3, 0.5)])
def test_balance_is_fair_where_units_are_assigned_as_declared(shares):
    n = 12
    outcomes = [c for c in product(range(n + 1), repeat=len(shares)) if sum(c) == n]
    chance = multinomial.pmf(outcomes, n, shares)
    assert (chance * np.exp(balance.log_unbalanced(outcomes, shares))).sum() == pytest.approx(1)


def test_half_a_percent_too_few_is_seen():
    assert balance.log_unbalanced([4500, 95500], [0.05, 0.95]) > threshold(0.001)
    assert balance.log_unbalanced([5000, 95000], [0.05, 0.95]) < 0


def test_the_detector_expects_one_more_at_every_step():
    """The mean of R is the number of steps, whatever was looked at: all sequences of four events."""
    share, steps = 0.3, 4
    expected = 0.0
    for sides in product([0, 1], repeat=steps):
        state = onset.start(len(split.RATIOS))
        chance = 1.0
        for new in sides:
            chance *= share if new else 1 - share
            state = onset.step(state, split.log_ratios_per_tick([new], [1 - new], [share]))
        expected += chance * exp(onset.log_alarm(state, 1))
    assert expected == pytest.approx(steps)


def test_the_detector_forgets_the_good_time():
    """5 % of ten thousand events, then half of them: the plain evidence still remembers."""
    state, good, bad = onset.start(len(split.RATIOS)), ([5], [95]), ([12], [88])
    for new, old in [good] * 100 + [bad] * 8:
        state = onset.step(state, split.log_ratios_per_tick(new, old, [0.05]))
    assert onset.log_alarm(state, 1000) > threshold(0.01)
    assert split.log_worse([500 + 96], [9500 + 704], [0.05]) < threshold(0.01)


def test_what_a_finding_is_kept_by_is_taken_apart_again_whatever_its_metric_is_called():
    for metric in ("errors", "a/b", "/", "safe/8"):
        assert parts(key(Aim.SAFE_IN_PAIRS, metric, "8")) == ("safe_in_pairs", metric, "8")
