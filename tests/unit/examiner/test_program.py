"""The program as its parent starts it, and against the server that it is made for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from releases.proof.examiner import result
from tests.scoring import models
from tests.scoring.nodes import Node, Store, model
from tests.unit.examiner.conftest import classify

ROOT = Path(__file__).parents[3]


def run(spec) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "releases.proof.examiner"]
    data = spec if isinstance(spec, bytes) else json.dumps(spec, default=str).encode()
    return subprocess.run(command, cwd=ROOT, input=data, capture_output=True, check=False)


def spec_of(bench, signature, **changes):
    return {
        "socket": bench.folder / "s",
        "model": "m",
        "version": 1,
        "sets": bench.sets,
        "rows": None,
        "signature": signature.to_json(),
        "metric": {"name": "accuracy", "output": "label", "range": [0.5, 1.0], "margin": None},
        "do": ["end_to_end", "confidence", "benchmark"],
        "champion": None,
        "scratch": bench.scratch,
        "seed": 3,
        "benchmark": {"seconds": 0.2, "blocks": 4},
    } | changes


@pytest.fixture
def node(short):
    """One worker that runs a classifier, as the server cell starts it."""
    store = Store(short / "store")
    version = store.version(1, models.classifier(zipmap=False))
    started = Node(short, store, workers=1, extra=("--socket", str(short / "s"))).start()
    try:
        started.serve({"m": model(1, [version])}, public=True)
        yield version
    finally:
        started.stop()


def as_the_model_says(rows):
    scores = rows @ np.array([[1, 0, -1], [0, 1, 1]], np.float32)
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return {"label": scores.argmax(axis=1), "probabilities": shares.astype(np.float32)}


def test_a_version_behind_the_real_server(node, bench, rows):
    expected = as_the_model_says(rows)
    bench.end_to_end({"x": rows}, expected)
    bench.confidence({"x": np.tile(rows, (50, 1))}, np.tile(expected["label"], 50))

    ended = run(spec_of(bench, node.signature))

    assert (ended.returncode, ended.stderr) == (0, b"")
    found = result.parse(ended.stdout)
    assert (found.outcome, found.problems) == ("measured", ())
    assert (found.end_to_end.wrong, found.end_to_end.batchable) == (0, True)
    assert (found.confidence.value, found.confidence.differing) == (1, 0)
    assert found.benchmark.queries > 0
    assert found.benchmark.offline.samples_per_second > 0


def test_a_node_accepts_the_answers_that_the_examiner_wrote(node, bench, rows, short):
    """What was written at proof is what a node rehearses before it serves."""
    bench.end_to_end({"x": rows}, as_the_model_says(rows))
    run(spec_of(bench, node.signature, do=["end_to_end"]))
    store = Store(short / "store")
    answers = store.put((bench.scratch / "answers.jsonl").read_bytes())
    folder = short / "second"
    folder.mkdir()

    second = Node(folder, store, workers=1).start()
    try:
        second.serve({"m": model(1, [replace(node, answers=answers)])})
    finally:
        second.stop()


def test_a_spec_that_is_wrong_is_our_own_mistake():
    ended = run(b'{"socket": 3}')

    assert (ended.returncode, ended.stdout) == (2, b"")
    assert ended.stderr.startswith(b"the spec is malformed:")


def test_no_server_is_a_result(bench, rows):
    bench.end_to_end({"x": rows}, classify({"x": rows}))
    signature = bench.spec().signature

    ended = run(spec_of(bench, signature, do=["end_to_end", "benchmark"]))

    found = result.parse(ended.stdout)
    assert (ended.returncode, found.outcome) == (0, "failed")
    assert [problem.part for problem in found.problems] == ["end_to_end", "benchmark"]


def test_a_full_disk_is_nobodys_fault_but_ours(bench, rows):
    """A link to the device that is always full, where the answers would go."""
    bench.end_to_end({"x": rows}, classify({"x": rows}))
    (bench.scratch / "answers.partial").symlink_to("/dev/full")

    with bench.serving():
        ended = run(spec_of(bench, bench.spec().signature, do=["end_to_end"]))

    found = result.parse(ended.stdout)
    assert (found.outcome, found.end_to_end) == ("errored", None)
    assert "No space left on device" in found.reason
