from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, t

from releases.rollout.counts import Sums
from releases.rollout.evidence.posteriors import Beta, Normal, Pulls, StudentT

REWARDS = st.lists(st.integers(0, 64).map(lambda parts: parts / 64), min_size=1, max_size=30)


def pulls(*arms):
    """From each arm's rewards."""
    return Pulls.summed([Sums.of(each) for each in arms])


@given(REWARDS, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_any_order_and_any_batches_say_the_same(rewards, chance):
    shuffled = rewards.copy()
    chance.shuffle(shuffled)
    cut = chance.randint(0, len(rewards))
    parts = pulls(shuffled[:cut]) + pulls(shuffled[cut:])

    for name in ("units", "total", "squares"):
        assert getattr(parts, name) == getattr(pulls(rewards), name)


def test_fractions_of_a_reward_are_not_cut_off():
    posterior = Beta.of(pulls([0.25, 0.5, 0.9]))

    assert posterior.good == pytest.approx([2.65])
    assert posterior.bad == pytest.approx([2.35])


def test_some_of_the_arms():
    some = pulls([1.0], [0.5, 0.5], [0.0]).of(np.array([2, 1]))

    assert list(some.units) == [1, 2]
    assert list(some.total) == [0, 1]


def test_some_of_the_arms_of_every_context():
    some = Normal(np.array([[1.0, 2, 3], [4, 5, 6]]), np.ones((2, 3))).of(np.array([2, 0]))

    assert some.middle.tolist() == [[3, 1], [6, 4]]
    assert some.error.shape == (2, 2)


def test_rewards_of_another_range_are_moved_as_sums():
    given_, moved = [-2.0, 0.0, 3.0, 8.0], [0.0, 0.2, 0.5, 1.0]

    found, meant = pulls(given_).scaled(-2, 8), pulls(moved)
    assert found.total == pytest.approx(meant.total)
    assert found.squares == pytest.approx(meant.squares)


def test_an_arm_that_nobody_saw_knows_what_it_knew_before():
    nothing = Beta.of(Pulls.none(1))

    assert Pulls.none(1).means == [0]
    assert nothing.below(np.array([0.3]))[0] == pytest.approx([0.3])


@pytest.mark.parametrize("good", [0, 50])
def test_arms_that_always_and_never_pay(good):
    posterior = Beta.of(Pulls.counted(np.array([50.0]), np.array([float(good)])))
    points = posterior.places(np.linspace(-6, 6, 5))

    assert np.isfinite(posterior.below(points[0])).all()
    assert (points >= 0).all()
    assert (points <= 1).all()


def test_rounding_does_not_make_a_count_negative():
    """Sums of fractions may end a hair beside what they mean."""
    found = Beta.of(Pulls(np.array([3.0, 3.0]), np.array([-1e-17, 3 + 1e-15]), np.array([0.0, 3.0])))

    assert found.good == pytest.approx([1, 4])
    assert (found.bad >= 1).all()


def test_the_beta_is_scipys():
    posterior = Beta(np.array([3.0, 30.0]), np.array([7.0, 900.0]))
    points = np.array([0.02, 0.3, 1.5])

    assert posterior.below(points)[:, 0] == pytest.approx(beta.cdf(points, 3, 7))
    assert posterior.below(points)[:, 1] == pytest.approx(beta.cdf(points, 30, 900))


def test_students_posterior_is_that_of_the_mean():
    rewards = np.random.default_rng(1).normal(0.4, 0.07, 40)
    posterior = StudentT.of(pulls(rewards), width=0.2)
    points = np.array([0.38, 0.4, 0.43])
    error = rewards.std(ddof=1) / 40**0.5

    assert posterior.below(points)[:, 0] == pytest.approx(t.cdf((points - rewards.mean()) / error, 39))


def test_an_arm_whose_rewards_were_all_alike_is_not_certain():
    """Rewards that are mostly zero begin so; a spread of zero would lock them out for ever."""
    zeros = [0.0] * 30
    posterior = StudentT.of(pulls(zeros, [*zeros[:-1], 1.0]), width=1.0)

    assert posterior.error[0] == pytest.approx((0.25 / 29 / 30) ** 0.5)
    assert posterior.error[1] > posterior.error[0]


def test_a_spread_needs_thirty_pulls():
    with pytest.raises(ValueError, match="30 pulls"):
        StudentT.of(pulls([1.0] * 30, [1.0] * 29), width=1.0)


def test_draws_follow_the_posterior():
    rng = np.random.default_rng(0)
    for posterior in (
        Beta(np.full(4000, 4.0), np.full(4000, 9.0)),
        StudentT(np.full(4000, 35.0), np.full(4000, 1.0), np.full(4000, 0.1)),
        Normal(np.full(4000, 1.0), np.full(4000, 0.1)),
    ):
        drawn = posterior.draw(rng)
        points = np.quantile(drawn, [0.1, 0.5, 0.9])
        assert posterior.below(points)[:, 0] == pytest.approx([0.1, 0.5, 0.9], abs=0.03)


def test_seed_zero_is_a_seed():
    posterior = Beta(np.full(3, 4.0), np.full(3, 9.0))
    one, again, other = (posterior.draw(np.random.default_rng(seed)) for seed in (0, 0, 1))

    assert (one == again).all()
    assert (one != other).all()
