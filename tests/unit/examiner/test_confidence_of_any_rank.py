"""The metric on outputs of any rank, of any length, of whole requests and of texts: the row is the unit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from formats.types import Signature, TensorSpec
from registry.manifest import MetricRange
from releases.proof.examiner.spec import Champion
from releases.statistics import bootstrap
from tests.unit.examiner.conftest import ACCURACY, PLAIN, classify, examined


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
