"""Detections: each image with as many boxes as it has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from formats.types import Signature, TensorSpec
from registry.manifest import MetricRange
from releases.statistics import bootstrap
from tests.unit.examiner.conftest import examined


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
