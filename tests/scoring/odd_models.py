"""Models that are not one table in and one column out."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tests.scoring.models import BOOL, FLOAT, INT64, STRING, graph

ELEMENTS = {
    "BOOL": TensorProto.BOOL,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}


def every_datatype() -> bytes:
    """x_<datatype> (n, 2) passed through to y_<datatype>."""
    return graph(
        [helper.make_node("Identity", [f"x_{name}"], [f"y_{name}"]) for name in ELEMENTS],
        [(f"x_{name}", kind, ["n", 2]) for name, kind in ELEMENTS.items()],
        [(f"y_{name}", kind, ["n", 2]) for name, kind in ELEMENTS.items()],
    )


def free_axes() -> bytes:
    """series (n, t) -> total (n), doubled (n, t): both axes are the client's."""
    return graph(
        [
            helper.make_node("ReduceSum", ["series", "axis"], ["total"], keepdims=0),
            helper.make_node("Add", ["series", "series"], ["doubled"]),
        ],
        [("series", FLOAT, ["n", "t"])],
        [("total", FLOAT, ["n"]), ("doubled", FLOAT, ["n", "t"])],
        {"axis": np.array([1])},
    )


def several_inputs() -> bytes:
    """table (n, 2), count (n), flag (n, 1), name (n) -> scaled (n, 2), name_out (n)."""
    return graph(
        [
            helper.make_node("Cast", ["count"], ["times"], to=FLOAT),
            helper.make_node("Unsqueeze", ["times", "last"], ["column"]),
            helper.make_node("Mul", ["table", "column"], ["product"]),
            helper.make_node("Where", ["flag", "product", "table"], ["scaled"]),
            helper.make_node("Identity", ["name"], ["name_out"]),
        ],
        [
            ("table", FLOAT, ["n", 2]),
            ("count", INT64, ["n"]),
            ("flag", BOOL, ["n", 1]),
            ("name", STRING, ["n"]),
        ],
        [("scaled", FLOAT, ["n", 2]), ("name_out", STRING, ["n"])],
        {"last": np.array([1])},
    )


def optional_input() -> bytes:
    """y = x * factor; factor (1) is 3 where nobody sends one."""
    return graph(
        [helper.make_node("Mul", ["x", "factor"], ["y"])],
        [("x", FLOAT, ["n", 2]), ("factor", FLOAT, [1])],
        [("y", FLOAT, ["n", 2])],
        {"factor": np.array([3.0], np.float32)},
    )


def carried_state() -> bytes:
    """state_out (1, n, 3) = state + x; y (n, 1) = the sum of it. The batch stands on axis 1."""
    return graph(
        [
            helper.make_node("Unsqueeze", ["x", "first"], ["layer"]),
            helper.make_node("Add", ["state", "layer"], ["state_out"]),
            helper.make_node("Squeeze", ["state_out", "first"], ["row"]),
            helper.make_node("ReduceSum", ["row", "last"], ["y"], keepdims=1),
        ],
        [("x", FLOAT, ["n", 3]), ("state", FLOAT, [1, "n", 3])],
        [("y", FLOAT, ["n", 1]), ("state_out", FLOAT, [1, "n", 3])],
        {"first": np.array([0]), "last": np.array([1])},
    )


def branches() -> bytes:
    """y = 2x where `twice`, else x + 1, in subgraphs of an If; twice is a scalar."""

    def branch(name: str, node: object) -> object:
        return helper.make_graph([node], name, [], [helper.make_tensor_value_info("out", FLOAT, None)])

    return graph(
        [
            helper.make_node(
                "If",
                ["twice"],
                ["y"],
                then_branch=branch("then", helper.make_node("Add", ["x", "x"], ["out"])),
                else_branch=branch("else", helper.make_node("Add", ["x", "one"], ["out"])),
            )
        ],
        [("twice", BOOL, []), ("x", FLOAT, ["n", 2])],
        [("y", FLOAT, ["n", 2])],
        {"one": np.array(1.0, np.float32)},
    )


def turned() -> bytes:
    """x (n, 2) -> columns (2, n), mean (2), found (1, k): the batch is on another axis, or gone."""
    return graph(
        [
            helper.make_node("Transpose", ["x"], ["columns"], perm=[1, 0]),
            helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0], keepdims=0),
            helper.make_node("Relu", ["x"], ["positive"]),
            helper.make_node("Reshape", ["positive", "flat"], ["line"]),
            helper.make_node("NonZero", ["line"], ["found"]),
        ],
        [("x", FLOAT, ["n", 2])],
        [("columns", FLOAT, [2, "n"]), ("mean", FLOAT, [2]), ("found", INT64, [1, "k"])],
        {"flat": np.array([-1])},
    )


def named_classes() -> bytes:
    """A classifier whose probabilities are a sequence of maps from texts."""
    nodes = [
        helper.make_node("Softmax", ["x"], ["soft"], axis=1),
        helper.make_node(
            "ZipMap", ["soft"], ["proba"], domain="ai.onnx.ml", classlabels_strings=["dog", "zebra"]
        ),
    ]
    inside = helper.make_map_type_proto(STRING, helper.make_tensor_type_proto(FLOAT, []))
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", FLOAT, ["n", 2])],
        [helper.make_value_info("proba", helper.make_sequence_type_proto(inside))],
        [numpy_helper.from_array(np.array([0.0], np.float32), "unused")],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(made, opset_imports=opsets, ir_version=8).SerializeToString()
