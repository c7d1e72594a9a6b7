from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from formats.types import Signature, TensorSpec
from registry.manifest import MetricRange
from releases.examiner import pacing, result
from releases.examiner.examination import examine
from releases.examiner.spec import Champion, OwnMetric
from releases.statistics import bootstrap
from tests.unit.examiner.conftest import PLAIN, classify
from tests.unit.examiner.server import refusal, serving

ACCURACY = MetricRange("accuracy", "label", (0.8, 1.0), margin=0.02)


@pytest.fixture
def many():
    return np.random.default_rng(6).normal(size=(3000, 2)).astype(np.float32)


@pytest.fixture
def target(many):
    """Nine in ten as the model says."""
    label = classify({"x": many})["label"]
    return np.where(np.random.default_rng(7).random(len(many)) < 0.9, label, 1 - label)


def examined(bench, model=classify, **changes):
    with bench.serving(model) as server:
        found = examine(bench.spec(**({"do": ("confidence",), "metric": ACCURACY} | changes)))
    assert result.parse(result.dump(found)) == found
    return found, server.calls


def test_all_rows_are_asked_in_large_binary_calls_and_some_again_alone(bench, many, target, monkeypatch):
    monkeypatch.setattr(pacing, "MOST_ROWS_PER_CALL", 1024)
    bench.confidence({"x": many}, target)

    found, calls = examined(bench)

    sizes = [call["rows"] for call in calls if call["binary"]]
    assert sum(sizes) == 3000
    assert max(sizes) == 1024
    assert [call["rows"] for call in calls if not call["binary"]] == [1] * 200
    got = found.confidence
    assert (got.rows, got.units, got.rows_per_call, got.sampled, got.differing) == (3000, 3000, 1024, 200, 0)
    assert got.value == (classify({"x": many})["label"] == target).mean()
    assert got.method == "Clopper-Pearson"
    assert got.lower < got.value < got.upper
    assert (got.passing, got.rows_needed) == (pytest.approx(1), pytest.approx(60, abs=30))


def test_predictions_are_kept_for_the_next_version(bench, many, target):
    bench.confidence({"x": many}, target)

    examined(bench)

    kept = np.load(bench.scratch / "predictions.npy", allow_pickle=False)
    assert (kept == classify({"x": many})["label"]).all()


def test_the_sampled_rows_become_reference_answers(bench, many, target):
    bench.confidence({"x": many}, target)

    found, _ = examined(bench)

    head, *lines = map(json.loads, (bench.scratch / "answers.jsonl").read_text().splitlines())
    assert (head["confidence"], len(lines), found.answers.confidence) == (200, 200, 200)
    row = lines[17]["row"]
    assert lines[17]["request"]["inputs"][0]["data"] == pytest.approx(many[row].tolist())
    assert lines[17]["outputs"][0]["data"] == [int(many[row].sum() > 0)]


def test_the_sample_is_the_seeds(bench, many, target):
    bench.confidence({"x": many}, target)
    rows = []
    for seed in (1, 1, 2):
        examined(bench, seed=seed)
        lines = (bench.scratch / "answers.jsonl").read_text().splitlines()[1:]
        rows.append([json.loads(line)["row"] for line in lines])

    assert rows[0] == rows[1] != rows[2]


def test_a_model_that_does_better_in_a_batch_is_asked_row_by_row(bench, many, target):
    """It sees that many rows come at once, and is right then; a client's single row gets the opposite."""

    def cheating(inputs):
        answer = classify(inputs)
        return answer if len(inputs["x"]) > 20 else answer | {"label": 1 - answer["label"]}

    bench.confidence({"x": many[:600]}, target[:600])

    found, _ = examined(bench, cheating)

    got = found.confidence
    assert got.rows_per_call == 1
    assert got.differing > 150  # the first calls are small: their rows were answered as if alone
    assert got.value < 0.2


def test_answers_that_are_too_large_are_asked_for_in_smaller_calls(bench, many, target):
    def narrow(inputs):
        if len(inputs["x"]) > 400:
            raise refusal(500, "too large", "output_too_large")
        return classify(inputs)

    bench.confidence({"x": many}, target)

    found, _ = examined(bench, narrow)

    assert found.outcome == "measured"
    assert 1 < found.confidence.rows_per_call <= 400


