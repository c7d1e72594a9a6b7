"""Scan is allowed where the file says how long it runs."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from registry.inspection.policy import Policy
from tests.unit.inspection.graphs import model, nearest, node, value


@pytest.fixture
def codes(version, examined):
    def found(content, policy=None):
        report = examined(version(model=content, end_to_end=None, confidence=None), policy=policy)
        return [finding.code for finding in report.findings]

    return found


def test_nearest_neighbours_pass_and_load(version, examined):
    found = examined(version(model=nearest(), end_to_end=None, confidence=None))

    assert found.findings == ()
    assert found.loaded


def test_the_rows_of_a_request_are_scanned(codes):
    assert codes(nearest("x")) == []


CALLERS_OWN = [value("x"), value("points", shape=("P", 2))]


def test_a_length_that_a_caller_chooses_is_found(codes):
    along_time = [value("x"), value("points", shape=("N", "T"))]

    assert codes(nearest(inputs=along_time, constants={}, scan_input_axes=[1])) == ["scan"]
    assert codes(nearest(inputs=CALLERS_OWN, constants={})) == []
    assert codes(nearest(inputs=along_time, constants={}, scan_input_axes=[7])) == ["scan"]
    assert codes(nearest(scan_input_axes=[0, 0])) == ["scan"]


def _claimed(claim):
    """Reshapes what came to one long axis, and writes beside it that this one has five places."""
    made = onnx.ModelProto.FromString(nearest("long"))
    made.graph.initializer.append(onnx.numpy_helper.from_array(np.array([-1, 2]), "all"))
    made.graph.node.insert(0, node("Reshape", ["z", "all"], ["long"]))
    made.graph.input.append(value("z", shape=("N", "T")))
    if claim:
        made.graph.value_info.append(value("long", shape=(5, 2)))
    return made.SerializeToString()


@pytest.mark.parametrize("claim", [False, True])
def test_what_a_file_claims_of_an_inner_size_counts_for_nothing(codes, claim):
    assert codes(_claimed(claim)) == ["scan"]


def test_what_a_body_claims_of_what_it_gets_counts_for_nothing(codes):
    inner = onnx.ModelProto.FromString(nearest("given", constants={})).graph.node[0]
    body = helper.make_graph(
        [node("Identity", ["s"], ["t"]), inner],
        "outer",
        [value("s", shape=(None, 2)), value("given", shape=(5, 2))],
        [value("t", shape=None), value("y", shape=None)],
    )
    outer = node("Scan", ["x", "z"], ["a", "b"], body=body, num_scan_inputs=1)
    inputs = [value("x"), value("z", shape=("N", "T", 2))]

    assert codes(model([outer], inputs, [value("b", shape=None)], opset=17)) == ["scan"]


def test_scans_in_scans_are_bounded_by_depth_and_by_what_they_run(codes):
    assert codes(nearest(), Policy(scan_depth=1)) == []
    assert codes(nearest(), Policy(scan_depth=0)) == ["scan"]
    assert codes(nearest(), Policy(scan_steps=15)) == []
    assert codes(nearest(), Policy(scan_steps=14)) == ["scan"]
    many = {"points": np.zeros((400_000, 2), np.float32)}
    assert codes(nearest(constants=many)) == ["scan"]
    assert codes(nearest(constants=many), Policy(allowed=frozenset({("", "Scan")}))) == []


def test_the_older_scan_counts_otherwise_and_is_found(codes):
    old = onnx.ModelProto.FromString(nearest())
    old.opset_import[0].version = 8

    assert codes(old.SerializeToString())[0] == "scan"


def test_a_value_that_only_a_body_sees_is_followed_out_of_it(codes):
    body = helper.make_graph(
        [node("Identity", ["s"], ["t"]), node("Add", ["i", "n"], ["o"])],
        "body",
        [value("s", onnx.TensorProto.INT64, (1,)), value("i", onnx.TensorProto.INT64, ())],
        [value("t", onnx.TensorProto.INT64, (1,)), value("o", onnx.TensorProto.INT64, (1,))],
    )
    nodes = [
        node("Scan", ["one", "five"], ["a", "b"], body=body, num_scan_inputs=1),
        node("Gather", ["b", "first"], ["size"]),
        node("ConstantOfShape", ["size"], ["y"]),
    ]
    constants = {"one": np.array([1]), "five": np.arange(5), "first": np.array(0)}
    inputs = [value("n", onnx.TensorProto.INT64, (1,))]

    assert codes(model(nodes, inputs, [value("y", shape=None)], constants, opset=17)) == ["size_from_input"]


def test_the_runtime_refuses_a_state_that_grows():
    body = helper.make_graph(
        [node("Concat", ["s", "s"], ["t"], axis=0), node("Identity", ["i"], ["o"])],
        "body",
        [value("s", shape=(None,)), value("i", shape=())],
        [value("t", shape=(None,)), value("o", shape=())],
    )
    scan = node("Scan", ["x", "points"], ["a", "y"], body=body, num_scan_inputs=1)
    grown = model([scan], [value("x", shape=("N",))], [value("y", shape=(8,))], {"points": np.ones(8, "f")})
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4

    with pytest.raises(Exception, match="Concat"):
        onnxruntime.InferenceSession(grown, options).run(None, {"x": np.ones(3, np.float32)})
