from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from formats.types import Signature, TensorSpec
from registry.manifest import MetricRange
from releases.proof.examiner import result
from releases.proof.examiner.examination import examine
from releases.proof.examiner.spec import Spec
from tests.unit.examiner.server import serving

PLAIN = Signature(
    inputs=(TensorSpec("x", "FP32", (-1, 2)),),
    outputs=(TensorSpec("label", "INT64", (-1,)), TensorSpec("probabilities", "FP32", (-1, 2))),
)


def classify(inputs):
    """Label 1 where the row's sum is positive; probabilities by the logistic function."""
    sums = inputs["x"].sum(axis=1, dtype=np.float32)
    share = (1 / (1 + np.exp(-sums))).astype(np.float32)
    return {
        "label": (sums > 0).astype(np.int64),
        "probabilities": np.stack([1 - share, share], axis=1).astype(np.float32),
    }


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose name is short: a Unix socket's path has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="x") as folder:
        yield Path(folder)


@pytest.fixture
def rows():
    return np.random.default_rng(5).normal(size=(40, 2)).astype(np.float32)


@pytest.fixture
def bench(short):
    return Bench(short)


class Bench:
    """Sets in files, a server with a Python function for a model, and the spec that joins them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self.sets: dict[str, Path] = {}

    def end_to_end(self, inputs, expected, **more):
        self._save(
            "end_to_end", inputs, {f"expected/{name}": array for name, array in expected.items()} | more
        )

    def confidence(self, inputs, target, **more):
        self._save("confidence", inputs, {"target": target} | more)

    def _save(self, name, inputs, more):
        self.sets[name] = self.folder / f"{name}.npz"
        arrays = {f"inputs/{key}": array for key, array in inputs.items()} | more
        np.savez(self.sets[name], allow_pickle=False, **arrays)

    def lines(self, name, text):
        self.sets[name] = self.folder / f"{name}.jsonl"
        self.sets[name].write_text(text)

    def spec(self, **changes) -> Spec:
        spec = {
            "socket": self.folder / "s",
            "model": "m",
            "version": 1,
            "sets": self.sets,
            "signature": PLAIN,
            "metric": MetricRange("accuracy", "label", (0.8, 1.0)),
            "scratch": self.scratch,
            "do": ("end_to_end",),
            "timeout": 5.0,
        }
        return Spec(**(spec | changes))

    @contextmanager
    def serving(self, model=classify):
        with serving(self.folder / "s", model) as server:
            yield server


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