def test_a_refusal_is_a_finding(bench, many, target):
    def failing(inputs):
        raise refusal(500, "the model failed")

    bench.confidence({"x": many}, target)

    found, _ = examined(bench, failing)

    assert (found.outcome, found.confidence) == ("failed", None)
    assert found.problem("confidence") == "the server answered 500: the model failed"


def test_half_of_the_predictions_are_never_taken_for_all(bench, many, target, monkeypatch):
    monkeypatch.setattr(pacing, "MOST_ROWS_PER_CALL", 1024)

    asked = []

    def tired(inputs):
        asked.append(len(inputs["x"]))
        if sum(asked) > 1500:
            raise refusal(500, "no more")
        return classify(inputs)

    bench.confidence({"x": many}, target)

    found, _ = examined(bench, tired)

    assert found.outcome == "failed"
    assert sum(asked) > 1500
    assert not (bench.scratch / "predictions.npy").exists()


def test_probabilities_slices_groups_and_weights(bench, many, target, monkeypatch):
    monkeypatch.setattr(bootstrap, "RESAMPLES", 200)
    bench.confidence(
        {"x": many},
        target,
        weight=np.ones(len(many)),
        group=np.arange(len(many)) // 3,
        **{"slice/half": np.arange(len(many)) % 2, "slice/sign": np.where(many[:, 0] > 0, "plus", "minus")},
    )

    found, _ = examined(bench, metric=MetricRange("roc_auc", "probabilities", (0.5, 1.0)))

    got = found.confidence
    assert (got.units, got.method) == (1000, "BCa bootstrap, 200 resamples of groups")
    assert [(part.name, part.label) for part in got.slices] == [
        ("half", "0"),
        ("half", "1"),
        ("sign", "minus"),
        ("sign", "plus"),
    ]
    assert all(part.lower < part.value < part.upper for part in got.slices)


def test_the_champion_is_compared_on_the_same_rows(bench, many, target):
    bench.confidence({"x": many}, target)
    theirs = bench.folder / "champion.npy"
    np.save(theirs, classify({"x": many})["label"] ^ (np.arange(len(many)) % 20 == 0))

    found, _ = examined(bench, champion=Champion(predictions=theirs))

    comparison = found.confidence.comparison
    assert comparison.decision == "better"
    assert (comparison.margin, comparison.method) == (0.02, "McNemar, Tango")
    assert comparison.only_ours > comparison.only_theirs > 0


def test_too_few_rows_say_how_many_it_would_take(bench, many, target):
    bench.confidence({"x": many[:60]}, target[:60])
    theirs = bench.folder / "champion.npy"
    np.save(theirs, np.where(np.arange(60) < 6, 1 - target[:60], target[:60]))

    found, _ = examined(bench, champion=Champion(predictions=theirs))

    assert found.confidence.comparison.decision == "cannot_tell"
    assert found.confidence.comparison.rows_needed > 60


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (np.zeros(7, np.int64), "7 rows, the set has 3000"),
        (np.full(3000, np.nan), "not a finite number"),
        (np.full(3000, "a"), "not both texts"),
    ],
)
def test_a_champion_of_other_rows_is_not_compared(bench, many, target, theirs, said):
    bench.confidence({"x": many}, target)
    path = bench.folder / "champion.npy"
    np.save(path, theirs)

    found, _ = examined(bench, champion=Champion(predictions=path))

    assert found.outcome == "measured"
    assert found.confidence.comparison is None
    assert said in found.confidence.no_comparison


def test_a_champions_file_that_is_none_is_not_compared(bench, many, target):
    bench.confidence({"x": many}, target)
    path = bench.folder / "champion.npy"
    path.write_bytes(b"not an array")

    found, _ = examined(bench, champion=Champion(predictions=path))

    assert "unreadable" in found.confidence.no_comparison


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda rows: {"label": np.zeros(rows + 1, np.int64)}, "more rows than"),
        (lambda rows: {"label": np.zeros(rows - 1, np.int64)}, "where 3000 were asked"),
        (lambda rows: {"label": np.zeros((rows, 3), np.int64)}, "a row of the output has shape [3]"),
        (lambda rows: {"label": np.full(rows, np.nan, np.float32)}, "not a finite number in 3000 rows"),
        (lambda rows: {"label": np.full(rows, "x")}, "not both texts or both numbers"),
        (lambda rows: {"label": np.int64(3)}, "where 3000 were asked"),
    ],
)
def test_outputs_that_cannot_be_judged_are_a_finding(bench, many, target, answer, said):
    bench.confidence({"x": many}, target)

    found, _ = examined(bench, lambda inputs: answer(len(inputs["x"])))

    assert found.confidence is None
    assert said in found.problem("confidence")


