from __future__ import annotations

import numpy as np
import pytest

from releases.rollout.evidence.offpolicy import Logged, Unanswerable, evaluate


def logged(seed=0, requests=20_000, rates=(0.05, 0.08, 0.2), odd=False):
    """Requests one by one, under weights that changed half-way, as a bandit's do."""
    rng = np.random.default_rng(seed)
    early, late = np.array([0.34, 0.33, 0.33]), np.array([0.8, 0.15, 0.05])
    propensities = np.where(np.arange(requests)[:, None] < requests // 2, early, late)
    arms = (rng.random(requests)[:, None] > propensities.cumsum(axis=1)).sum(axis=1)
    rewards = (rng.random(requests) < np.array(rates)[arms]).astype(float)
    ones = np.ones(requests)
    return Logged(arms, propensities, ones, rewards, rewards)


def grouped(rows):
    """The same as sums by revision and arm."""
    keys = [(tuple(p), a) for p, a in zip(rows.propensities.tolist(), rows.arms.tolist(), strict=True)]
    distinct = sorted(set(keys))
    codes = np.array([distinct.index(key) for key in keys])
    units, total, squares = (np.bincount(codes, each) for each in (rows.units, rows.total, rows.squares))
    return Logged(
        np.array([arm for _, arm in distinct]), np.array([p for p, _ in distinct]), units, total, squares
    )


POLICY = np.array([0.1, 0.1, 0.8])
TRUTH = 0.1 * 0.05 + 0.1 * 0.08 + 0.8 * 0.2


def test_each_estimate_finds_what_another_policy_would_have_earned():
    found = evaluate(logged(), POLICY)

    for each in (found.ips, found.snips, found.dr):
        assert each.low < TRUTH < each.high
        assert each.value == pytest.approx(TRUTH, abs=4 * each.error)
    assert found.snips.error < found.ips.error
    assert found.dr.error < found.ips.error


def test_they_are_unbiased_and_their_errors_are_how_much_they_scatter():
    several = [evaluate(logged(seed, 4000), POLICY) for seed in range(150)]

    for name in ("ips", "snips", "dr"):
        values = [getattr(each, name).value for each in several]
        assert np.mean(values) == pytest.approx(TRUTH, abs=0.004)
        assert np.std(values) == pytest.approx(np.mean([getattr(e, name).error for e in several]), rel=0.25)


def test_sums_by_revision_and_arm_say_what_the_rows_say():
    rows = logged()
    one, other = evaluate(rows, POLICY), evaluate(grouped(rows), POLICY)

    for name in ("ips", "snips", "dr"):
        assert getattr(one, name).value == pytest.approx(getattr(other, name).value)
        assert getattr(one, name).error == pytest.approx(getattr(other, name).error)
    assert one.effective == pytest.approx(other.effective)


def test_the_formulas_row_by_row():
    rows = logged(requests=3000)
    served = np.arange(3000), rows.arms
    w, r = POLICY[rows.arms] / rows.propensities[served], rows.total
    q = np.array([0.1, 0.2, 0.3])
    found = evaluate(rows, POLICY, q)

    assert found.ips.value == pytest.approx((w * r).mean())
    assert found.snips.value == pytest.approx((w * r).sum() / w.sum())
    assert found.dr.value == pytest.approx((POLICY @ q + w * (r - q[rows.arms])).mean())
    assert found.effective == pytest.approx(w.sum() ** 2 / (w**2).sum())


def test_the_policy_that_was_logged_is_worth_what_it_earned():
    rows = logged()
    found = evaluate(rows, rows.propensities)

    assert found.ips.value == pytest.approx(rows.total.mean())
    assert found.effective == pytest.approx(20_000)


def test_an_arm_that_never_played_is_refused_by_name():
    rows = logged()
    closed = rows.propensities.copy()
    closed[10_000:, 2] = 0.0
    kept = rows.arms != 2

    with pytest.raises(Unanswerable, match="arm 2 got no units"):
        evaluate(Logged(rows.arms[kept], closed[kept], *(3 * (rows.total[kept],))), POLICY)


def test_an_arm_of_which_nothing_is_asked_may_have_been_closed():
    rows = logged()
    kept = rows.arms != 2
    closed = rows.propensities[kept] * [1, 1, 0]
    ones = np.ones(kept.sum())

    assert evaluate(
        Logged(rows.arms[kept], closed, ones, rows.total[kept], rows.squares[kept]), [0.5, 0.5, 0]
    )


def test_too_few_that_resemble_it_are_refused():
    with pytest.raises(Unanswerable, match="it takes 100"):
        evaluate(logged(requests=250), POLICY)


def test_nothing_logged_is_refused():
    nothing = np.zeros(0)
    with pytest.raises(Unanswerable, match="as 0 units would"):
        evaluate(Logged(np.zeros(0, np.int64), np.zeros((0, 3)), nothing, nothing, nothing), POLICY)
