from __future__ import annotations

from bisect import bisect_left

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binom

from releases.statistics.proportions import clopper_pearson, mcnemar, paired_difference


def test_clopper_pearson_against_the_binomial_itself():
    """The bound is the share at which what was seen, or more, has a chance of 5 %."""
    low, high = clopper_pearson(183, 200)

    assert binom.sf(182, 200, low) == pytest.approx(0.05)
    assert binom.cdf(183, 200, high) == pytest.approx(0.05)


def test_known_bounds():
    assert clopper_pearson(10, 10)[0] == pytest.approx(0.05 ** (1 / 10))
    assert clopper_pearson(0, 10)[1] == pytest.approx(1 - 0.05 ** (1 / 10))
    assert clopper_pearson(10, 10)[1] == 1
    assert clopper_pearson(0, 10)[0] == 0
    assert clopper_pearson(0, 0) == (0, 1)


@pytest.mark.parametrize("rows", [1, 2, 3, 20, 58, 200, 1000, 30_000])
@pytest.mark.parametrize("bar", [0.5, 0.9, 0.99])
def test_a_version_below_the_bar_passes_in_at_most_five_of_a_hundred(rows, bar):
    """Figure 21, not by simulation: the chance of all counts that would pass, exactly."""
    least = bisect_left(range(rows + 1), bar, key=lambda count: clopper_pearson(count, rows)[0])

    assert binom.sf(least - 1, rows, bar - 0.01) <= 0.05


def test_the_point_estimate_would_let_it_pass_far_more_often():
    assert binom.sf(179, 200, 0.89) > 0.3


def test_mcnemar_counts_the_rows_on_which_they_differ():
    assert mcnemar(5, 0) == pytest.approx(1 / 32)
    assert mcnemar(8, 2) == pytest.approx(56 / 1024)
    assert mcnemar(0, 0) == 1
    assert mcnemar(3, 5) > 0.5


@pytest.mark.parametrize(("gained", "lost", "rows"), [(12, 2, 50), (1, 1, 50), (0, 3, 40), (40, 60, 1000)])
def test_tangos_bound_is_where_the_score_is_critical(gained, lost, rows):
    """With the share of lost rows that is likeliest under that difference looked for, not calculated."""
    low, _ = paired_difference(gained, lost, rows)

    def unlikeliness(lost_share):
        shares = np.array([lost_share + low, lost_share, 1 - 2 * lost_share - low])
        return -np.dot([gained, lost, rows - gained - lost], np.log(np.maximum(shares, 1e-300)))

    ends = (max(0.0, -low) + 1e-9, (1 - low) / 2 - 1e-9)
    likeliest = minimize_scalar(unlikeliness, bounds=ends, method="bounded", options={"xatol": 1e-12}).x
    spread = rows * (2 * likeliest + low * (1 - low))
    assert (gained - lost - rows * low) / spread**0.5 == pytest.approx(1.6449, rel=2e-3)


def test_paired_bounds_mirror_and_hold_the_estimate():
    for gained, lost, rows in [(0, 0, 30), (3, 0, 30), (5, 9, 400), (0, 30, 30), (30, 0, 30)]:
        low, high = paired_difference(gained, lost, rows)
        other_low, other_high = paired_difference(lost, gained, rows)
        assert (low, high) == pytest.approx((-other_high, -other_low))
        assert -1 <= low <= (gained - lost) / rows <= high <= 1


def test_two_that_never_differed_may_still_differ():
    """Without a single discordant row Wald's interval has no width at all."""
    low, high = paired_difference(0, 0, 100)

    assert -0.04 < low < -0.02
    assert high == pytest.approx(-low)


def test_paired_bounds_cover_what_they_say():
    rng = np.random.default_rng(7)
    counts = rng.multinomial(150, [0.06, 0.04, 0.9], size=1500)
    lows = [paired_difference(gained, lost, 150)[0] for gained, lost, _ in counts]

    assert np.mean(np.array(lows) > 0.02) <= 0.065