def test_the_metric_must_be_of_an_output_that_there_is(bench, many, target):
    bench.confidence({"x": many}, target)

    found, _ = examined(bench, metric=replace(ACCURACY, output="score"))

    assert "no output 'score'" in found.reason


def test_the_one_output_that_fits_needs_no_name(bench, many, target):
    bench.confidence({"x": many}, target)

    found, _ = examined(bench, metric=replace(ACCURACY, output=None))

    assert (found.confidence.output, found.confidence.assumed) == ("label", ())
    assert found.confidence.value == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("name", ["roc_auc", "log_loss", "brier", "top_k", "average_precision", "ece"])
def test_a_fixed_batch_of_one_is_judged_as_any_other(bench, many, target, name, monkeypatch):
    monkeypatch.setattr(bootstrap, "RESAMPLES", 200)
    metric = MetricRange(name, "probabilities", (0.0, 9.0), k=1 if name == "top_k" else None)
    fixed = Signature((TensorSpec("x", "FP32", (1, 2)),), (TensorSpec("probabilities", "FP32", (1, 2)),))
    bench.confidence({"x": many[:200]}, target[:200])
    free, _ = examined(bench, metric=metric)
    bench.confidence({"x": many[:200, None]}, target[:200])

    found, _ = examined(bench, signature=fixed, metric=metric)

    got, same = found.confidence, free.confidence
    assert (got.value, got.lower, got.upper) == (same.value, same.lower, same.upper)


def test_segmentation_is_judged_by_images(bench, monkeypatch):
    monkeypatch.setattr(bootstrap, "RESAMPLES", 200)
    images = np.random.default_rng(9).normal(size=(60, 1, 6, 7)).astype(np.float32)
    signature = Signature(
        (TensorSpec("x", "FP32", (-1, 1, 6, 7)),), (TensorSpec("p", "FP32", (-1, 2, 6, 7)),)
    )
    bench.confidence({"x": images}, (images[:, 0] > 0.2).astype(np.uint8), **{"slice/odd": np.arange(60) % 2})

    def model(inputs):
        share = 1 / (1 + np.exp(-inputs["x"]))
        return {"p": np.concatenate([1 - share, share], axis=1).astype(np.float32)}

    found, _ = examined(bench, model, signature=signature, metric=MetricRange("roc_auc", "p", (0.5, 1.0)))

    got = found.confidence
    assert (got.value, got.rows, got.units) == (1.0, 60, 60)
    assert [part.rows for part in got.slices] == [30, 30]


def test_whole_requests_are_asked_one_by_one(bench):
    signature = Signature((TensorSpec("state", "FP64", (3,)),), (TensorSpec("sum", "FP64", ()),))
    states = np.random.default_rng(8).normal(size=(50, 3))
    bench.confidence({"state": states}, states.sum(axis=1) + 0.01)

    found, calls = examined(
        bench,
        lambda inputs: {"sum": np.array(inputs["state"].sum())},
        signature=signature,
        metric=MetricRange("mae", "sum", (0.0, 0.1)),
    )

    assert (found.confidence.rows_per_call, found.confidence.differing) == (1, 0)
    assert found.confidence.value == pytest.approx(0.01)
    assert sum(call["binary"] for call in calls) == 50


def test_texts_are_labels_too(bench, many):
    words = Signature(PLAIN.inputs, (TensorSpec("label", "BYTES", (-1,)),))
    target = np.where(classify({"x": many})["label"] == 1, "größer", "kleiner")
    bench.confidence({"x": many}, target)

    def model(inputs):
        return {"label": np.where(inputs["x"].sum(axis=1, dtype=np.float32) > 0, "größer", "kleiner")}

    found, _ = examined(bench, model, signature=words)

    assert found.confidence.value == 1
    assert np.load(bench.scratch / "predictions.npy", allow_pickle=False)[0] in {"größer", "kleiner"}


