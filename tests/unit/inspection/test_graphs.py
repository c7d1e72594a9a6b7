"""What is read out of graph files, and what is held against them, before anything runs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnx
import pytest
from onnx import helper

from formats.types import TensorSpec
from registry.inspection.policy import Policy
from tests.unit.inspection import graphs
from tests.unit.inspection.graphs import FLOAT, INT64, model, node, value


def codes(inspection):
    return [finding.code for finding in inspection.findings]


def refusals(inspection):
    return [(refusal.code, refusal.field) for refusal in inspection.refusals]


def test_a_plain_model_has_a_signature_and_facts(version, examined):
    found = examined(version())

    assert (found.refusals, found.findings, found.loaded) == ((), (), True)
    assert found.signature.inputs == (TensorSpec("x", "FP32", (-1, 2)),)
    assert found.signature.outputs == (TensorSpec("y", "FP32", (-1, 1)),)
    facts = found.graphs["model"]
    assert (facts.operators, facts.opsets, facts.nodes) == ((("", "MatMul"),), {"": 21}, 1)
    assert facts.initializer_bytes == 8
    assert {kind: (one.rows, one.unit) for kind, one in found.sets.items()} == {
        "end_to_end": (3, "samples"),
        "confidence": (3, "samples"),
    }


def test_an_extractor_joins_by_name_or_one_to_one(version, examined):
    x = np.ones((3, 2), np.float32)
    sets = {
        "end_to_end": {"inputs/raw": x, "expected/y": x[:, :1]},
        "confidence": {"inputs/raw": x, "target": np.ones(3)},
    }

    for output in ("x", "something else"):
        found = examined(version(extractor=graphs.scaler(output), **sets))
        assert found.refusals == ()
        assert [spec.name for spec in found.signature.inputs] == ["raw"]
        assert [spec.name for spec in found.signature.outputs] == ["y"]


def test_an_extractor_that_does_not_join_is_refused(version, examined):
    two = [value("a"), value("b")]
    extractor = model([node("Neg", ["raw"], ["a"]), node("Abs", ["raw"], ["b"])], [value("raw")], two)

    found = examined(version(extractor=extractor))

    assert refusals(found) == [("signature_mismatch", "files.model")]
    assert "name its outputs so" in found.refusals[0].message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x80\x04\x95\x1c\x00\x00\x00", "pickle"),
        (b"<!DOCTYPE html><html><body>404", "web page"),
        (b"  \n<html>", "web page"),
        (b'{"model": 1}', "JSON"),
        (b"PK\x03\x04 archive", "zip archive"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"any other text", "truncated"),
        (b"\x00" * 100, "truncated"),
        (b"\x08\x0a", "truncated"),
    ],
)
def test_what_is_no_onnx_file_is_refused_by_its_name(version, examined, content, words):
    found = examined(version(model=content))

    assert refusals(found) == [("not_onnx", "files.model")]
    assert words in found.refusals[0].message


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_refused(version, examined, share):
    whole = graphs.linear()

    found = examined(version(model=whole[: int(len(whole) * share)]))

    assert refusals(found)[0] in {("not_onnx", "files.model"), ("bad_graph", "files.model")}


def test_a_file_beyond_its_size_is_refused_before_it_is_read(version, examined):
    found = examined(version(), policy=Policy(file_bytes=10))

    assert refusals(found) == [("too_large", "files.model")]


def test_an_operator_unknown_to_onnx_is_refused(version, examined):
    for domain in ("", "ai.onnx.ml", "example.org"):
        found = examined(version(model=model([node("Gemmm", ["x"], ["y"], domain)])))

        assert refusals(found) == [("unknown_operator", "files.model")]
        assert "Gemmm" in found.refusals[0].message


def test_a_known_operator_outside_the_policy_is_a_finding(version, examined):
    random = model([node("RandomNormalLike", ["x"], ["y"])])
    sets = {
        "end_to_end": {"inputs/x": np.ones((1, 2), np.float32), "expected/y": np.ones((1, 2), np.float32)},
    }

    found = examined(version(model=random, **sets))
    assert (found.refusals, codes(found), found.loaded) == ((), ["operator_not_allowed"], False)
    assert "RandomNormalLike" in found.findings[0].message
    assert found.signature is not None
    assert found.sets["end_to_end"].rows == 1

    allowed = Policy(allowed=frozenset({("", "RandomNormalLike")}))
    assert codes(examined(version(model=random, **sets), policy=allowed)) == []


def test_operators_of_the_runtime_alone_are_findings_and_not_unknown(version, examined):
    found = examined(version(model=model([node("FusedGemm", ["x"], ["y"], "com.microsoft")])))

    assert (found.refusals, codes(found)) == ((), ["operator_not_allowed"])


def test_a_loop_is_found_also_inside_a_subgraph(version, examined):
    found = examined(version(model=graphs.looping(), end_to_end=None, confidence=None))

    assert codes(found) == ["operator_not_allowed"]
    assert "Loop" in found.findings[0].message


def test_bytes_outside_the_file_are_refused(version, examined):
    found = examined(version(model=graphs.external()))

    assert refusals(found) == [("external_data", "files.model")]


def test_a_constant_that_declares_more_than_it_holds_is_refused(version, examined):
    lying = onnx.ModelProto.FromString(graphs.linear())
    lying.graph.initializer[0].dims[0] = 1 << 40

    found = examined(version(model=lying.SerializeToString()))

    assert refusals(found) == [("bad_graph", "files.model")]


def test_constants_of_every_datatype_pass(version, examined):
    for name, kind in onnx.TensorProto.DataType.items():
        if name in ("UNDEFINED", "STRING"):
            continue
        tensor = helper.make_tensor("c", kind, [3], [1, 0, 1])
        plain = onnx.ModelProto.FromString(graphs.linear())
        plain.graph.initializer.append(tensor)
        found = examined(version(model=plain.SerializeToString()))
        assert refusals(found) == [], name


def test_too_many_nodes_one_behind_the_other_are_found(version, examined):
    names = ["x", *(f"t{number}" for number in range(40)), "y"]
    chain = model([node("Neg", [one], [next_]) for one, next_ in pairwise(names)])

    assert codes(examined(version(model=chain), policy=Policy(depth=30))) == ["depth"]
    assert codes(examined(version(model=chain), policy=Policy(nodes=30))) == ["nodes"]
    assert codes(examined(version(model=chain))) == []


def test_functions_that_double_are_found_before_they_are_written_out(version, examined):
    assert codes(examined(version(model=graphs.doubling_functions(12)))) == ["nesting"]
    assert codes(examined(version(model=graphs.doubling_functions(7)), policy=Policy(nodes=100))) == ["nodes"]


def test_a_few_functions_are_fine(version, examined):
    x = np.ones((2, 2), np.float32)
    sets = {"end_to_end": {"inputs/x": x, "expected/y": x}, "confidence": {"inputs/x": x, "target": x}}

    found = examined(version(model=graphs.doubling_functions(3), **sets))

    assert (found.refusals, found.findings, found.loaded) == ((), (), True)


def test_functions_in_a_circle_are_found(version, examined):
    imports = [helper.make_opsetid("local", 1)]
    circle = [
        helper.make_function("local", one, ["a"], ["b"], [node(other, ["a"], ["b"], "local")], imports)
        for one, other in (("f", "g"), ("g", "f"))
    ]

    found = examined(
        version(model=model([node("f", ["x"], ["y"], "local")], functions=circle, domains=["local"]))
    )

    assert codes(found) == ["nesting"]


def test_a_function_may_not_take_the_name_of_an_operator(version, examined):
    imports = [helper.make_opsetid("", 21)]
    shadow = helper.make_function("", "Relu", ["a"], ["b"], [node("Neg", ["a"], ["b"])], imports)

    assert "shadow" in codes(examined(version(model=model([node("Relu", ["x"], ["y"])], functions=[shadow]))))


@pytest.mark.parametrize("depth", [5, 1_500])
def test_ordinary_trees_pass(version, examined, depth):
    found = examined(version(model=graphs.deep_tree(depth)))

    assert (found.refusals, found.findings) == ((), ())


def test_a_very_deep_tree_is_found(version, examined):
    assert codes(examined(version(model=graphs.deep_tree(100_000)))) == ["tree"]


def test_a_tree_in_a_circle_is_found(version, examined):
    circular = onnx.ModelProto.FromString(graphs.deep_tree(3))
    for attribute in circular.graph.node[0].attribute:
        if attribute.name == "nodes_falsenodeids":
            attribute.ints[4] = 2

    assert codes(examined(version(model=circular.SerializeToString()))) == ["tree"]


def test_names_that_cannot_be_printed_are_found(version, examined):
    named = model([node("Neg", ["x"], ["a\x00b"]), node("Neg", ["a\x00b"], ["y"])])

    assert codes(examined(version(model=named))) == ["name"]


SIZES = {
    "Expand": (["x", "n"], [value("n", INT64, (2,))]),
    "Tile": (["x", "n"], [value("n", INT64, (2,))]),
    "Pad": (["x", "n"], [value("n", INT64, (4,))]),
}


@pytest.mark.parametrize("kind", SIZES)
def test_a_size_that_a_caller_sends_is_found(version, examined, kind):
    inputs, more = SIZES[kind]

    made = model([node(kind, inputs, ["y"])], [value("x"), *more], [value("y", shape=(None, None))])
    found = examined(version(model=made, end_to_end=None, confidence=None))

    assert codes(found) == ["size_from_input"]


def test_a_size_is_followed_through_other_operators_and_functions(version, examined):
    imports = [helper.make_opsetid("", 21)]
    hidden = helper.make_function(
        "local", "grow", ["a", "size"], ["b"], [node("Expand", ["a", "size"], ["b"])], imports
    )
    nodes = [node("Cast", ["x"], ["n"], to=INT64), node("grow", ["x", "n"], ["y"], "local")]

    found = examined(version(model=model(nodes, functions=[hidden], domains=["local"])))

    assert codes(found) == ["size_from_input"]


def test_a_size_that_follows_the_shape_of_an_input_is_fine(version, examined):
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("ConstantOfShape", ["s"], ["z"]),
        node("Add", ["x", "z"], ["y"]),
    ]
    x = np.ones((2, 2), np.float32)
    sets = {"end_to_end": {"inputs/x": x, "expected/y": x}, "confidence": {"inputs/x": x, "target": x[:, 0]}}

    assert codes(examined(version(model=model(nodes), **sets))) == []


@pytest.mark.parametrize("kind", ["Div", "Mod"])
@pytest.mark.parametrize(
    ("divisor", "expected"),
    [("sent", ["integer_division"]), (-1, ["integer_division"]), (0, ["integer_division"]), (10, [])],
)
def test_whole_numbers_are_divided_by_harmless_constants_only(version, examined, kind, divisor, expected):
    inputs, constants = [value("x", INT64)], {}
    if divisor == "sent":
        inputs.append(value("d", INT64))
    else:
        constants["d"] = np.int64(divisor)
    divided = model([node(kind, ["x", "d"], ["y"])], inputs, [value("y", INT64)], constants)

    found = examined(version(model=divided, end_to_end=None, confidence=None))

    assert codes(found) == expected


def test_floats_are_divided_by_anything(version, examined):
    divided = model([node("Div", ["x", "d"], ["y"])], [value("x"), value("d", FLOAT)])

    assert codes(examined(version(model=divided, end_to_end=None, confidence=None))) == []


def test_a_graph_that_makes_no_sense_is_a_finding(version, examined):
    one = helper.make_function(
        "local", "f", ["a"], ["b"], [node("Neg", ["a"], ["b"])], [helper.make_opsetid("", 21)]
    )
    overcalled = model([node("f", ["x", "x", "x"], ["y"], "local")], functions=[one], domains=["local"])
    rootless = onnx.ModelProto.FromString(model([node("Div", ["x", "d"], ["y"])], [value("x"), value("d")]))
    rootless.opset_import[0].domain = "ai.onnx.ml"

    for content in (overcalled, rootless.SerializeToString()):
        found = examined(version(model=content, end_to_end=None, confidence=None))
        assert codes(found) == ["inconsistent"]


def test_a_graph_that_onnxruntime_refuses_does_not_load(version, examined):
    wrong = model([node("MatMul", ["x", "missing"], ["y"])])

    found = examined(version(model=wrong, end_to_end=None, confidence=None))

    assert codes(found) == ["does_not_load"]
    assert found.loaded is False


def test_a_map_is_served_as_keys_and_values_and_other_sequences_are_refused(version, examined):
    maps = helper.make_value_info(
        "y",
        helper.make_sequence_type_proto(
            helper.make_map_type_proto(INT64, helper.make_tensor_type_proto(FLOAT, ()))
        ),
    )
    zipmap = node("ZipMap", ["x"], ["y"], "ai.onnx.ml", classlabels_int64s=[0, 1])
    made = model([zipmap], outputs=[maps], domains=["ai.onnx.ml"])
    found = examined(version(model=made, end_to_end=None, confidence=None), manifest={})
    assert [spec.name for spec in found.signature.outputs] == ["y.keys", "y.values"]

    sequence = helper.make_value_info(
        "y", helper.make_sequence_type_proto(helper.make_tensor_type_proto(FLOAT, ()))
    )
    made = model([node("SplitToSequence", ["x"], ["y"])], outputs=[sequence])
    found = examined(version(model=made, end_to_end=None, confidence=None), manifest={})
    assert refusals(found) == [("signature_mismatch", "files.model")]
    assert "make it a tensor" in found.refusals[0].message
