"""Single parts of the inspection, where whole models would be long-winded."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from formats.types import TensorSpec
from registry import sandbox
from registry.inspection import inspect, report, tensors, trees
from registry.inspection.declared import declared
from scoring.errors import BadModel
from tests.unit.inspection import graphs
from tests.unit.inspection.graphs import FLOAT, INT64, node, value

OLD = {
    "nodes_treeids": [0, 0, 0],
    "nodes_nodeids": [0, 1, 2],
    "nodes_truenodeids": [1, 0, 0],
    "nodes_falsenodeids": [2, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
}
NEW = {
    "tree_roots": [0],
    "nodes_truenodeids": [1, 0],
    "nodes_falsenodeids": [0, 1],
    "nodes_trueleafs": [0, 1],
    "nodes_falseleafs": [1, 1],
}


def ensemble(kind, **changed):
    attributes = {**(NEW if kind == "TreeEnsemble" else OLD), **changed}
    return node(kind, ["x"], ["y"], "ai.onnx.ml", **attributes)


@pytest.mark.parametrize(
    ("kind", "changed", "words"),
    [
        ("TreeEnsembleClassifier", {}, ""),
        ("TreeEnsembleRegressor", {"nodes_modes": ["LEAF"]}, "lists of different lengths"),
        ("TreeEnsembleRegressor", {"nodes_nodeids": [0, -1, 2]}, "negative or huge"),
        ("TreeEnsembleRegressor", {"nodes_treeids": [0, 0, 1 << 40]}, "negative or huge"),
        (
            "TreeEnsembleRegressor",
            {"nodes_truenodeids": [0, 0, 0], "nodes_modes": ["BRANCH_LEQ"] * 3},
            "circle",
        ),
        ("TreeEnsembleRegressor", {"nodes_truenodeids": [9, 9, 9]}, ""),
        ("TreeEnsemble", {}, ""),
        ("TreeEnsemble", {"nodes_trueleafs": [0]}, "lists of different lengths"),
        ("TreeEnsemble", {"tree_roots": [-1]}, "negative or huge"),
        ("TreeEnsemble", {"nodes_truenodeids": [0, 0]}, "goes in a circle"),
        ("TreeEnsemble", {"nodes_truenodeids": [7, 0]}, ""),
        ("Scaler", {}, ""),
    ],
)
def test_a_tree_ensemble_is_looked_through(kind, changed, words):
    told = trees.trouble(ensemble(kind, **changed), most=100)

    assert words in told
    assert bool(told) == bool(words)


def test_an_empty_ensemble_is_no_trouble():
    assert trees.trouble(node("TreeEnsembleRegressor", ["x"], ["y"], "ai.onnx.ml"), most=10) == ""


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (helper.make_tensor("c", TensorProto.STRING, [2], [b"a", b"b"]), ""),
        (TensorProto(data_type=TensorProto.STRING, dims=[3], string_data=[b"a"]), "does not hold"),
        (TensorProto(data_type=FLOAT, dims=[-1]), "negative axis"),
        (TensorProto(data_type=0, dims=[1]), "unknown datatype"),
        (TensorProto(data_type=9_999, dims=[1]), "unknown datatype"),
        (TensorProto(data_type=FLOAT, dims=[2], raw_data=b"abcd"), "declares 2 elements"),
        (TensorProto(data_type=FLOAT, dims=[1 << 62, 1 << 62], raw_data=b""), "can be counted"),
        (TensorProto(data_type=TensorProto.INT4, dims=[3], raw_data=b"ab"), ""),
        (TensorProto(data_type=TensorProto.COMPLEX64, dims=[1], float_data=[1, 0]), ""),
    ],
)
def test_a_constant_holds_what_it_declares(tensor, words):
    told = tensors.trouble(tensor)

    assert words in told
    assert bool(told) == bool(words)


def test_bytes_of_constants_are_counted():
    assert tensors.bytes_of(helper.make_tensor("c", TensorProto.STRING, [2], [b"a", b"bcd"])) == 4
    assert tensors.bytes_of(helper.make_tensor("c", INT64, [3], [1, 2, 3])) == 24


def test_an_input_with_a_default_is_optional_since_a_graph_may_say_so():
    inputs = [value("x"), value("scale", FLOAT, (1,))]
    made = graphs.model([node("Mul", ["x", "scale"], ["y"])], inputs, constants={"scale": np.float32([2])})
    modern = onnx.ModelProto.FromString(made)
    old = onnx.ModelProto.FromString(made)
    old.ir_version = 3

    assert declared(modern).inputs[1] == TensorSpec("scale", "FP32", (1,), optional=True)
    assert [spec.name for spec in declared(old).inputs] == ["x"]


@pytest.mark.parametrize(
    "kind",
    [
        onnx.TypeProto(),
        helper.make_tensor_type_proto(TensorProto.BFLOAT16, [1]),
        helper.make_tensor_type_proto(9_999, [1]),
        helper.make_optional_type_proto(
            helper.make_sequence_type_proto(helper.make_tensor_type_proto(FLOAT, []))
        ),
    ],
)
def test_what_cannot_be_sent_is_no_input(kind):
    made = onnx.ModelProto.FromString(graphs.linear())
    made.graph.input[0].type.CopyFrom(kind)

    with pytest.raises(BadModel, match="only tensors can be sent"):
        declared(made)


@pytest.mark.parametrize(
    ("reports", "code"),
    [(0, "unreadable"), (1, "unreadable"), (2, "does_not_load")],
)
def test_a_child_that_breaks_off_is_told_by_how_far_it_came(version, examined, monkeypatch, reports, code):
    report = json.dumps(examined(version()).to_json())
    program = f"import os\nprint(({report!r} + '\\n') * {reports}, end='', flush=True)\nos.abort()"
    monkeypatch.setattr(sandbox, "python", lambda module: ["-c", program])

    found = inspect(version(), manifest={})

    assert [one.code for one in (*found.refusals, *found.findings)] == [code]
    assert "crashed (SIGABRT: " in (*found.refusals, *found.findings)[0].message
    assert bool(found.refusals) == (reports < 2)


def _beyond(document, *path, value):
    """The report with another value in one place."""
    document = json.loads(json.dumps(document))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return json.dumps(document).encode()


def test_a_report_says_all_of_its_members_and_no_other(examined, version):
    whole = examined(version()).to_json()
    assert report.parse(json.dumps(whole).encode()).to_json() == whole

    for name in whole:
        with pytest.raises(ValueError, match="members are missing"):
            report.parse(json.dumps({key: value for key, value in whole.items() if key != name}).encode())
    for said in (b"", b"[]", b"{}", b"null", json.dumps(whole | {"more": 1}).encode(), b"[" * 100_000):
        with pytest.raises(ValueError, match="malformed"):
            report.parse(said)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["loaded"], 1),
        (["load_seconds"], 1e6),
        (["load_seconds"], float("nan")),
        (["refusals"], [{"code": "c", "field": "f", "message": "m"}] * (report.MOST + 1)),
        (["refusals"], [{"code": "c", "field": "f", "message": "m" * 501}]),
        (["findings"], [{"code": "c", "message": "half \ud800"}]),
        (["sets", "confidence", "kind"], "batches"),
        (["sets", "elsewhere"], {"rows": 1, "kind": "samples"}),
        (["graphs", "model", "nodes"], -1),
        (["graphs", "model", "nodes"], 1 << 62),
        (["graphs", "model", "nodes"], True),
        (["graphs", "model", "producer"], "p" * 201),
        (["graphs", "model", "operators"], [["", "Add"]] * 1001),
        (["graphs", "model", "opsets"], {"": "13"}),
        (["graphs", "other"], {}),
        (["signature", "inputs", 0, "datatype"], "FP128"),
        (["signature", "inputs"], [{"name": "x", "datatype": "FP32", "shape": [-1]}] * 1000),
    ],
)
def test_a_report_beyond_its_bounds_is_none(examined, version, path, value):
    whole = examined(version()).to_json()
    with pytest.raises(ValueError, match=r"malformed|too many"):
        report.parse(_beyond(whole, *path, value=value))