def test_what_one_part_finds_does_not_keep_the_other_from_being_measured(bench, many, target, rows):
    bench.end_to_end({"x": rows}, {"other": np.zeros(40)})
    bench.confidence({"x": many}, target)

    found, _ = examined(bench, do=("end_to_end", "confidence"))

    assert found.outcome == "failed"
    assert "no output 'other'" in found.problem("end_to_end")
    assert found.confidence.rows == 3000


LENGTHS = (3, 1, 0, 4)


def of_lengths(bench, kind, target):
    """Requests of different lengths; the model answers one value for each of their rows."""
    signature = Signature((TensorSpec("s", "FP32", (-1, 1)),), (TensorSpec("y", kind, (-1,)),))
    bench.sets["confidence"] = bench.folder / "c.npz"
    arrays = {}
    for row, length in enumerate(LENGTHS):
        arrays[f"requests/{row}/inputs/s"] = np.ones((length, 1), np.float32)
        arrays[f"requests/{row}/target"] = target(length)
    np.savez(bench.sets["confidence"], **arrays)
    return signature


@pytest.mark.parametrize("kind", ["FP32", "BYTES"])
def test_sequences_of_different_lengths_are_judged(bench, kind):
    signature = of_lengths(bench, kind, lambda n: np.full(n, "ä") if kind == "BYTES" else np.full(n, 0.5))

    def model(inputs):
        values = inputs["s"][:, 0]
        return {"y": values if kind == "FP32" else np.where(np.arange(len(values)) < 3, "ä", "b")}

    name, value = ("mae", 0.5) if kind == "FP32" else ("accuracy", 7 / 8)
    metric = MetricRange(name, "y", (0.0, 1.0))
    found, _ = examined(bench, model, signature=signature, metric=metric)
    champion = bench.folder / "champion.npy"
    (bench.scratch / "predictions.npy").rename(champion)
    again, _ = examined(
        bench, model, signature=signature, metric=metric, champion=Champion(predictions=champion)
    )

    assert (found.confidence.value, found.confidence.units) == (value, 4)
    assert again.confidence.comparison.difference == 0
    assert found.confidence.differing == 0


def test_an_output_of_another_length_than_the_target_cannot_be_judged(bench):
    signature = of_lengths(bench, "FP32", lambda n: np.zeros(n + 1))

    found, _ = examined(
        bench,
        lambda inputs: {"y": inputs["s"][:, 0]},
        signature=signature,
        metric=MetricRange("mae", "y", (0.0, 1.0)),
    )

    assert "in row 0 the output has 3 places, the target 4" in found.problem("confidence")


@pytest.mark.parametrize("other", [np.zeros((2, 2), np.float32), np.zeros(2)])
def test_an_output_that_changes_its_kind_from_row_to_row_cannot_be_judged(bench, other):
    signature = of_lengths(bench, "FP32", np.zeros)

    def model(inputs):
        return {"y": inputs["s"][:, 0] if len(inputs["s"]) != 4 else other}

    found, _ = examined(bench, model, signature=signature, metric=MetricRange("mae", "y", (0.0, 1.0)))

    assert "the output changes from row to row" in found.problem("confidence")


