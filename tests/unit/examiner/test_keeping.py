"""What a proof leaves behind of the confidence set: rows and answers, for people to look at."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from msgspec.structs import replace

from formats.tables import Table
from registry.manifest import MetricRange
from releases.proof.examiner import keeping
from releases.proof.examiner.examination import examine
from tests.unit.examiner.conftest import PLAIN, classify

ACCURACY = MetricRange("accuracy", "label", (0.0, 1.0))


def kept(bench, model=classify, **changes):
    with bench.serving(model):
        found = examine(bench.spec(do=("confidence",), **({"metric": ACCURACY} | changes)))
    assert found.outcome == "measured", found.reason
    return found, Table(bench.scratch / "rows.table"), Table(bench.scratch / "answers.table")


def test_every_answer_is_kept_with_its_row_and_whether_it_is_right(bench, rows):
    label = classify({"x": rows})["label"]
    target = np.where(np.arange(40) < 30, label, 1 - label)
    bench.confidence({"x": rows}, target)

    found, held, answers = kept(bench)

    assert found.confidence.not_kept is None
    assert (answers.columns["answer"].values(slice(None)) == label).all()
    assert (answers.columns["right"].values(slice(None)) == (label == target)).all()
    assert (held.columns["truth"].values(slice(None)) == target).all()
    assert (held.columns["input/x"].values(slice(None)) == rows).all()
    assert answers.about == {"output": "label", "graded": False, "atol": 1e-6, "rtol": 1e-5}


def test_the_rows_depend_on_the_set_and_not_on_the_model(bench, rows):
    bench.confidence({"x": rows}, np.ones(40, np.int64))
    kept(bench)
    first = (bench.scratch / "rows.table").read_bytes()
    kept(bench, lambda inputs: {**classify(inputs), "label": np.zeros(len(inputs["x"]), np.int64)})
    assert (bench.scratch / "rows.table").read_bytes() == first


def test_a_row_has_its_digest_in_every_set_where_its_inputs_and_its_truth_are_the_same(bench, rows):
    target = np.arange(40) % 2
    bench.confidence({"x": rows}, target)
    first = kept(bench)[1].columns["digest"].values(slice(None))
    other = target.copy()
    other[3] = 1 - other[3]
    bench.confidence({"x": rows[::-1]}, other[::-1])
    second = kept(bench)[1].columns["digest"].values(slice(None))[::-1]
    assert np.flatnonzero(first != second).tolist() == [3]
    assert len(set(first.tolist())) == 40


def test_a_number_that_is_no_label_is_kept_without_a_verdict(bench, rows):
    bench.confidence({"x": rows}, rows.sum(axis=1))
    metric = MetricRange("mae", "sum", (0.0, 9.0))
    signature = replace(PLAIN, outputs=(replace(PLAIN.outputs[0], name="sum", datatype="FP32"),))
    _, _, answers = kept(
        bench, lambda inputs: {"sum": inputs["x"].sum(axis=1)}, metric=metric, signature=signature
    )
    assert "right" not in answers.columns
    assert answers.about["graded"] is True


def test_what_is_sensitive_is_not_kept(bench, rows):
    bench.confidence({"x": rows}, np.ones(40, np.int64))
    hidden = replace(PLAIN, inputs=(replace(PLAIN.inputs[0], sensitive="omit"),))
    assert set(kept(bench, signature=hidden)[1].columns) == {"truth", "digest"}


def test_answers_of_a_sensitive_output_are_not_kept_and_that_is_said(bench, rows):
    bench.confidence({"x": rows}, np.ones(40, np.int64))
    hidden = replace(PLAIN, outputs=(replace(PLAIN.outputs[0], sensitive="omit"), PLAIN.outputs[1]))
    with bench.serving():
        found = examine(bench.spec(do=("confidence",), metric=ACCURACY, signature=hidden))
    assert found.confidence.not_kept.startswith("output 'label' is sensitive")
    assert not (bench.scratch / "answers.table").exists()


def test_what_is_too_large_to_be_kept_is_said_and_decides_nothing(bench, rows, monkeypatch):
    monkeypatch.setattr(keeping, "MOST_ROWS_BYTES", 100)
    bench.confidence({"x": rows}, np.ones(40, np.int64))
    with bench.serving():
        found = examine(bench.spec(do=("confidence",), metric=ACCURACY))
    assert found.outcome == "measured"
    assert found.confidence.not_kept.startswith(
        "rows and answers are not kept to be looked at: it would have more"
    )
    assert not (bench.scratch / "rows.table").exists()
    assert not (bench.scratch / "answers.table").exists()


@pytest.mark.parametrize("texts", [False, True])
def test_requests_of_their_own_shapes_are_kept_too(bench, texts):
    arrays = {}
    for row, length in enumerate((3, 1, 2)):
        arrays[f"requests/{row}/inputs/s"] = np.ones((length, 1), np.float32) * row
        arrays[f"requests/{row}/target"] = np.array(
            [["yes", "no"][i % 2] if texts else i % 2 for i in range(length)]
        )
    path = bench.folder / "confidence.npz"
    np.savez(path, allow_pickle=False, **arrays)
    bench.sets["confidence"] = path
    outputs = (replace(PLAIN.outputs[0], datatype="BYTES" if texts else "INT64", shape=(-1,)),)
    signature = replace(PLAIN, inputs=(replace(PLAIN.inputs[0], name="s", shape=(-1, 1)),), outputs=outputs)

    def model(inputs):
        told = [i % 2 for i in range(len(inputs["s"]))]
        return {"label": np.array([["yes", "no"][i] for i in told]) if texts else np.array(told)}

    _, held, answers = kept(
        bench,
        model,
        signature=signature,
        metric=dataclasses.replace(ACCURACY, reading="places"),
        rows="requests",
    )
    assert held.columns["input/s"].beginning(2, 9) == [2.0, 2.0]
    assert answers.columns["answer"].beginning(0, 9) == (["yes", "no", "yes"] if texts else [0, 1, 0])
    assert held.columns["truth"].beginning(1, 9) == (["yes"] if texts else [0])
