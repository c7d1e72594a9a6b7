"""Small real ONNX models, made in the test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64, STRING, BOOL, DOUBLE, HALF = (
    TensorProto.FLOAT,
    TensorProto.INT64,
    TensorProto.STRING,
    TensorProto.BOOL,
    TensorProto.DOUBLE,
    TensorProto.FLOAT16,
)


def graph(nodes, inputs, outputs, constants=None, *, ml=False) -> bytes:
    """Inputs and outputs are (name, element, shape)."""
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid("ai.onnx.ml", 3)] if ml else [])
    return helper.make_model(made, opset_imports=opsets, ir_version=8).SerializeToString()


def linear(weights: Sequence[float] = (1.0, 2.0), bias: float = 0.0, axis="n", name="x") -> bytes:
    """y = x . weights + bias; x is (n, len(weights)), y is (n, 1)."""
    return graph(
        [helper.make_node("MatMul", [name, "w"], ["h"]), helper.make_node("Add", ["h", "b"], ["y"])],
        [(name, FLOAT, [axis, len(weights)])],
        [("y", FLOAT, [axis, 1])],
        {"w": np.array(weights, np.float32).reshape(-1, 1), "b": np.array([bias], np.float32)},
    )


def constant(value: float) -> bytes:
    """y = x * 0 + value: which version answered is seen in the answer."""
    return linear((0.0, 0.0), value)


def scaler(factor: float = 10.0, name: str = "scaled") -> bytes:
    """raw (n, 2) -> raw * factor."""
    return graph(
        [helper.make_node("Mul", ["raw", "f"], [name])],
        [("raw", FLOAT, ["n", 2])],
        [(name, FLOAT, ["n", 2])],
        {"f": np.array([factor], np.float32)},
    )


def classifier(*, zipmap: bool) -> bytes:
    """Three classes by argmax; with `zipmap` the probabilities are a sequence of maps."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["soft"], axis=1),
        helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
    ]
    outputs = [("label", INT64, ["n"])]
    constants = {"w": np.array([[1, 0, -1], [0, 1, 1]], np.float32)}
    if not zipmap:
        nodes.append(helper.make_node("Identity", ["soft"], ["probabilities"]))
        return graph(
            nodes, [("x", FLOAT, ["n", 2])], [*outputs, ("probabilities", FLOAT, ["n", 3])], constants
        )
    nodes.append(
        helper.make_node(
            "ZipMap", ["soft"], ["probabilities"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2]
        )
    )
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", FLOAT, ["n", 2])],
        [
            helper.make_tensor_value_info("label", INT64, ["n"]),
            helper.make_value_info(
                "probabilities",
                helper.make_sequence_type_proto(
                    helper.make_map_type_proto(INT64, helper.make_tensor_type_proto(FLOAT, []))
                ),
            ),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(made, opset_imports=opsets, ir_version=8).SerializeToString()


def everything() -> bytes:
    """One input and output of each datatype that JSON treats apart, each passed through."""
    kinds = {"f": FLOAT, "d": DOUBLE, "h": HALF, "i": INT64, "b": BOOL, "s": STRING}
    return graph(
        [helper.make_node("Identity", [name], [f"{name}_out"]) for name in kinds],
        [(name, kind, ["n"]) for name, kind in kinds.items()],
        [(f"{name}_out", kind, ["n"]) for name, kind in kinds.items()],
    )


def echo_of(element: int, shape: Sequence[object]) -> bytes:
    return graph(
        [helper.make_node("Identity", ["x"], ["y"])], [("x", element, shape)], [("y", element, shape)]
    )


def divider() -> bytes:
    """y = 1 / x: zero in, infinity out."""
    return graph(
        [helper.make_node("Reciprocal", ["x"], ["y"])], [("x", FLOAT, ["n", 1])], [("y", FLOAT, ["n", 1])]
    )


def slow(rounds: int = 200, width: int = 256) -> bytes:
    """Many matrix products in a row: milliseconds, in kernels that can be interrupted between."""
    nodes, last = [], "x"
    for number in range(rounds):
        nodes.append(helper.make_node("MatMul", [last, "w"], [f"h{number}"]))
        nodes.append(helper.make_node("Tanh", [f"h{number}"], [f"t{number}"]))
        last = f"t{number}"
    nodes.append(helper.make_node("ReduceMean", [last], ["y"], axes=[1], keepdims=1))
    weights = np.random.default_rng(1).normal(size=(width, width)).astype(np.float32)
    return graph(nodes, [("x", FLOAT, ["n", width])], [("y", FLOAT, ["n", 1])], {"w": weights})


def failing() -> bytes:
    """Gathers row x of two: an index outside is the model's own failure."""
    return graph(
        [helper.make_node("Gather", ["table", "x"], ["y"])],
        [("x", INT64, ["n"])],
        [("y", FLOAT, ["n", 1])],
        {"table": np.array([[1.0], [2.0]], np.float32)},
    )


def large(megabytes: int) -> bytes:
    """y = the mean of tanh(x . w) with as many megabytes of weights."""
    width = int((megabytes * (1 << 20) / 4) ** 0.5) + 1
    weights = np.random.default_rng(1).normal(size=(width, width)).astype(np.float32)
    return graph(
        [
            helper.make_node("MatMul", ["x", "row"], ["h"]),
            helper.make_node("MatMul", ["h", "w"], ["m"]),
            helper.make_node("Tanh", ["m"], ["t"]),
            helper.make_node("ReduceMean", ["t"], ["y"], axes=[1], keepdims=1),
        ],
        [("x", FLOAT, ["n", 2])],
        [("y", FLOAT, ["n", 1])],
        {"row": np.full((2, width), 1 / width, np.float32), "w": weights},
    )


def divides(rounds: int = 0) -> bytes:
    """y = x / d in whole numbers: the least of them by -1 kills the process. `rounds` make it slow."""
    nodes, last = [helper.make_node("Cast", ["x"], ["f"], to=FLOAT)], "h0"
    nodes.append(helper.make_node("MatMul", ["f", "row"], ["h0"]))
    for number in range(rounds):
        nodes.append(helper.make_node("MatMul", [last, "w"], [f"m{number}"]))
        nodes.append(helper.make_node("Tanh", [f"m{number}"], [f"h{number + 1}"]))
        last = f"h{number + 1}"
    nodes.append(helper.make_node("ReduceMean", [last], ["mean"], axes=[1], keepdims=1))
    nodes.append(helper.make_node("Mul", ["mean", "none"], ["nothing"]))
    nodes.append(helper.make_node("Cast", ["nothing"], ["zero"], to=INT64))
    nodes.append(helper.make_node("Add", ["x", "zero"], ["same"]))
    nodes.append(helper.make_node("Div", ["same", "d"], ["y"]))
    width = 256 if rounds else 1
    weights = np.random.default_rng(1).normal(size=(width, width)).astype(np.float32)
    constants = {"row": np.ones((1, width), np.float32), "none": np.array(0, np.float32)}
    return graph(
        nodes,
        [("x", INT64, ["n", 1]), ("d", INT64, ["n", 1])],
        [("y", INT64, ["n", 1])],
        constants | ({"w": weights} if rounds else {}),
    )


def divides_safely() -> bytes:
    """The same for small numbers, by way of fractions: nothing kills it."""
    return graph(
        [
            helper.make_node("Cast", ["x"], ["fx"], to=DOUBLE),
            helper.make_node("Cast", ["d"], ["fd"], to=DOUBLE),
            helper.make_node("Div", ["fx", "fd"], ["q"]),
            helper.make_node("Floor", ["q"], ["whole"]),
            helper.make_node("Cast", ["whole"], ["y"], to=INT64),
        ],
        [("x", INT64, ["n", 1]), ("d", INT64, ["n", 1])],
        [("y", INT64, ["n", 1])],
    )


def endless() -> bytes:
    """Counts to x in a loop: what the caller sends decides how long it takes."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Add", ["count", "one"], ["next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("round", INT64, []),
            helper.make_tensor_value_info("go", BOOL, []),
            helper.make_tensor_value_info("count", FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("go_on", BOOL, []),
            helper.make_tensor_value_info("next", FLOAT, []),
        ],
        [numpy_helper.from_array(np.array(1.0, np.float32), "one")],
    )
    return graph(
        [helper.make_node("Loop", ["x", "yes", "zero"], ["y"], body=body)],
        [("x", INT64, [])],
        [("y", FLOAT, [])],
        {"yes": np.array(True), "zero": np.array(0.0, np.float32)},
    )
