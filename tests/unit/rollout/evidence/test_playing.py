from __future__ import annotations

import numpy as np
import pytest

from releases.rollout.evidence import playing
from releases.rollout.evidence.posteriors import Pulls

ALL = np.array([True, True, True])


def pulls(units, means, spread=None):
    units, means = np.array(units, float), np.array(means)
    squares = units * means if spread is None else units * (means**2 + spread**2)
    return Pulls(units, units * means, squares)


def parts(known, ready=ALL, floor=0.0, cap=1.0, **how):
    return list(
        playing.parts(known, ready, np.full(3, floor), np.full(3, cap), how.pop("deciding", False), **how)
    )


def test_the_best_arm_is_played_practically_always():
    assert parts(pulls([5000] * 3, [0.05, 0.09, 0.04])) == [0, 64, 0]
    assert parts(pulls([5000] * 3, [0.05, 0.09, 0.04]), floor=0.01) == [1, 62, 1]
    assert parts(pulls([5000] * 3, [0.05, 0.09, 0.04]), cap=0.9)[1] <= 57


def test_deciding_keeps_the_runner_up():
    assert parts(pulls([5000] * 3, [0.05, 0.09, 0.04]), deciding=True)[1] == 32


def test_an_arm_that_has_just_joined_gets_an_equal_share_whatever_it_brought():
    joined = np.array([False, True, True])

    assert parts(pulls([3, 5000, 5000], [0.0, 0.09, 0.04]), joined)[0] == pytest.approx(64 / 3, abs=1)
    assert parts(pulls([3, 5000, 5000], [0.0, 0.09, 0.04]), joined)[1] == pytest.approx(2 * 64 / 3, abs=1)
    assert max(parts(pulls([3, 5, 5000], [0.0, 0.9, 0.04]), np.array([False, False, True]))) == 22


def test_rewards_between_zero_and_one_are_told_apart_by_their_spread():
    close = pulls([400] * 3, [0.50, 0.52, 0.49], spread=0.07)

    assert parts(close, fractional=True) == [0, 64, 0]
    assert parts(close)[1] < 50


def test_equal_arms_share():
    assert sorted(parts(pulls([800] * 3, [0.2] * 3))) == [21, 21, 22]
