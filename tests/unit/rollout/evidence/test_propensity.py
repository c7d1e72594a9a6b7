from __future__ import annotations

import numpy as np
import pytest

from releases.rollout.evidence import propensity
from releases.rollout.evidence.posteriors import Beta, Pulls, StudentT


def beta(*counts):
    """From (units, good) of each arm."""
    units, good = np.array(counts, float).T
    return Beta.of(Pulls.counted(units, good))


@pytest.mark.parametrize(
    "posterior",
    [
        beta((0, 0), (0, 0), (0, 0)),
        beta((100, 5), (100, 6)),
        beta((10, 9), (1_000_000, 850_000)),
        beta((1000, 0), (1000, 1), (20, 0)),
        beta((50, 50), (500, 499)),
        beta(*[(200 + n, 20 + n) for n in range(20)]),
        StudentT(np.array([29.0, 1000.0]), np.array([0.3, 0.32]), np.array([0.02, 0.003])),
        StudentT(np.array([29.0, 29.0]), np.array([1e6, 1e6 + 1]), np.array([1.0, 1.0])),
    ],
)
def test_the_integral_is_how_often_a_drawn_mean_is_the_highest(posterior):
    rng, times = np.random.default_rng(0), 10_000
    drawn = np.array([posterior.draw(rng) for _ in range(times)])
    arms = drawn.shape[1]
    found = np.bincount(drawn.argmax(axis=1), minlength=arms) / times

    best = propensity.best(posterior)
    assert best.sum() == pytest.approx(1, abs=1e-12)
    assert best == pytest.approx(found, abs=5 * 0.5 / times**0.5)


@pytest.mark.parametrize("seed", range(5))
def test_sixty_four_places_are_enough(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    units = np.floor(10 ** rng.uniform(0, 6, 3))
    posterior = beta(*zip(units, rng.binomial(units.astype(int), 0.1), strict=True))
    coarse = propensity.best(posterior)
    monkeypatch.setattr(propensity, "_PLACES", np.linspace(-9, 9, 4000))

    assert coarse == pytest.approx(propensity.best(posterior), abs=1e-3)


def test_equal_arms_share_alike():
    assert propensity.best(beta(*[(300, 17)] * 4)) == pytest.approx([0.25] * 4)


def test_two_coins_by_the_textbook():
    """P(Beta(2, 1) > Beta(1, 1)) = 2/3."""
    assert propensity.best(beta((1, 1), (0, 0))) == pytest.approx([2 / 3, 1 / 3], abs=1e-3)


def test_which_arm_is_listed_first_changes_nothing():
    counts = [(100, 9), (3000, 400), (50, 3), (0, 0)]
    there, back = propensity.best(beta(*counts)), propensity.best(beta(*counts[::-1]))

    assert there == pytest.approx(back[::-1])


def test_experiments_side_by_side_know_nothing_of_each_other():
    units, good = np.array([[100.0, 50.0], [9.0, 7.0]]), np.array([[7.0, 5.0], [1.0, 6.0]])
    together = propensity.best(Beta.of(Pulls.counted(units, good)))

    for row in range(2):
        alone = propensity.best(Beta.of(Pulls.counted(units[row], good[row])))
        assert together[row] == pytest.approx(alone, abs=1e-12)


def test_more_arms_than_can_be_told_apart_are_refused():
    with pytest.raises(ValueError, match="at most 20 arms"):
        propensity.best(beta(*[(1, 1)] * 21))
