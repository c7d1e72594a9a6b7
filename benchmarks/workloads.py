"""The four models of docs/performance.md and the requests that are sent to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

_SEED = 20261121


@dataclass(frozen=True, slots=True)
class Workload:
    """A model with one input `x` of shape (n, *row)."""

    name: str
    words: str
    model: bytes
    row: tuple[int, ...]

    def rows(self, count: int) -> NDArray[np.float32]:
        rng = np.random.default_rng(_SEED)
        return rng.random((count, *self.row), dtype=np.float32).round(4)

    def json_body(self, count: int) -> bytes:
        """An inference request with `count` rows, data flat."""
        rows = self.rows(count)
        data = [float(f"{value:.4f}") for value in rows.reshape(-1).tolist()]
        tensor = {"name": "x", "datatype": "FP32", "shape": list(rows.shape), "data": data}
        return json.dumps({"inputs": [tensor]}, separators=(",", ":")).encode()

    def binary_body(self, count: int) -> tuple[bytes, int]:
        """The same as binary tensors both ways, and the length of its JSON header."""
        rows = self.rows(count)
        tensor: dict[str, Any] = {
            "name": "x",
            "datatype": "FP32",
            "shape": list(rows.shape),
            "parameters": {"binary_data_size": rows.nbytes},
        }
        document = {"inputs": [tensor], "parameters": {"binary_data_output": True}}
        head = json.dumps(document, separators=(",", ":")).encode()
        return head + rows.tobytes(), len(head)


def logistic(features: int = 2) -> Workload:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(_SEED)
    rows = rng.random((500, features), dtype=np.float32)
    fitted = LogisticRegression().fit(rows, rows.sum(axis=1) > features / 2)
    return Workload("W1", f"logistic regression, {features} features", _converted(fitted, rows), (features,))


def perceptron(seed: int = _SEED, width: int = 256) -> Workload:
    rng = np.random.default_rng(seed)
    nodes, constants, last = [], {}, "x"
    sizes = (64, width, width, 10)
    for place, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        constants[f"w{place}"] = rng.normal(size=(fan_in, fan_out)) / fan_in**0.5
        constants[f"b{place}"] = rng.normal(size=fan_out)
        nodes.append(helper.make_node("Gemm", [last, f"w{place}", f"b{place}"], [f"h{place}"]))
        last = f"h{place}"
        if place < 2:
            nodes.append(helper.make_node("Relu", [last], [f"r{place}"]))
            last = f"r{place}"
    nodes.append(helper.make_node("Softmax", [last], ["probabilities"], axis=1))
    nodes.append(helper.make_node("ArgMax", [last], ["label"], axis=1, keepdims=0))
    return Workload("W2", f"MLP {'-'.join(map(str, sizes))}", _classifier(nodes, constants, (64,), 10), (64,))


def trees() -> Workload:
    from sklearn.datasets import make_classification
    from sklearn.ensemble import GradientBoostingClassifier

    made, labels = make_classification(2000, 30, n_informative=12, random_state=_SEED)
    rows = made.astype(np.float32)
    fitted = GradientBoostingClassifier(n_estimators=200, max_depth=3, random_state=_SEED).fit(rows, labels)
    return Workload("W3", "200 boosted trees, 30 features", _converted(fitted, rows), (30,))


def convolution() -> Workload:
    rng = np.random.default_rng(_SEED)
    nodes, constants, last, channels = [], {}, "x", 3
    for place in range(6):
        constants[f"w{place}"] = rng.normal(size=(32, channels, 3, 3)) / 10
        nodes.append(helper.make_node("Conv", [last, f"w{place}"], [f"c{place}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{place}"], [f"r{place}"]))
        last, channels = f"r{place}", 32
    nodes += [
        helper.make_node("GlobalAveragePool", [last], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Softmax", ["flat"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["flat"], ["label"], axis=1, keepdims=0),
    ]
    return Workload(
        "W4", "convolution, about 7 ms", _classifier(nodes, constants, (3, 64, 64), 32), (3, 64, 64)
    )


ALL: dict[str, Callable[[], Workload]] = {
    "W1": logistic,
    "W2": perceptron,
    "W3": trees,
    "W4": convolution,
}


def _converted(fitted: Any, rows: NDArray[np.float32]) -> bytes:
    """A model of scikit-learn as its users convert it; the input is `x` here as everywhere."""
    from skl2onnx import to_onnx

    model = to_onnx(fitted, rows[:1], options={"zipmap": False}, target_opset=17)
    for node in model.graph.node:
        node.input[:] = ["x" if name == "X" else name for name in node.input]
    model.graph.input[0].name = "x"
    made: bytes = model.SerializeToString()
    return made


def _classifier(
    nodes: list[Any], constants: dict[str, NDArray[np.float64]], row: tuple[int, ...], classes: int
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "workload",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *row])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", classes]),
        ],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    made: bytes = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    return made
