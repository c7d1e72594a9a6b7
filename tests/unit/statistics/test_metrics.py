from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from registry.manifest import METRICS
from releases.statistics import metrics
from releases.statistics.estimates import Worth, statistic
from releases.statistics.judging import judged, judgement
from releases.statistics.rows import Unmeasurable
from tests.unit.statistics.examples import PLAIN, question, rows_for


def measured(name, target, predictions, weight=None, **changes):
    asked = question(name, **changes)
    (rows,) = judged(asked, np.array(target), [np.array(predictions)])
    return metrics.value(asked, rows, weight)


def test_every_metric_of_the_manifest_can_be_computed():
    assert {*PLAIN} == metrics.LABELS.keys() | metrics.SCORES.keys() | metrics.NUMBERS.keys()


@pytest.mark.parametrize("name", PLAIN)
def test_a_metric_lies_where_its_table_says(name):
    asked, rows = rows_for(name, 60, np.random.default_rng(1))

    assert METRICS[name].low <= metrics.value(asked, rows) <= METRICS[name].high


@pytest.mark.parametrize("name", PLAIN)
def test_counting_rows_gives_what_scikit_learn_gives_on_repeated_rows(name):
    rng = np.random.default_rng(2)
    asked, rows = rows_for(name, 80, rng)
    counts = rng.integers(0, 4, size=(5, 80))
    counts[0] = 1

    found = statistic(asked, rows, Worth.of(80)).values(counts.astype(float))

    expected = [metrics.value(asked, rows.take(np.repeat(np.arange(80), times))) for times in counts]
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", PLAIN)
def test_weights_of_the_set_count_as_scikit_learn_counts_them(name):
    rng = np.random.default_rng(3)
    asked, rows = rows_for(name, 80, rng)
    weight = rng.integers(1, 5, size=80).astype(float)

    (found,) = statistic(asked, rows, Worth.of(80, weight)).values(np.ones((1, 80)))

    assert found == pytest.approx(metrics.value(asked, rows, weight), rel=1e-9)


@pytest.mark.parametrize("name", PLAIN)
def test_leaving_out_one_group_at_a_time_is_what_it_says(name):
    rng = np.random.default_rng(4)
    asked, rows = rows_for(name, 60, rng)
    worth = Worth.of(60, group=rng.integers(0, 7, size=60))

    found = statistic(asked, rows, worth).without_each()

    expected = [metrics.value(asked, rows.take(np.flatnonzero(worth.codes != code))) for code in range(7)]
    assert found == pytest.approx(expected, rel=1e-9)


def test_known_values():
    assert measured("accuracy", [0, 1, 1, 1], [0, 1, 0, 1]) == 0.75
    assert measured("accuracy", ["a", "b"], ["a", "a"]) == 0.5
    assert measured("accuracy", [1, 2], [[1.0], [3.0]]) == 0.5
    assert measured("recall", [0, 1, 1, 1], [0, 1, 0, 1]) == pytest.approx(2 / 3)
    assert measured("recall", [0, 1, 1, 1], [0, 1, 0, 1], positive=0) == 1
    assert measured("precision", ["no", "yes", "maybe"], ["yes", "yes", "no"], positive="yes") == 0.5
    assert measured("rmse", [0.0, 0.0], [3.0, 4.0]) == pytest.approx(12.5**0.5)
    assert measured("pinball", [1.0], [0.0], quantile=0.9) == pytest.approx(0.9)
    assert measured("brier", [0, 1], [0.5, 0.5]) == 0.25
    assert measured("brier", [0, 1, 2], np.full((3, 3), 1 / 3)) == pytest.approx(2 / 3)
    assert measured("ece", [0, 1], [[0.9, 0.1], [0.9, 0.1]]) == pytest.approx(0.4)
    assert measured("log_loss", [1], np.array([[0.2, 0.8]])) == pytest.approx(-np.log(0.8))


def test_top_k_breaks_ties_as_scikit_learn_does():
    rng = np.random.default_rng(5)
    target, scores = rng.integers(0, 5, 200), rng.integers(0, 3, (200, 5)) / 2

    found = measured("top_k", target, scores, k=2)

    assert found == sk.top_k_accuracy_score(target, scores, k=2, labels=np.arange(5))


