"""Models that crash, hang, swell or lie: whoever proves them lives on and says that they failed.

Inspection would stop most of them before. Here each of the two doors is tried alone.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from formats.plan import ArtifactRef, PlannedVersion
from formats.types import Signature, TensorSpec
from registry.inspection import Policy, SetLimits
from registry.inspection.steps import Order, inspect
from registry.sandbox import Limits
from releases.proof import cells, server_cell
from releases.proof.cells import prove
from releases.proof.server_cell import Subject
from tests.unit.inspection import graphs
from tests.unit.inspection.graphs import FLOAT, INT64, model, node, value

pytestmark = pytest.mark.faults

LEAST = np.iinfo(np.int64).min
X = np.arange(6, dtype=np.float32).reshape(3, 2)
PLAIN = Signature((TensorSpec("x", "FP32", (-1, 2)),), (TensorSpec("y", "FP32", (-1, 2)),))
WHOLE = Signature(
    tuple(TensorSpec(name, "INT64", (-1, 1)) for name in "xd"), (TensorSpec("y", "INT64", (-1, 1)),)
)
SIZED = Signature(
    (TensorSpec("x", "FP32", (1,)), TensorSpec("n", "INT64", (1,))), (TensorSpec("y", "FP32", (-1,)),)
)
LOOPED = Signature((*PLAIN.inputs, TensorSpec("times", "INT64", ())), PLAIN.outputs)


def divides():
    inputs = [value("x", INT64, ("N", 1)), value("d", INT64, ("N", 1))]
    return model([node("Div", ["x", "d"], ["y"])], inputs, [value("y", INT64, ("N", 1))])


def expands():
    inputs = [value("x", FLOAT, (1,)), value("n", INT64, (1,))]
    return model([node("Expand", ["x", "n"], ["y"])], inputs, [value("y", FLOAT, ("M",))])


ONE = np.ones((1, 1), np.float32)
ZERO = np.zeros((1, 1), np.int64)
RUN = {
    "the least integer by minus one": (divides(), WHOLE, {"x": ZERO + LEAST, "d": ZERO - 1}, ZERO),
    "an integer by zero": (divides(), WHOLE, {"x": ZERO + 1, "d": ZERO}, ZERO),
    "a size of 40 GB": (expands(), SIZED, {"x": ONE, "n": ZERO + 10**10}, ONE),
    "a loop without an end": (
        graphs.looping(),
        LOOPED,
        {"x": X[None], "times": np.full(1, 1 << 62)},
        X[None],
    ),
}
LOAD = {"a tree 100,000 deep": graphs.deep_tree(100_000), "2**30 nodes": graphs.doubling_functions(30)}


@pytest.fixture
def proof(tmp_path, monkeypatch):
    """Prove a model on one end-to-end row, with bounds that fit a test."""
    small = Limits(memory_bytes=1 << 30, processes=64, programs=True)
    monkeypatch.setattr(server_cell, "SERVER_LIMITS", small)
    monkeypatch.setattr(cells, "EXAMINER_LIMITS", small)

    def play(content, signature, inputs, expected):
        path = tmp_path / "model.onnx"
        path.write_bytes(content)
        path.chmod(0o444)
        digest = hashlib.sha256(content).hexdigest()
        with (tmp_path / "rows.npz").open("wb") as stream:
            named = {f"inputs/{name}": array for name, array in inputs.items()}
            np.savez(stream, **named, **{"expected/y": expected})
        version = PlannedVersion(1, "0" * 64, ArtifactRef(digest, len(content)), signature)
        spec = {
            "rows": None,
            "signature": signature.to_json(),
            "metric": {"name": "rmse", "output": "y", "range": [0, 1]},
            "do": ["end_to_end"],
            "seed": 1,
            "timeout": 5,
        }
        subject = Subject("hostile", version, {digest: path})
        return prove(tmp_path / "work", subject, {"end_to_end": tmp_path / "rows.npz"}, spec, seconds=40)

    return play


def failed(proof):
    if proof.examination is None:
        return proof.fault
    found = proof.examination.end_to_end
    return proof.examination.reason if found is None else found.wrong


@pytest.mark.parametrize("name", RUN)
def test_a_model_that_is_deadly_when_it_runs_has_failed(proof, name):
    found = proof(*RUN[name])

    assert found.load_ms > 0
    assert failed(found)


@pytest.mark.parametrize("name", LOAD)
def test_a_model_that_is_deadly_when_it_loads_has_failed(proof, monkeypatch, name):
    monkeypatch.setattr(server_cell, "patience", lambda size: 8.0)

    found = proof(LOAD[name], PLAIN, {"x": X}, X)

    assert found.load_ms == 0
    assert "load" in failed(found)


GIVEN_UP = {
    "a graph that the runtime refuses": (
        model([node("MatMul", ["x", "missing"], ["y"])]),
        "input 'missing' is not a graph input, initializer, or output",
    ),
    "bytes that are no graph": (b"junk", "protobuf parsing failed"),
}


@pytest.mark.parametrize("name", GIVEN_UP)
def test_a_model_that_the_node_gives_up_is_refused_in_the_nodes_own_words(proof, name):
    content, named = GIVEN_UP[name]

    found = proof(content, PLAIN, {"x": X}, X)

    assert found.fault.startswith("The model could not be loaded: onnxruntime refuses the graph.")
    assert named in found.fault
    assert found.fault.endswith(".")
    assert found.examination is None


def test_a_model_that_hangs_while_it_loads_has_so_long_and_the_reason_is_the_time(proof, monkeypatch):
    endless = graphs.endless()
    asked = []
    monkeypatch.setattr(server_cell, "patience", lambda size: asked.append(size) or 4.0)

    found = proof(endless, PLAIN, {"x": X}, X)

    assert found.fault == "The model was not loaded within 4 s."
    assert asked == [len(endless)]


def test_a_node_that_cannot_lay_out_the_model_is_our_trouble(proof, monkeypatch):
    small = Limits(memory_bytes=1 << 30, processes=64, programs=True, file_bytes=1 << 20)
    monkeypatch.setattr(server_cell, "SERVER_LIMITS", small)
    monkeypatch.setattr(server_cell, "_lies_in_place", lambda *_: False)
    content = model([node("Add", ["x", "w"], ["y"])], constants={"w": np.ones((1 << 19, 2), np.float32)})

    with pytest.raises(OSError, match=r"its artifacts cannot be fetched: .*(No space|too large)"):
        proof(content, PLAIN, {"x": X}, X)


def test_a_model_that_does_not_fit_twice_into_the_cells_folder_is_proven_where_it_lies(proof, monkeypatch):
    small = Limits(memory_bytes=1 << 30, processes=64, programs=True, file_bytes=4 << 20)
    monkeypatch.setattr(server_cell, "SERVER_LIMITS", small)
    weights = np.ones((1 << 19, 2), np.float32)
    content = model(
        [node("Gather", ["w", "first"], ["one"]), node("Mul", ["x", "one"], ["y"])],
        constants={"w": weights, "first": np.zeros(1, np.int64)},
    )

    found = proof(content, PLAIN, {"x": X}, X)

    assert len(content) * 2 > small.file_bytes
    assert (found.fault, found.examination.end_to_end.wrong) == ("", 0)


@pytest.mark.parametrize("name", RUN)
def test_inspection_finds_all_of_them_without_running_any(tmp_path, name):
    (tmp_path / "model.onnx").write_bytes(RUN[name][0])
    order = Order({"model": tmp_path / "model.onnx"}, {}, Policy(), SetLimits())

    found = list(inspect(order))[-1]

    assert found.findings
    assert not found.loaded


def test_a_good_model_passes_the_same_doors(proof):
    content = model([node("Neg", ["x"], ["y"])])

    found = proof(content, PLAIN, {"x": X}, -X)

    assert (found.examination.end_to_end.rows, found.examination.end_to_end.wrong) == (3, 0)
