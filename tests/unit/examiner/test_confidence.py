"""How the confidence set is asked, judged and compared; kinds of metric have files of their own."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from registry.manifest import MetricRange
from releases.proof.examiner import pacing
from releases.proof.examiner.spec import Champion
from releases.statistics import bootstrap
from tests.unit.examiner.conftest import ACCURACY, classify, examined
from tests.unit.examiner.server import refusal


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


def test_what_one_part_finds_does_not_keep_the_other_from_being_measured(bench, many, target, rows):
    bench.end_to_end({"x": rows}, {"other": np.zeros(40)})
    bench.confidence({"x": many}, target)

    found, _ = examined(bench, do=("end_to_end", "confidence"))

    assert found.outcome == "failed"
    assert "no output 'other'" in found.problem("end_to_end")
    assert found.confidence.rows == 3000