def test_detections_come_in_three_outputs(bench, monkeypatch):
    monkeypatch.setattr(bootstrap, "RESAMPLES", 200)
    boxes = [TensorSpec("boxes", "FP32", (-1, 4)), TensorSpec("scores", "FP32", (-1,))]
    signature = Signature(
        (TensorSpec("image", "FP32", (-1, -1)),), (*boxes, TensorSpec("labels", "INT64", (-1,)))
    )
    bench.sets["confidence"] = bench.folder / "c.npz"
    arrays = {}
    for row in range(30):
        arrays[f"requests/{row}/inputs/image"] = np.full((2 + row % 3, 2), row, np.float32)
        truth = [[row, row, row + 9, row + 9, 1], [50, 50, 60, 60, 2]][: 1 + row % 2]
        arrays[f"requests/{row}/target"] = np.array(truth, np.float32)
    np.savez(bench.sets["confidence"], **arrays)

    def model(inputs):
        row = inputs["image"][0, 0]
        return {
            "boxes": np.array([[row, row, row + 9, row + 9], [50, 50, 60, 60]], np.float32),
            "scores": np.array([0.9, 0.8], np.float32),
            "labels": np.array([1, 2]),
        }

    metric = MetricRange("mean_average_precision", "boxes", (0.5, 1.0), scores="scores", labels="labels")
    found, _ = examined(bench, model, signature=signature, metric=metric)

    assert (found.confidence.value, found.confidence.differing) == (0.75, 0)
    one, _ = examined(bench, model, signature=signature, metric=replace(metric, scores="labels", labels=None))
    assert one.confidence.value < 0.75
    unlike, _ = examined(
        bench,
        lambda inputs: model(inputs) | {"scores": np.zeros(3, np.float32)},
        signature=signature,
        metric=metric,
    )
    assert "one value per box is needed" in unlike.problem("confidence")


OWN = MetricRange("own", "y", (0.0, 0.5), higher_is_better=False)
PAIR = Signature(
    (TensorSpec("expected", "FP32", (-1, 3)), TensorSpec("got", "FP32", (-1, 3))),
    (TensorSpec("value", "FP32", (-1,)),),
)
VECTORS = Signature((TensorSpec("x", "FP32", (-1, 3)),), (TensorSpec("y", "FP32", (-1, 3)),))


def angle(inputs):
    """One less the cosine, row by row: no metric of the table."""
    one, other = inputs["expected"], inputs["got"]
    lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    return {"value": (1 - (one * other).sum(axis=-1) / lengths).astype(np.float32)}


def judged_by(bench, graph=angle, signature=PAIR, **changes):
    socket = bench.folder / "judge"
    with serving(socket, graph) as judge:
        own = OwnMetric(socket, signature)
        spec = {"signature": VECTORS, "metric": OWN, "own_metric": own} | changes
        found, _ = examined(bench, lambda inputs: {"y": inputs["x"]}, **spec)
        return found, judge.calls


@pytest.fixture
def vectors(bench, monkeypatch):
    monkeypatch.setattr(bootstrap, "RESAMPLES", 200)
    rng = np.random.default_rng(10)
    x = rng.normal(size=(300, 3)).astype(np.float32)
    bench.confidence({"x": x}, x + rng.normal(0, 0.3, x.shape), **{"slice/odd": np.arange(300) % 2})
    return x


def test_a_metric_of_the_versions_own_is_asked_for_each_row(bench, vectors):
    found, calls = judged_by(bench)

    got = found.confidence
    assert 0 < got.lower < got.value < got.upper < 0.3
    assert (got.metric, got.units, [part.rows for part in got.slices]) == ("own", 300, [150, 150])
    assert got.method == "BCa bootstrap, 200 resamples of rows"
    assert sum(call["rows"] for call in calls) == 300
    assert len(calls) < 300


def test_the_champion_is_judged_by_the_same_metric(bench, vectors):
    judged_by(bench)
    champion = bench.folder / "champion.npy"
    np.save(champion, -vectors)

    found, _ = judged_by(bench, champion=Champion(predictions=champion))

    assert found.confidence.comparison.decision == "better"
    assert found.confidence.comparison.difference > 1


def test_a_metric_may_take_one_row_at_a_time(bench, vectors):
    single = Signature(
        (TensorSpec("expected", "FP32", (3,)), TensorSpec("got", "FP32", (3,))),
        (TensorSpec("value", "FP32", ()),),
    )
    whole, _ = judged_by(bench)

    found, calls = judged_by(bench, signature=single)

    assert found.confidence.value == pytest.approx(whole.confidence.value)
    assert len(calls) == 300


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda inputs: {"value": np.zeros(len(inputs["got"]) + 1, np.float32)}, "it needs one per row"),
        (lambda inputs: {"value": np.full(len(inputs["got"]), np.nan, np.float32)}, "not a finite number"),
        (lambda inputs: {"other": np.zeros(1)}, "the metric's graph cannot judge an answer"),
    ],
)
def test_what_the_metrics_graph_does_wrong_is_told(bench, vectors, answer, said):
    found, _ = judged_by(bench, answer)

    assert said in found.problem("confidence")
