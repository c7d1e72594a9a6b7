from __future__ import annotations

from functools import reduce

import numpy as np
import pytest

from releases.rollout.evidence.linear import Linear, chosen, generator

RNG = np.random.default_rng(0)
FEATURES = RNG.uniform(-1, 1, (300, 3))
REWARDS = np.clip(0.5 + FEATURES @ [0.3, -0.2, 0.0] + RNG.normal(0, 0.05, 300), 0, 1)


def state(features=FEATURES, rewards=REWARDS, arms=2):
    return Linear.none(arms, features.shape[1]).seen(0, features, rewards)


@pytest.mark.parametrize("seed", range(3))
def test_any_order_and_any_batches_are_the_same_sums(seed):
    order = np.random.default_rng(seed).permutation(300)
    parts = [state(FEATURES[part], REWARDS[part]) for part in np.array_split(order, 7)]
    merged = reduce(Linear.__add__, parts)

    assert (merged.gram == state().gram).all()
    assert (merged.reward == state().reward).all()
    assert list(merged.units) == [300, 0]


def test_models_are_drawn_around_ridge_regression():
    sums = state(np.column_stack([FEATURES, np.ones(300)]))
    x = np.column_stack([FEATURES, np.ones(300)])
    ridge = np.linalg.solve(x.T @ x + np.eye(4), x.T @ REWARDS)
    drawn = np.array([sums.drawn(np.random.default_rng(seed), 0.2)[0] for seed in range(3000)])

    assert drawn.mean(axis=0) == pytest.approx(ridge, abs=0.002)
    assert np.cov(drawn.T) == pytest.approx(0.04 * np.linalg.inv(x.T @ x + np.eye(4)), abs=3e-5)


def test_an_arm_that_nobody_saw_is_drawn_from_its_own_prior():
    drawn = np.array([state().drawn(np.random.default_rng(seed), 1.0)[1] for seed in range(2000)])

    assert drawn.mean() == pytest.approx(0, abs=0.05)
    assert drawn.std() == pytest.approx(1, abs=0.05)


def test_it_learns_whom_each_arm_serves_best():
    """Two arms, each right for half of the requests: no fixed shares can do better than chance."""
    rng, better = np.random.default_rng(1), 0
    sums = Linear.none(2, 2)
    for revision in range(40):
        models = sums.drawn(generator(0, 0, revision), 0.3)
        x = np.column_stack([rng.uniform(-1, 1, 100), np.ones(100)])
        arms = chosen(models, x)
        pays = np.where(arms == 0, 0.5 + 0.4 * x[:, 0], 0.5 - 0.4 * x[:, 0])
        rewards = (rng.random(100) < pays).astype(float)
        better += int((arms == (x[:, 0] < 0)).sum())
        for arm in (0, 1):
            sums = sums.seen(arm, x[arms == arm], rewards[arms == arm])

    assert better / 4000 > 0.8


def test_equal_promises_go_to_the_first_arm():
    assert list(chosen(np.zeros((3, 2)), np.ones((2, 2)))) == [0, 0]


@pytest.mark.parametrize(("features", "rewards"), [([[2.0]], [0.5]), ([[0.5]], [1.5]), ([[0.5]], [-0.1])])
def test_values_out_of_range_are_refused(features, rewards):
    with pytest.raises(ValueError, match=r"\[-1, 1\]"):
        Linear.none(1, 1).seen(0, np.array(features), np.array(rewards))


def test_more_features_than_it_is_made_for_are_refused():
    with pytest.raises(ValueError, match="50 features"):
        Linear.none(2, 51)


def test_no_node_and_no_revision_draws_what_another_does():
    drawn = {
        generator(seed, node, revision).random() for seed in (0, 1) for node in (0, 1) for revision in (0, 1)
    }

    assert len(drawn) == 8
    assert generator(0, 3, 7).random() == generator(0, 3, 7).random()
