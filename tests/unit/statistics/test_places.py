"""Rows of any rank: what they come to is scikit-learn's value on all places; the unit stays the row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from registry.manifest import METRICS, Kind, MetricRange
from releases.statistics import arrays
from releases.statistics.arrays import Ragged
from releases.statistics.comparison import compare
from releases.statistics.estimates import Worth, estimate, measured, statistic
from releases.statistics.judging import judged, judgement
from releases.statistics.rows import Unmeasurable
from tests.unit.statistics.examples import PLAIN, columns, question

ROWS = 30
SHAPES = [(1,), (7,), (1, 6), (3, 4), (2, 1, 5), (2, 3, 2, 2)]


def shaped(name, shape, rng, **changes):
    """The same places twice: as rows of their own, and as rows of `shape`."""
    places = int(np.prod(shape))
    asked = question(name, **changes)
    target, predictions = columns(name, ROWS * places, rng)
    several = (
        target.reshape(ROWS, *shape),
        predictions.reshape(ROWS, *shape, *predictions.shape[1:]),
    )
    return asked, (target, predictions), several


def plain(asked, target, predictions, weight=None):
    (rows,) = judged(asked, target, [predictions])
    return measured(asked, rows, Worth.of(len(target), weight))


def per_place(name):
    """Metrics for which a row of many places is as many rows; the others have a test of their own."""
    return name != "subset_accuracy"


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", [name for name in PLAIN if per_place(name)])
def test_places_count_as_rows_do(name, shape):
    if METRICS[name].kind is Kind.REGRESSION and len([axis for axis in shape if axis > 1]) == 1:
        pytest.skip("outputs of one axis are averaged, as scikit-learn does")
    rng = np.random.default_rng(1)
    reading = {"reading": "places"} if METRICS[name].reads_labels else {}
    asked, alone, (target, predictions) = shaped(name, shape, rng, **reading)
    weight = rng.integers(1, 4, ROWS).astype(float)
    (rows,) = judged(asked, target, [predictions])

    found = measured(asked, rows, Worth.of(ROWS, weight))

    expected = plain(asked, *alone, weight=np.repeat(weight, int(np.prod(shape))))
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", [name for name in PLAIN if per_place(name)])
def test_rows_of_many_places_are_resampled_as_rows(name):
    rng = np.random.default_rng(2)
    reading = {"reading": "places"} if METRICS[name].reads_labels else {}
    asked, alone, (target, predictions) = shaped(name, (3, 4), rng, **reading)
    (rows,) = judged(asked, target, [predictions])
    (single,) = judged(asked, *[alone[0], [alone[1]]])
    counts = rng.integers(0, 4, size=(4, ROWS)).astype(float)

    found = statistic(asked, rows, Worth.of(ROWS)).values(counts)

    by_group = Worth.of(ROWS * 12, group=np.arange(ROWS * 12) // 12)
    assert found == pytest.approx(statistic(asked, single, by_group).values(counts), rel=1e-9)
    kept = rows.take(np.arange(0, ROWS, 2))
    (expected,) = judged(asked, target[::2], [predictions[::2]])
    assert measured(asked, kept, Worth.of(15)) == pytest.approx(measured(asked, expected, Worth.of(15)))


@pytest.mark.parametrize("name", [name for name in PLAIN if per_place(name)])
def test_rows_of_many_places_have_bounds_slices_groups_and_a_rival(name):
    rng = np.random.default_rng(3)
    reading = {"reading": "places"} if METRICS[name].reads_labels else {}
    asked, _, (target, predictions) = shaped(name, (2, 8), rng, **reading)
    rival = columns(name, ROWS * 16, np.random.default_rng(9))[1].reshape(predictions.shape)
    ours, theirs = judged(asked, target, [predictions, rival])
    worth = Worth.of(ROWS, weight=rng.random(ROWS) + 0.5, group=np.arange(ROWS) // 2)

    found = estimate(asked, ours, worth, rng)

    low, high = found.bounds(0.95)
    assert (found.units, found.method.endswith("groups")) == (15, True)
    assert low <= found.value < high
    assert compare(asked, ours, theirs, worth, rng).decision(0.0) == "better"


@given(st.data())
@settings(max_examples=60)
def test_any_rank_and_any_fixed_axis_of_one_gives_the_same(data):
    shape = tuple(data.draw(st.lists(st.integers(1, 3), max_size=4)))
    name = data.draw(st.sampled_from(["accuracy", "f1_macro", "log_loss", "top_k", "mae", "mse"]))
    rng = np.random.default_rng(4)
    reading = {"reading": "places"} if METRICS[name].reads_labels else {}
    asked, alone, (target, predictions) = shaped(name, shape, rng, **reading)
    ones = data.draw(st.integers(0, len(shape)))
    target = np.expand_dims(target, 1 + data.draw(st.integers(0, len(shape))))
    predictions = np.expand_dims(predictions, 1 + ones)

    assert plain(asked, target, predictions) == pytest.approx(plain(asked, *alone))


def test_the_classes_may_be_on_the_first_axis_or_the_last():
    rng = np.random.default_rng(5)
    asked, alone, (target, predictions) = shaped("log_loss", (5, 6), rng)

    assert plain(asked, target, np.moveaxis(predictions, -1, 1)) == pytest.approx(plain(asked, *alone))


def test_where_it_could_be_either_the_manifest_must_say():
    rng = np.random.default_rng(6)
    asked, alone, (target, predictions) = shaped("log_loss", (4,), rng)
    first = MetricRange("log_loss", "y", (0, 9), class_axis="first")
    last = MetricRange("log_loss", "y", (0, 9), class_axis="last")

    with pytest.raises(Unmeasurable, match="Say which"):
        plain(asked, target, predictions)
    assert plain(last, target, predictions) == pytest.approx(plain(asked, *alone))
    assert plain(first, target, np.moveaxis(predictions, -1, 1)) == pytest.approx(plain(asked, *alone))


@pytest.mark.parametrize("name", ["accuracy", "f1_macro", "log_loss", "roc_auc_ovr", "mae", "median_ae"])
def test_rows_of_different_lengths_are_told_by_their_places(name, monkeypatch):
    monkeypatch.setattr(arrays, "_AT_ONCE", 40)
    rng = np.random.default_rng(7)
    lengths = rng.integers(0, 9, ROWS)
    asked = question(name)
    target, predictions = columns(name, int(lengths.sum()), rng)
    cuts = np.cumsum(lengths)[:-1]
    ragged = [Ragged.of(np.split(each, cuts)) for each in (target, predictions)]
    weight = rng.random(ROWS) + 0.5
    (rows,) = judged(asked, ragged[0], [ragged[1]])

    found = measured(asked, rows, Worth.of(ROWS, weight))

    assert found == pytest.approx(plain(asked, target, predictions, np.repeat(weight, lengths)))


def test_classes_first_in_rows_of_different_lengths():
    rng = np.random.default_rng(8)
    asked = question("log_loss")
    target, predictions = columns("log_loss", 20, rng)
    parts = [slice(0, 3), slice(3, 12), slice(12, 20)]
    ragged = Ragged.of([predictions[part].T for part in parts])

    assert plain(asked, Ragged.of([target[part] for part in parts]), ragged) == pytest.approx(
        plain(asked, target, predictions)
    )


@pytest.mark.parametrize(
    "name", ["accuracy", "f1", "f1_macro", "balanced_accuracy", "log_loss", "roc_auc", "mse"]
)
def test_padding_is_not_judged(name):
    rng = np.random.default_rng(9)
    asked, _, (target, predictions) = shaped(name, (3, 3), rng, ignore=-100)
    kept = rng.random(target.shape) < 0.7
    padded = np.where(kept, target, -100)

    expected = plain(question(name), target[kept], predictions[kept])
    assert plain(asked, padded, predictions) == pytest.approx(expected)


def test_all_places_of_a_row_right_is_one_right_answer():
    target = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9], [1, 1, 1]])
    told = target.copy()
    told[2, 1] = 0
    asked = question("subset_accuracy")
    (rows,) = judged(asked, target, [told])

    found = estimate(asked, rows, Worth.of(4), np.random.default_rng(0))

    assert (found.value, found.method) == (0.75, "Clopper-Pearson")


LABEL_SETS = {
    "accuracy": lambda t, p, w: sk.accuracy_score(t, p, sample_weight=w),
    "subset_accuracy": lambda t, p, w: sk.accuracy_score(t, p, sample_weight=w),
    "hamming": lambda t, p, w: sk.hamming_loss(t, p, sample_weight=w),
    "jaccard_macro": lambda t, p, w: sk.jaccard_score(
        t, p, sample_weight=w, average="macro", zero_division=0
    ),
} | {
    f"{score}_{average}": lambda t, p, w, s=score, a=average: getattr(sk, f"{s}_score")(
        t, p, sample_weight=w, average=a, zero_division=0
    )
    for score in ("precision", "recall", "f1")
    for average in ("micro", "macro", "weighted")
}


@pytest.mark.parametrize("name", LABEL_SETS)
@pytest.mark.parametrize("labels", [2, 5])
def test_several_labels_are_judged_as_scikit_learn_judges_them(name, labels):
    rng = np.random.default_rng(10)
    target = (rng.random((60, labels)) < 0.3).astype(np.int64)
    told = np.where(rng.random(target.shape) < 0.8, target, 1 - target)
    told[:, 0] = target[:, 0] = 0
    weight = rng.integers(1, 5, 60).astype(float)
    asked = question(name)
    (rows,), assumed = judgement(asked, target, [told])

    found = measured(asked, rows, Worth.of(60, weight))

    assert found == pytest.approx(LABEL_SETS[name](target, told, weight))
    counts = rng.integers(0, 3, size=(3, 60)).astype(float)
    again = statistic(asked, rows, Worth.of(60)).values(counts)
    repeated = [np.repeat(np.arange(60), times.astype(int)) for times in counts]
    assert again == pytest.approx([LABEL_SETS[name](target[i], told[i], None) for i in repeated])
    assert bool(assumed) == (name not in ("subset_accuracy", "hamming"))


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("roc_auc", sk.roc_auc_score),
        ("roc_auc_ovr", sk.roc_auc_score),
        ("average_precision", sk.average_precision_score),
        ("average_precision_macro", sk.average_precision_score),
    ],
)
def test_scores_of_several_labels_are_averaged_over_the_labels(name, score):
    rng = np.random.default_rng(11)
    target = rng.random((80, 4)) < 0.4
    told = np.round(target * 0.4 + rng.random(target.shape), 1).astype(np.float32)
    weight = rng.integers(1, 5, 80).astype(float)
    asked = question(name)
    (rows,) = judged(asked, target, [told])

    found = measured(asked, rows, Worth.of(80, weight))

    assert found == pytest.approx(score(target, told, average="macro", sample_weight=weight))
    low, high = estimate(asked, rows, Worth.of(80), rng).bounds(0.95)
    assert low < found < high
    assert measured(asked, rows.take(np.arange(40)), Worth.of(40)) == pytest.approx(
        score(target[:40], told[:40], average="macro")
    )


def test_the_manifest_says_whether_values_are_labels_or_places():
    rng = np.random.default_rng(12)
    target = rng.integers(0, 2, (50, 3))
    told = np.where(rng.random(target.shape) < 0.8, target, 1 - target)

    assert plain(question("accuracy", reading="places"), target, told) == (target == told).mean()
    assert plain(question("accuracy"), target, told) == (target == told).all(axis=1).mean()
    assert not judgement(question("accuracy", reading="labels"), target, [told]).assumed
    with pytest.raises(Unmeasurable, match="other values than 0 and 1"):
        plain(question("accuracy", reading="labels"), target + 1, told + 1)
    assert plain(question("accuracy"), target + 1, told + 1) == (target == told).mean()


@pytest.mark.parametrize("name", ["accuracy", "f1_macro", "roc_auc_ovr"])
def test_rows_without_any_fault_are_no_proof_of_none(name):
    target = np.random.default_rng(13).integers(0, 2, (20, 3))
    told = target.astype(float) if name == "roc_auc_ovr" else target

    (rows,) = judged(question(name), target, [told])
    low, high = estimate(question(name), rows, Worth.of(20), np.random.default_rng(0)).bounds(0.95)

    assert high == 1
    assert 0.8 < low < 0.9


def test_a_series_without_spread_has_no_r2():
    with pytest.raises(Unmeasurable, match="no spread"):
        plain(question("r2"), np.full((5, 3, 3), 0.1), np.zeros((5, 3, 3)))


def test_many_places_are_left_out_in_blocks_instead_of_drawn_two_thousand_times():
    rng = np.random.default_rng(14)
    target = rng.integers(0, 2, (40, 80, 80))
    told = target * 0.3 + rng.random(target.shape)
    (rows,) = judged(question("roc_auc"), target, [told])

    found = estimate(question("roc_auc"), rows, Worth.of(40), rng)

    assert found.method == "jackknife of 40 blocks of rows"
    assert found.value == pytest.approx(sk.roc_auc_score(target.ravel(), told.ravel()))


def test_texts_of_a_tagger_are_labels_too():
    target = np.array([["O", "B", "I"], ["O", "O", "B"]])
    told = np.array([["O", "B", "B"], ["O", "O", "B"]])

    assert plain(question("accuracy"), target, told) == pytest.approx(5 / 6)


def test_unequal_lengths_name_the_row():
    target = Ragged.of([np.zeros(2), np.zeros(3)])
    with pytest.raises(Unmeasurable, match="in row 1 the output has 4 places, the target 3"):
        plain(question("mae"), target, Ragged.of([np.zeros(2), np.zeros(4)]))
