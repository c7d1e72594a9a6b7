from __future__ import annotations

import numpy as np
import pytest

from releases.rollout.counts import Sums
from releases.rollout.evidence import adjusted
from releases.rollout.evidence.adjusted import Moments


def world(seed=0, new=700, old=400, slope=0.8, effect=0.3):
    rng = np.random.default_rng(seed)
    x_new, x_old = rng.normal(5, 1, new), rng.normal(5, 1, old)
    y_new = effect + slope * x_new + rng.normal(0, 0.6, new)
    y_old = slope * x_old + rng.normal(0, 0.6, old)
    return (y_new, x_new), (y_old, x_old)


def moments(values, covariates):
    return Moments.of(Sums.of(values, covariates))


def test_the_effect_is_the_coefficient_of_a_regression_with_both_slopes():
    """Ordinary least squares on all rows; the covariate is centred, as Lin (2013) has it."""
    (y_new, x_new), (y_old, x_old) = world()
    arm = np.repeat([1.0, 0.0], [len(y_new), len(y_old)])
    x = np.concatenate([x_new, x_old])
    centred = x - x.mean()
    design = np.column_stack([np.ones_like(arm), arm, centred, arm * centred])
    coefficients, *_ = np.linalg.lstsq(design, np.concatenate([y_new, y_old]), rcond=None)

    found = adjusted.adjusted(moments(y_new, x_new), moments(y_old, x_old), 0.05)
    assert found.value == pytest.approx(coefficients[1], abs=1e-6)


def test_the_standard_error_is_how_much_the_effect_scatters():
    found = [
        adjusted.adjusted(moments(*new), moments(*old), 0.05) for new, old in (world(s) for s in range(300))
    ]
    error = (found[0].high - found[0].low) / 2 / adjusted.radius(np.array(1100.0), 4, 0.05)

    assert np.std([each.value for each in found]) == pytest.approx(error, rel=0.15)
    assert np.mean([each.value for each in found]) == pytest.approx(0.3, abs=0.01)


def test_it_is_narrower_by_what_the_covariate_explains():
    """rho² = 0.64 / (0.64 + 0.36): six tenths of the width are left."""
    new, old = (moments(*arm) for arm in world(new=5000, old=5000))

    ratio = adjusted.adjusted(new, old, 0.05).width / adjusted.plain(new, old, 0.05).width
    assert ratio == pytest.approx(0.6, abs=0.02)


def test_a_covariate_that_says_nothing_changes_nothing():
    (y_new, _), (y_old, _) = world()
    new, old = moments(y_new, np.full(700, 3.0)), moments(y_old, np.full(400, 3.0))

    plain, with_it = adjusted.plain(new, old, 0.05), adjusted.adjusted(new, old, 0.05)
    assert with_it.value == pytest.approx(plain.value)
    assert with_it.width == pytest.approx(plain.width, rel=0.01)


def test_the_radius_is_where_the_papers_evidence_is_one_by_alpha():
    """Lindon and others, section 3: the mixture of F-tests under a g-prior, worked out by itself."""
    for units in (200.0, 5000.0, 1e6):
        t = adjusted.radius(np.array(units), 2, 0.05, 1000)
        degrees, root = units - 2, -adjusted.lambertw(-(0.05**2) / np.e, k=-1).real
        kept = (1000 / (root - 1)) / (1000 / (root - 1) + units)
        log_e = 0.5 * np.log(kept) + (degrees + 1) / 2 * (
            np.log1p(t**2 / degrees) - np.log1p(kept * t**2 / degrees)
        )
        assert log_e == pytest.approx(np.log(20), rel=1e-6)


def test_it_is_narrowest_where_it_was_tuned():
    widths = [adjusted.radius(np.array(5000.0), 2, 0.05, at) for at in (500, 5000, 50_000)]

    assert widths[1] == min(widths)


def test_with_few_units_nothing_is_said():
    new, old = moments(np.arange(99), np.ones(99)), moments(np.arange(5000), np.ones(5000))

    found = adjusted.plain(new, old, 0.05)
    assert (found.low, found.high) == (-np.inf, np.inf)
    assert adjusted.radius(np.array(3.0), 4, 0.05) == np.inf


def test_arms_in_which_nothing_ever_happened_are_not_certain():
    """No purchase in 5,000 units each: an interval of no width would call them equal for ever."""
    silent, lively = moments(np.zeros(5000), np.ones(5000)), moments(np.arange(5000) % 20 == 0, np.ones(5000))

    for found in (adjusted.plain(silent, silent, 0.05), adjusted.adjusted(lively, silent, 0.05)):
        assert (found.low, found.high) == (-np.inf, np.inf)


def test_a_watched_interval_covers():
    """200 runs, looked at 60 times each; an interval made for one look would miss in a third of them."""
    rng, runs, looks, each = np.random.default_rng(5), 200, 60, 200
    x = rng.normal(0, 1, (2, runs, looks, each))
    y = (rng.random((2, runs, looks, each)) < 0.3 + 0.1 * np.tanh(x)).astype(float)
    sums = [np.cumsum(a.sum(axis=3), axis=2) for a in (y, y * y, x, x * x, x * y)]
    n = np.broadcast_to(np.arange(1, looks + 1) * float(each), (runs, looks))
    new, old = (Moments(n, *(s[arm] for s in sums)) for arm in (0, 1))

    for found in (adjusted.plain(new, old, 0.05), adjusted.adjusted(new, old, 0.05)):
        missed = ((found.low > 0) | (found.high < 0)).any(axis=1)
        assert missed.mean() <= 0.05
    fixed = np.abs(found.value) > 1.96 * found.width / 2 / adjusted.radius(2 * n, 4, 0.05)
    assert fixed.any(axis=1).mean() > 0.15


def test_a_ratio_of_sums():
    """Purchases by visit: heavy visitors are one unit, whatever they weigh in the ratio."""
    rng = np.random.default_rng(2)
    visits_new, visits_old = rng.poisson(4, 4000) + 1.0, rng.poisson(4, 4000) + 1.0
    bought_new, bought_old = (
        rng.binomial(visits_new.astype(int), 0.35),
        rng.binomial(visits_old.astype(int), 0.3),
    )
    new, old = moments(bought_new, visits_new), moments(bought_old, visits_old)

    found = adjusted.ratio(new, old, frozen=0.3, alpha=0.05)
    told = bought_new.sum() / visits_new.sum() - bought_old.sum() / visits_old.sum()
    assert found.value == pytest.approx(told, abs=0.003)
    assert found.low < 0.05 < found.high
    assert found.low > 0


def test_a_ratio_of_nothing_is_unknown():
    nothing = Moments.of(Sums())

    found = adjusted.ratio(nothing, nothing, frozen=0.3, alpha=0.05)
    assert (found.low, found.high) == (-np.inf, np.inf)
