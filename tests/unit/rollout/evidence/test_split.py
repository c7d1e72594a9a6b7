"""What events of two arms say, however many spells there are and however many runs are asked at once."""

from __future__ import annotations

import numpy as np
import pytest

from releases.rollout.evidence import split


@pytest.mark.parametrize("spells", [3, split._FEW + 1])
def test_of_few_spells_and_of_many_it_is_the_formula(spells):
    chance = np.random.default_rng(3)
    new, old = chance.integers(0, 9, (2, spells))
    shares, logs = chance.uniform(0.05, 0.5, spells), np.log([1.5, 3.0])
    wanted = [float((new * log - (new + old) * np.log(1 + (np.exp(log) - 1) * shares)).sum()) for log in logs]
    assert split.log_likelihoods(new, old, shares, logs) == pytest.approx(wanted)


def test_many_runs_of_the_same_shares_are_asked_at_once_as_each_alone():
    chance = np.random.default_rng(4)
    new, old = chance.integers(0, 9, (2, 5, 3))
    shares, logs = chance.uniform(0.05, 0.5, 3), np.log([1.5, 3.0])
    together = split.log_likelihoods(new, old, shares, logs)
    assert together.shape == (5, 2)
    alone = [split.log_likelihoods(a, b, shares, logs).tolist() for a, b in zip(new, old, strict=True)]
    assert together.tolist() == [pytest.approx(each) for each in alone]
