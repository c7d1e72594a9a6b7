from __future__ import annotations

import numpy as np
import pytest

from releases.rollout.evidence import propensity, winner
from releases.rollout.evidence.posteriors import Beta, Pulls


def counted(*arms):
    """From (units, good) of each arm."""
    units, good = np.array(arms, float).T
    return Pulls.counted(units, good)


def log_likelihood(units, good, mean):
    bad = units - good
    return (good * np.log(mean) if good else 0) + (bad * np.log(1 - mean) if bad else 0)


@pytest.mark.parametrize("arms", [((100, 60), (80, 30)), ((50, 50), (40, 3)), ((1000, 9), (70, 0))])
def test_the_cost_is_the_ratio_of_likelihoods(arms):
    """Both arms with means of their own, against both with one mean."""
    (n, a), (m, b) = arms
    free = log_likelihood(n, a, a / n) + log_likelihood(m, b, b / m)
    alike = log_likelihood(n + m, a + b, (a + b) / (n + m))

    found = winner.costs(counted(*arms))
    assert found[0, 1] == pytest.approx(free - alike)
    assert found[1, 0] == 0


def test_arms_that_nobody_played_and_arms_that_are_equal_win_nothing():
    for arms in (
        [(0, 0), (0, 0)],
        [(1000, 0), (1000, 0)],
        [(1000, 1000)] * 3,
        [(500, 20)] * 2,
        [(90, 80), (0, 0)],
    ):
        assert winner.winners(counted(*arms), 0.05) == winner.NOBODY


def test_an_arm_that_nobody_saw_beside_one_that_always_paid():
    """Zero units times an infinite divergence is zero, not "not a number"."""
    arms = counted((20, 20), (0, 0), (20, 9))

    assert np.isfinite(winner.costs(arms)).all()
    assert winner.costs(arms)[0, 1] == pytest.approx(0, abs=1e-9)
    assert winner.top_two(np.array([0.8, 0.1, 0.1]), arms).sum() == pytest.approx(1)
    assert winner.winners(arms, 0.05) == winner.NOBODY


def test_a_clear_winner_is_named_and_a_smaller_error_asks_more():
    arms = counted((3000, 200), (3000, 265), (3000, 150))

    assert winner.winners(arms, 0.05) == winner.NOBODY
    assert winner.winners(arms + arms, 0.05) == 1
    assert winner.winners(arms + arms, 1e-4) == winner.NOBODY


def test_the_bar_is_the_papers():
    assert winner.threshold(np.array(1000.0), 3, 0.05) == pytest.approx(np.log((1 + np.log(1000)) * 2 / 0.05))
    assert np.isfinite(winner.threshold(np.array(0.0), 2, 0.05))


def test_two_experiments_at_once():
    both = Pulls.counted(np.full((2, 2), 4000.0), np.array([[200.0, 300.0], [200.0, 210.0]]))

    assert list(winner.winners(both, 0.05)) == [1, winner.NOBODY]


def test_top_two_plays_the_runner_up_as_much_as_the_leader():
    arms = counted((4000, 200), (4000, 320), (4000, 290))
    best = propensity.best(Beta.of(arms))
    shares = winner.top_two(best, arms)

    assert shares.sum() == pytest.approx(1)
    assert shares[1] == pytest.approx(0.5, abs=0.06)
    assert shares[2] == pytest.approx(0.5, abs=0.06)
    assert shares[0] < 0.05


def test_arms_that_are_equally_hard_share_the_challengers_half():
    arms = counted((100, 50), (100, 10), (100, 10))

    assert winner.top_two(np.array([1.0, 0.0, 0.0]), arms) == pytest.approx([0.5, 0.25, 0.25])


def test_of_two_arms_top_two_is_the_even_split():
    arms = counted((400, 40), (4000, 320))

    assert winner.top_two(propensity.best(Beta.of(arms)), arms) == pytest.approx([0.5, 0.5])
