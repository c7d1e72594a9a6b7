"""What a node takes: memory up to a ceiling, the models it is told, the providers there are."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from formats.serving import Serving
from scoring.artifacts import blob_path
from scoring.runtime.onnx import load
from tests.scoring import models
from tests.scoring.nodes import ROOT, Node, model, wait_for


@pytest.fixture
def small(tmp_path, store):
    """A node of one worker with 300 MiB, for models named gpu-*."""
    extra = ["--memory-bytes", str(300 << 20), "--models", "gpu-*"]
    node = Node(tmp_path, store, workers=1, extra=extra).start()
    yield node
    node.stop()


def test_a_version_that_does_not_fit_is_refused_with_a_sentence_and_nothing_else(small, store):
    fits = store.version(1, models.linear())
    whale = replace(fits, number=2, digest="d2" * 32, model=replace(fits.model, size=1 << 30), staged=True)
    small.serve({"gpu-m": model(1, [fits])})
    small.publish({"gpu-m": model(2, [fits, whale])})

    told = wait_for(lambda: small.facts()["models"]["gpu-m"]["failed"].get("2"), "the refusal")
    assert "needs about 2,048 MiB in 1 workers" in told
    assert "of 300 MiB" in told
    with closing(small.client()) as client:
        assert client.infer("gpu-m")[0] == 200


def test_a_node_takes_only_the_models_it_is_told(small, store):
    entry = model(1, [store.version(1, models.linear())])
    small.publish({"gpu-m": entry, "other": entry})
    small.wait_revision("gpu-m", 1)

    assert list(small.facts()["models"]) == ["gpu-m"]
    assert small.facts()["serves"] == "gpu-*"
    with closing(small.client()) as client:
        assert client.infer("gpu-m")[0] == 200
        assert client.infer("other")[0] == 404


def test_workers_die_before_their_node_when_memory_runs_out(node):
    scores = [int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in node.pids()]
    assert scores == [500, 500]


def test_a_node_without_its_provider_does_not_start(tmp_path, store):
    node = Node(tmp_path, store, extra=["--providers", "NoExecutionProvider"])
    ended = subprocess.run(node.command, cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert ended.returncode == 2
    assert "onnxruntime has no NoExecutionProvider on this machine: it offers" in ended.stderr


def test_a_large_model_is_served_with_its_weights_apart_and_answers_the_same(tmp_path, store):
    content = models.large(40)
    version = store.version(1, content)
    whole = load(store.root / blob_path(version.model.sha256), version.model.sha256)
    (expected,) = whole.run(["y"], {"x": np.array([[1.0, 2.0]], np.float32)}, None)
    node = Node(tmp_path, store, workers=1).start()
    try:
        node.serve({"large": model(1, [version])})
        with closing(node.client()) as client:
            told = client.infer("large")[2]["outputs"][0]["data"]
        memory = node.facts()["memory_bytes"]
    finally:
        node.stop()

    assert np.array(told, np.float32).tobytes() == expected.tobytes()
    apart = node.data / "artifacts" / "apart" / version.model.sha256
    assert (apart / "weights.bin").stat().st_size >= 40 << 20
    assert (apart / "model.onnx").stat().st_size < 1 << 20
    assert memory < 200 << 20


def test_workers_share_the_weights_of_a_version_that_is_not_prepacked(tmp_path, store):
    content = models.large(40)
    told, memory = {}, {}
    for prepack in (True, False):
        node = Node(tmp_path / str(prepack), store, workers=2).start()
        try:
            node.serve({"large": model(1, [store.version(1, content, serving=Serving(prepack=prepack))])})
            with closing(node.client()) as client:
                told[prepack] = client.infer("large")[2]["outputs"][0]["data"]
            memory[prepack] = sum(proportional_bytes(pid) for pid in node.pids())
        finally:
            node.stop()

    assert np.allclose(told[True], told[False], rtol=1e-4)
    # Each its own copy, or one for both.
    assert memory[True] - memory[False] > 30 << 20


def proportional_bytes(pid):
    """Pages that others have too count in part."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) << 10
