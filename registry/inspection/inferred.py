"""Types and sizes that follow from a graph's inputs and constants alone.

What a file writes beside its inner tensors is a claim: their types are kept where ONNX cannot tell, their
sizes never. Large constants stay out of the copy that is followed.
"""

from __future__ import annotations

import math

import onnx
from onnx import helper, shape_inference

from registry.inspection.walk import anatomy

ROWS = "rows of a request"
"""Names the first axis of an input where its size is left to the caller."""
SMALL_CONSTANT = 1 << 10
"""Elements: shapes and axes have a few, and shape inference copies each of them."""


def followed(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with inferred types and sizes: axes are numbers, ROWS, or unknown. Raises InferenceError."""
    light = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    light.graph.node.extend(model.graph.node)
    light.graph.value_info.extend(model.graph.value_info)
    light.graph.output.extend(model.graph.output)
    filled = {tensor.name for tensor in model.graph.initializer}
    light.graph.input.extend(_sent(value, filled) for value in model.graph.input)
    named = {value.name for value in model.graph.input}
    for tensor in model.graph.initializer:
        if math.prod(tensor.dims) <= SMALL_CONSTANT:
            light.graph.initializer.append(tensor)
        elif tensor.name not in named:
            light.graph.input.append(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            )
    for body in anatomy(light).bodies:
        if body.graph is not None:
            _forget_sizes(body.graph, inputs=body.nesting > 0)
    found: onnx.ModelProto = shape_inference.infer_shapes(light, data_prop=True)
    return found


def values(model: onnx.ModelProto) -> dict[str, object]:
    """The tensor types of a followed model by name, those of subgraphs among them."""
    graphs = [body.graph for body in anatomy(model).bodies if body.graph is not None]
    return {
        value.name: value.type.tensor_type
        for graph in graphs
        for value in (*graph.input, *graph.value_info, *graph.output)
    }


def _sent(value: onnx.ValueInfoProto, filled: set[str]) -> onnx.ValueInfoProto:
    """An input with our name on its first axis, and no names of the file's own."""
    kept = onnx.ValueInfoProto()
    kept.CopyFrom(value)
    if kept.type.HasField("tensor_type"):
        for place, axis in enumerate(kept.type.tensor_type.shape.dim):
            if not axis.HasField("dim_value"):
                axis.Clear()
                if place == 0 and value.name not in filled:
                    axis.dim_param = ROWS
    return kept


def _forget_sizes(graph: onnx.GraphProto, *, inputs: bool) -> None:
    for value in (*graph.value_info, *graph.output, *(graph.input if inputs else ())):
        if value.type.HasField("tensor_type"):
            value.type.tensor_type.ClearField("shape")
