"""A graph's inputs and outputs as its file declares them, where it may not be loaded yet."""

from __future__ import annotations

from types import SimpleNamespace

import onnx

from scoring.runtime.onnx import Graph

OVERRIDABLE_SINCE = 4
"""Since this IR version of ONNX an initializer need not be an input, and one that is can be given."""
TYPES = {
    "FLOAT": "float",
    "DOUBLE": "double",
    "FLOAT16": "float16",
    "BOOL": "bool",
    "STRING": "string",
    **{f"{sign}INT{width}": f"{sign}int{width}".lower() for sign in ("", "U") for width in (8, 16, 32, 64)},
}


class DeclaredSession:
    """Answers like an onnxruntime session about the tensors of a model, and runs nothing."""

    run = None

    def __init__(self, model: onnx.ModelProto) -> None:
        self._graph = model.graph
        self._filled = {tensor.name for tensor in model.graph.initializer}
        self._overridable = model.ir_version >= OVERRIDABLE_SINCE

    def get_inputs(self) -> list[object]:
        return [_node(value) for value in self._graph.input if value.name not in self._filled]

    def get_overridable_initializers(self) -> list[object]:
        if not self._overridable:
            return []
        return [_node(value) for value in self._graph.input if value.name in self._filled]

    def get_outputs(self) -> list[object]:
        return [_node(value) for value in self._graph.output]


def declared(model: onnx.ModelProto) -> Graph:
    """The graph's tensors in the protocol's words. Raises BadModel for what cannot be sent or served."""
    return Graph(DeclaredSession(model))


def _node(value: onnx.ValueInfoProto) -> SimpleNamespace:
    axes = value.type.tensor_type.shape.dim if value.type.HasField("tensor_type") else ()
    shape = [axis.dim_value if axis.HasField("dim_value") else axis.dim_param or None for axis in axes]
    return SimpleNamespace(name=value.name, type=_type(value.type), shape=shape)


def _type(kind: onnx.TypeProto) -> str:
    """The type in onnxruntime's spelling."""
    if kind.HasField("tensor_type"):
        return f"tensor({_element(kind.tensor_type.elem_type)})"
    if kind.HasField("map_type"):
        return f"map({_element(kind.map_type.key_type)},{_type(kind.map_type.value_type)})"
    if kind.HasField("sequence_type"):
        return f"seq({_type(kind.sequence_type.elem_type)})"
    if kind.HasField("optional_type"):
        return f"optional({_type(kind.optional_type.elem_type)})"
    return "value without a type"


def _element(data_type: int) -> str:
    if data_type not in onnx.TensorProto.DataType.values():
        return "unknown"
    name = str(onnx.TensorProto.DataType.Name(data_type))
    return TYPES.get(name, name.lower())