def test_the_columns_may_be_named():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])

    named = measured("roc_auc", ["spam", "ham", "spam"], probabilities, classes=("spam", "ham"))

    assert named == measured("roc_auc", [0, 1, 0], probabilities) == 1
    assert measured("roc_auc", [0, 1, 0], probabilities[:, ::-1], classes=(1.0, 0.0)) == 1


def test_one_column_is_the_probability_of_the_second_class():
    assert measured("roc_auc", [0, 1, 0], [0.1, 0.9, 0.2]) == 1
    assert measured("log_loss", [0, 1], [[0.25], [0.75]]) == pytest.approx(-np.log(0.75))


@pytest.mark.parametrize(
    ("name", "target", "predictions", "changes", "said"),
    [
        ("accuracy", [0, 1], [0, 1, 1], {}, "3 predictions for 2 targets"),
        ("accuracy", ["a", "b"], [0, 1], {}, "not both texts or both numbers"),
        ("accuracy", [0, 1], [[0, 1], [1, 0]], {}, r"a row of the output has shape \[2\]"),
        ("accuracy", [0, 1], [0.0, np.nan], {}, "not a finite number in 1 rows; the first is row 1"),
        ("precision", [0, 1, 2], [0, 1, 2], {}, "needs metric.positive"),
        ("precision", [0, 1], [0, 1], {"positive": 7}, "7 never occurs"),
        ("roc_auc", [1, 1], [0.1, 0.2], {}, "one class only"),
        ("roc_auc", [0, 1], ["a", "b"], {}, "needs numbers, the output has <U1"),
        ("roc_auc", ["a", "b"], [0.1, 0.2], {}, "in the order of the columns in metric.classes"),
        ("roc_auc", [0, 1, 2], np.eye(3), {}, "needs metric.positive"),
        ("log_loss", [0, 1], [[0.5, 0.1], [0.5, 0.5]], {}, "do not sum to 1"),
        ("log_loss", [0, 1], [[2.0, -1.0], [0.5, 0.5]], {}, "leaves the range"),
        ("log_loss", [0, 5], np.full((2, 3), 1 / 3), {}, "metric.classes"),
        ("log_loss", [0, 1], np.full((2, 3), 1 / 3), {"classes": ("a", "b")}, "2 labels, the output 3"),
        ("log_loss", ["c", "a"], np.full((2, 2), 1 / 2), {"classes": ("a", "b")}, "'c' is none of"),
        ("r2", [1.0, 1.0], [1.0, 2.0], {}, "no spread"),
        ("d2_absolute", [1.0, 1.0], [1.0, 2.0], {}, "no spread"),
        ("mae", [1.0, 1.0], [[1.0, 2.0], [1.0, 2.0]], {}, "shape"),
        ("mae", ["a"], [1.0], {}, "must be numbers"),
        ("mae", [np.inf], [1.0], {}, "the target is not a finite number"),
    ],
)
def test_what_cannot_be_measured_is_told_in_a_sentence(name, target, predictions, changes, said):
    with pytest.raises(Unmeasurable, match=said):
        measured(name, target, predictions, **changes)


def test_an_order_that_is_only_assumed_is_said():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    asked = question("roc_auc")

    assert judgement(asked, np.array([0, 1, 0]), [probabilities]).assumed == ()
    (said,) = judgement(asked, np.array([7, 3, 7]), [probabilities]).assumed
    assert "taken for the labels 3, 7, in this order" in said
    named = question("roc_auc", classes=(7, 3))
    assert judgement(named, np.array([7, 3, 7]), [probabilities]).assumed == ()


def test_several_outputs_are_averaged():
    rng = np.random.default_rng(6)
    target, predictions = rng.normal(size=(2, 50, 3))

    for name in ("mae", "rmse", "r2", "median_ae", "d2_absolute"):
        asked = question(name)
        (rows,) = judged(asked, target, [predictions])
        (found,) = statistic(asked, rows, Worth.of(50)).values(np.ones((1, 50)))
        assert found == pytest.approx(metrics.value(asked, rows))
