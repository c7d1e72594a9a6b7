"""Weights out of the graph: the same graph, the same answers, whatever the bytes."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from formats.types import Signature
from scoring.artifacts import file_digest
from scoring.errors import BadModel, CorruptArtifact
from scoring.node.versions import weights
from scoring.node.versions.weights import apart
from scoring.runtime.external import LEAST_BYTES, PAGE, Malformed, split
from scoring.runtime.onnx import Options, load, verify
from scoring.runtime.version import Files, load_version
from tests.scoring import models
from tests.unit.inspection import graphs

WIDTH = 300


def wide():
    """Two large weights, a small one, and an answer that depends on every bit of them."""
    draw = np.random.default_rng(5)
    arrays = [draw.normal(size=(WIDTH, WIDTH)).astype(np.float32) * 0.1 for _ in range(2)]
    nodes = [
        onnx.helper.make_node("MatMul", ["x", "w0"], ["h"]),
        onnx.helper.make_node("Tanh", ["h"], ["t"]),
        onnx.helper.make_node("MatMul", ["t", "w1"], ["s"]),
        onnx.helper.make_node("Add", ["s", "b"], ["y"]),
    ]
    constants = {"w0": arrays[0], "w1": arrays[1], "b": draw.normal(size=WIDTH).astype(np.float32)}
    shape = ["n", WIDTH]
    return models.graph(nodes, [("x", models.FLOAT, shape)], [("y", models.FLOAT, shape)], constants)


def written(folder, content, parts):
    (folder / "model.onnx").write_bytes(parts.graph)
    with (folder / "weights.bin").open("wb") as stream:
        for piece in parts.pieces:
            stream.seek(piece.at)
            stream.write(content[piece.start : piece.start + piece.size])


def test_nothing_but_the_place_of_the_weights_changes(tmp_path):
    content = wide()
    parts = split(memoryview(content), "weights.bin")
    written(tmp_path, content, parts)

    assert [piece.size for piece in parts.pieces] == [WIDTH * WIDTH * 4] * 2
    assert all(piece.at % PAGE == 0 for piece in parts.pieces)
    assert len(parts.graph) < 4 * WIDTH + 2000
    before, after = onnx.load_from_string(content), onnx.load(tmp_path / "model.onnx")
    arrays = [{t.name: numpy_helper.to_array(t) for t in each.graph.initializer} for each in (before, after)]
    assert list(arrays[0]) == list(arrays[1])
    assert all(np.array_equal(arrays[0][name], arrays[1][name]) for name in arrays[0])
    for each in (before, after):
        del each.graph.initializer[:]
    assert before == after


def test_small_weights_stay_where_they_are():
    content = models.linear()
    parts = split(memoryview(content), "weights.bin")

    assert parts == (b"", ())
    assert WIDTH * 4 < LEAST_BYTES


def test_bytes_that_are_no_model_are_refused_or_left_as_they_are():
    content = wide()
    draw = random.Random(3)  # noqa: S311 - a seed that replays
    for _ in range(300):
        broken = bytearray(content[: draw.randrange(1, len(content))] if draw.random() < 0.5 else content)
        for _ in range(draw.randrange(8)):
            broken[draw.randrange(min(len(broken), 400))] = draw.randrange(256)
        try:
            parts = split(memoryview(bytes(broken)), "weights.bin")
        except Malformed:
            continue
        assert all(0 <= piece.start <= piece.start + piece.size <= len(broken) for piece in parts.pieces)


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A verified model that counts as large, and its digest."""
    monkeypatch.setattr(weights, "LARGE_BYTES", 100_000)
    content = wide()
    path = tmp_path / "artifact"
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


def test_answers_are_the_same_to_the_bit(large, tmp_path):
    path, digest = large
    found = apart(tmp_path / "apart", path, digest)
    one = load(path, digest, Options())
    two = load_apart(found)

    for rows in (1, 2, 7, 64):
        x = np.random.default_rng(rows).normal(size=(rows, WIDTH)).astype(np.float32)
        first, second = (graph.run(["y"], {"x": x}, None)[0] for graph in (one, two))
        assert first.tobytes() == second.tobytes()


def load_apart(found):
    verify([(Path(path), digest) for path, digest in found.weights])
    return load(Path(found.graph[0]), found.graph[1], Options(), Path(found.folder))


def test_a_copy_that_was_damaged_is_made_again_and_never_loaded(large, tmp_path):
    path, digest = large
    first = apart(tmp_path / "apart", path, digest)
    weights_file = tmp_path / "apart" / digest / "weights.bin"
    with weights_file.open("r+b") as stream:
        stream.seek(5000)
        stream.write(b"damage")
    with pytest.raises(CorruptArtifact, match="weights"):
        load_apart(first)

    assert apart(tmp_path / "apart", path, digest) == first
    assert file_digest(weights_file) == first.weights[0][1]


def test_a_small_model_stays_in_one_file(tmp_path):
    path = tmp_path / "artifact"
    path.write_bytes(models.linear())
    assert apart(tmp_path / "apart", path, "0" * 64) is None
    assert not (tmp_path / "apart").exists()


def test_a_graph_finds_no_weights_where_the_process_happens_to_stand(tmp_path, monkeypatch):
    graph, _ = graphs.apart(tmp_path, "sidecar")
    (tmp_path / "graph").write_bytes(graph)
    digest = hashlib.sha256(graph).hexdigest()
    monkeypatch.chdir(tmp_path)

    with pytest.raises(BadModel, match="not where the graph says"):
        load(tmp_path / "graph", digest)
    assert load(tmp_path / "graph", digest, None, tmp_path).inputs[0].name == "x"


def test_a_version_with_other_weights_than_its_plan_says_is_not_loaded(tmp_path):
    graph, _ = graphs.apart(tmp_path, "sidecar")
    (tmp_path / "graph").write_bytes(graph)
    files = Files(
        (tmp_path / "graph", hashlib.sha256(graph).hexdigest()),
        folder=tmp_path,
        weights=((tmp_path / "sidecar", "0" * 64),),
    )

    with pytest.raises(CorruptArtifact, match="weights"):
        load_version(Signature((), ()), files)
