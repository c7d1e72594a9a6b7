"""A version whose weights lie in files of their own is served from them, and from nothing else."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from formats.plan import PlannedVersion
from formats.types import Signature, TensorSpec
from tests.scoring.nodes import Node, model, wait_for
from tests.unit.inspection.graphs import apart

SIGNATURE = Signature((TensorSpec("x", "FP32", (-1, 2)),), (TensorSpec("y", "FP32", (-1, 2)),))
PLACE = "deep/model.onnx.data"


@pytest.fixture
def version(store, tmp_path):
    graph, content = apart(tmp_path, PLACE)
    return PlannedVersion(1, "d" * 64, store.put(graph), SIGNATURE, weights={PLACE: store.put(content)})


@pytest.fixture
def node(tmp_path, store):
    node = Node(tmp_path, store, workers=1).start()
    yield node
    node.stop()


def answers(node):
    with closing(node.client()) as client:
        return client.infer("apart", [1.0, 2.0])[2]["outputs"][0]["data"]


def test_the_answers_come_from_the_weights_beside_the_graph(node, version):
    node.serve({"apart": model(1, [version])})

    assert answers(node) == [7.0, 10.0]
    linked = node.data / "artifacts" / "apart" / version.digest / PLACE
    assert not linked.is_symlink()


def test_damaged_weights_are_fetched_again(node, version, tmp_path, store):
    node.serve({"apart": model(1, [version])})
    node.stop()
    linked = node.data / "artifacts" / "apart" / version.digest / PLACE
    linked.chmod(0o644)
    linked.write_bytes(np.full(6, 9, np.float32).tobytes())
    again = Node(tmp_path, store, workers=1).start()
    try:
        again.serve({"apart": model(1, [version])})
        assert answers(again) == [7.0, 10.0]
    finally:
        again.stop()


def test_a_graph_whose_weights_are_not_in_the_plan_is_refused_wherever_the_process_stands(
    node, version, tmp_path, store, monkeypatch
):
    bare = PlannedVersion(1, "d" * 64, version.model, SIGNATURE)
    node.publish({"apart": model(1, [bare])})

    failed = wait_for(lambda: node.facts()["models"].get("apart", {}).get("failed"), "the refusal")
    assert "Its weights are not where the graph says" in failed["1"]
