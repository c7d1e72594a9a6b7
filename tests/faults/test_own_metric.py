"""A version's own metric in its own cell: what its graph does wrong is said of the graph alone."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from formats.plan import ArtifactRef, PlannedVersion
from formats.types import Signature, TensorSpec
from registry.sandbox import Limits
from releases.proof import cells, server_cell
from releases.proof.cells import prove
from releases.proof.server_cell import Subject
from tests.unit.inspection import graphs
from tests.unit.inspection.graphs import FLOAT, INT64, node, value

pytestmark = [pytest.mark.faults, pytest.mark.isolated]

X = np.arange(1, 13, dtype=np.float32).reshape(6, 2)
VERSION = Signature((TensorSpec("x", "FP32", (-1, 2)),), (TensorSpec("y", "FP32", (-1, 2)),))
JUDGE = Signature(
    (TensorSpec("expected", "FP32", (-1, 2)), TensorSpec("got", "FP32", (-1, 2))),
    (TensorSpec("value", "FP32", (-1,)),),
)
OWN = {"name": "own", "output": "y", "range": [0, 1], "higher_is_better": False}
ONCE = np.array([1], np.int64)


def judge(nodes, constants=None, shape=("M",), kind=FLOAT):
    pair = [value("expected"), value("got")]
    return graphs.model(nodes, pair, [value("value", kind, shape)], {"axis": ONCE} | (constants or {}))


def distance(*after):
    """The sum of the differences of each row in `d`, and what is made of it."""
    return [
        node("Sub", ["expected", "got"], ["differences"]),
        node("Abs", ["differences"], ["positive"]),
        node("ReduceSum", ["positive", "axis"], ["d"], keepdims=0),
        *after,
    ]


def expanded(count):
    rows = node("Expand", ["d", "much"], ["wide"]), node("Reshape", ["wide", "flat"], ["value"])
    column = node("Reshape", ["d", "column"], ["stood"])
    rows[0].input[0] = "stood"
    constants = {
        "much": np.array([1, count], np.int64),
        "flat": np.array([-1], np.int64),
        "column": np.array([-1, 1], np.int64),
    }
    return judge(distance(column, *rows), constants)


def endless():
    body = graphs.helper.make_graph(
        [node("Identity", ["go"], ["still"]), node("Identity", ["v"], ["w"])],
        "body",
        [value("i", INT64, ()), value("go", graphs.TensorProto.BOOL, ()), value("v", FLOAT, ("M",))],
        [value("still", graphs.TensorProto.BOOL, ()), value("w", FLOAT, ("M",))],
    )
    loop = node("Loop", ["times", "", "d"], ["value"], body=body)
    return judge(distance(loop), {"times": np.array(1 << 62, np.int64)})


def deadly():
    """The least integer divided by minus one, which the processor does not survive."""
    division = [
        node("Cast", ["d"], ["whole"], to=INT64),
        node("Min", ["whole", "least"], ["low"]),
        node("Div", ["low", "minus"], ["broken"]),
        node("Cast", ["broken"], ["value"], to=FLOAT),
    ]
    numbers = {"least": np.array([-(1 << 63)], np.int64), "minus": np.array([-1], np.int64)}
    return judge(distance(*division), numbers)


def root_below_nought():
    """The root of what lies below zero."""
    root = node("Neg", ["d"], ["minus"]), node("Sqrt", ["minus"], ["value"])
    return judge(distance(*root))


HOSTILE = {
    "more values than rows": (expanded(2), "gave 12 values for 6 rows"),
    "an answer of 240 MB": (expanded(10**7), "60000000 values for 6 rows"),
    "an answer of 240 GB": (expanded(10**10), "cannot judge an answer"),
    "no number": (root_below_nought(), "not a finite number in 6 rows; the first is row 0"),
    "a loop without an end": (endless(), "was not loaded within 8 s"),
    "a division that no integer holds": (deadly(), "killed 2 workers that were loading it (SIGFPE)"),
    "a tree 100,000 deep": (graphs.deep_tree(100_000), "loaded"),
}


@pytest.fixture
def proof(tmp_path, monkeypatch):
    """Prove a model that repeats its input, on a confidence set, by the metric of a graph."""
    small = Limits(memory_bytes=1 << 30, processes=64, programs=True)
    monkeypatch.setattr(server_cell, "SERVER_LIMITS", small)
    monkeypatch.setattr(cells, "EXAMINER_LIMITS", small)
    monkeypatch.setattr(server_cell, "patience", lambda size: 8.0)
    np.savez(tmp_path / "rows.npz", **{"inputs/x": X, "target": X + np.float32(0.25)})

    def subject(name, content, signature, rows="samples"):
        digest = hashlib.sha256(content).hexdigest()
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(content)
        path.chmod(0o444)
        ref = ArtifactRef(digest, len(content))
        return Subject("hostile", PlannedVersion(1, "0" * 64, ref, signature, rows=rows), {digest: path})

    def play(metric):
        spec = {
            "rows": None,
            "signature": VERSION.to_json(),
            "metric": OWN,
            "do": ["confidence"],
            "seed": 1,
            "timeout": 2,
        }
        model = graphs.model([node("Identity", ["x"], ["y"])])
        return prove(
            tmp_path / "work",
            subject("model", model, VERSION),
            {"confidence": tmp_path / "rows.npz"},
            spec,
            seconds=60,
            own_metric=subject("metric", metric, JUDGE),
        )

    return play


def test_a_graph_gives_each_row_its_number_in_a_cell_of_its_own(proof):
    found = proof(judge(distance(node("Identity", ["d"], ["value"]))))

    assert found.fault == ""
    assert found.examination.confidence.value == pytest.approx(0.5)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_the_graph_does_wrong_is_said_of_the_graph(proof, name):
    content, said = HOSTILE[name]
    found = proof(content)

    words = found.fault or found.examination.problem("confidence")
    assert "metric's graph" in words
    assert said in words
    assert "the model" not in words.lower()
