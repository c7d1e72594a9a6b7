from __future__ import annotations

import numpy as np
import pytest

from releases.statistics import bootstrap, metrics
from releases.statistics.estimates import Worth, estimate
from releases.statistics.judging import judged
from releases.statistics.rows import Unmeasurable
from tests.unit.statistics.examples import PLAIN, columns, question, rows_for


def estimated(name, target, predictions, *, seed=0, weight=None, group=None, **changes):
    asked = question(name, **changes)
    (rows,) = judged(asked, np.asarray(target), [np.asarray(predictions)])
    return estimate(asked, rows, Worth.of(len(target), weight, group), np.random.default_rng(seed))


@pytest.mark.parametrize("name", PLAIN)
def test_every_metric_has_bounds_around_its_value(name):
    rng = np.random.default_rng(1)
    asked, rows = rows_for(name, 120, rng)

    found = estimate(asked, rows, Worth.of(120), rng)

    low, high = found.bounds(0.95)
    wider_low, wider_high = found.bounds(0.99)
    assert found.value == metrics.value(asked, rows)
    assert wider_low <= low <= found.value <= high <= wider_high
    assert low < high


@pytest.mark.parametrize("name", PLAIN)
def test_groups_are_what_is_resampled(name):
    rng = np.random.default_rng(2)
    asked, rows = rows_for(name, 120, rng)
    worth = Worth.of(120, group=np.arange(120) // 6)

    found = estimate(asked, rows, worth, rng)

    low, high = found.bounds(0.95)
    assert (found.units, found.method) == (20, "BCa bootstrap, 200 resamples of groups")
    assert low <= found.value <= high
    assert low < high


def test_the_method_suits_the_metric():
    rng = np.random.default_rng(3)
    methods = {}
    for name in ("accuracy", "recall", "precision", "top_k", "roc_auc", "f1", "rmse"):
        asked, rows = rows_for(name, 60, rng)
        methods[name] = estimate(asked, rows, Worth.of(60), rng).method

    assert set(methods.values()) == {
        "Clopper-Pearson",
        "DeLong",
        "BCa bootstrap, 200 resamples of rows",
    }
    assert methods["accuracy"] == methods["recall"] == methods["precision"] == methods["top_k"]


def test_equal_weights_and_groups_of_one_change_nothing():
    assert Worth.of(4, np.full(4, 2.0), np.array(list("abcd"))).is_plain
    assert not Worth.of(4, np.array([1.0, 1, 1, 2])).is_plain
    assert not Worth.of(4, None, np.array(list("abca"))).is_plain


def test_rows_of_one_person_are_not_independent():
    """Ten copies of each row say no more than the row: bounds by group are as wide as without the copies."""
    rng = np.random.default_rng(4)
    target, predictions = columns("mae", 60, rng)
    alone = estimated("mae", target, predictions)
    copies = estimated("mae", np.repeat(target, 10), np.repeat(predictions, 10))
    grouped = estimated(
        "mae", np.repeat(target, 10), np.repeat(predictions, 10), group=np.repeat(np.arange(60), 10)
    )

    width = np.subtract(*alone.bounds(0.95))
    assert np.subtract(*grouped.bounds(0.95)) == pytest.approx(width)
    assert np.subtract(*copies.bounds(0.95)) == pytest.approx(width / 10**0.5, rel=0.1)


def test_the_bootstrap_of_a_mean_is_students_interval_but_for_skewness():
    rng = np.random.default_rng(5)
    errors = rng.normal(size=400) + 10

    low, high = estimated("mae", np.zeros(400), errors).bounds(0.95)

    step = 1.645 * errors.std() / 20
    assert (low, high) == pytest.approx((errors.mean() - step, errors.mean() + step), abs=0.02)


def test_the_same_seed_gives_the_same_bounds():
    rng = np.random.default_rng(6)
    target, predictions = columns("f1_macro", 100, rng)
    one, same, other = (
        estimated("f1_macro", target, predictions, seed=seed).bounds(0.95) for seed in (0, 0, 1)
    )

    assert one == same
    assert one != other
    assert one == pytest.approx(other, abs=0.03)


@pytest.mark.parametrize(
    ("name", "rows", "right"),
    [("balanced_accuracy", 60, 0.85), ("f1_macro", 60, 0.95), ("matthews", 60, 0.97)],
)
def test_a_label_metrics_lower_bound_is_seldom_above_the_truth_with_rare_classes(name, rows, right):
    """Resampling alone is, in 8 to 36 of 100 such sets: it knows only the errors that it was shown."""
    rng = np.random.default_rng(7)

    def drawn(count):
        target = rng.choice(3, count, p=[0.1, 0.3, 0.6])
        wrong = (target + rng.integers(1, 3, count)) % 3
        return target, np.where(rng.random(count) < right, target, wrong)

    truth = estimated_value(name, *drawn(50_000))
    above = sum(estimated(name, *drawn(rows), seed=seed).bounds(0.95)[0] > truth for seed in range(60))

    assert above <= 5


def estimated_value(name, target, predictions):
    asked = question(name)
    return metrics.value(asked, judged(asked, target, [predictions])[0])


@pytest.mark.parametrize(
    "name", ["balanced_accuracy", "f1", "f1_macro", "matthews", "cohen_kappa", "roc_auc_ovr"]
)
def test_no_error_in_a_few_rows_is_no_proof_of_none(name):
    target = np.arange(24) % 3 if name == "roc_auc_ovr" else np.arange(24) % 2
    predictions = np.eye(3)[target] if name == "roc_auc_ovr" else target

    found = estimated(name, target, predictions)
    low, high = found.bounds(0.95)

    assert (found.value, high) == (1, 1)
    assert 0.5 < low < 0.95


def test_no_error_in_a_few_groups_is_no_proof_either():
    target = np.arange(200) % 2

    by_rows = estimated("f1_macro", target, target).bounds(0.95)[0]
    by_groups = estimated("f1_macro", target, target, group=np.arange(200) // 20).bounds(0.95)[0]

    assert by_groups < 0.9 < by_rows


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("f1_macro", "BCa bootstrap, 200 resamples of 1000 blocks of rows"),
        ("mae", "BCa bootstrap, 200 resamples of 1000 blocks of rows"),
        ("average_precision", "jackknife of 100 blocks of rows"),
    ],
)
def test_many_units_are_taken_in_blocks_and_the_bounds_stay_the_same(name, method, monkeypatch):
    rng = np.random.default_rng(8)
    asked, rows = rows_for(name, 12_000, rng)
    worth = Worth.of(12_000)

    found = estimate(asked, rows, worth, rng)
    monkeypatch.setattr(bootstrap, "MOST_UNITS", 20_000)
    whole = estimate(asked, rows, worth, rng)

    assert found.method == method
    width = np.subtract(*whole.bounds(0.95))
    assert np.subtract(*found.bounds(0.95)) == pytest.approx(width, rel=0.4)
    assert found.bounds(0.95) == pytest.approx(whole.bounds(0.95), abs=abs(width) / 2)


def test_one_group_says_nothing_about_another():
    with pytest.raises(Unmeasurable, match="all rows are one unit"):
        estimated("mae", np.zeros(9), np.arange(9.0), group=np.zeros(9))


@pytest.mark.parametrize("name", PLAIN)
def test_two_units_have_bounds_or_a_sentence(name):
    rng = np.random.default_rng(9)
    asked, rows = rows_for(name, 40, rng)

    try:
        found = estimate(asked, rows, Worth.of(40, group=np.arange(40) % 2), rng)
    except Unmeasurable:
        return
    assert np.isfinite(found.bounds(0.95)).all()
