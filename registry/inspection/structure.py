"""What no graph is, whatever its operators: names given twice, shapes beyond reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import onnx

from registry.inspection.refusals import Refused
from registry.inspection.tensors import MOST_AXES
from registry.inspection.walk import Anatomy, call_of


def refuse(parts: Anatomy, key: str) -> None:
    """Raise Refused for a graph that cannot mean anything."""
    trouble = next(_troubles(parts), None)
    if trouble:
        raise Refused("bad_graph", f"files.{key}", f"The {key} {trouble}.")


def _troubles(parts: Anatomy) -> Iterator[str]:
    if twice := _twice(call_of(function)[1] for function in parts.model.functions):
        yield f"has two functions of the name {twice!r}"
    for body in parts.bodies:
        if twice := _twice(name for node in body.nodes for name in node.output if name):
            yield f"makes the tensor {twice!r} twice"
        if body.graph is not None:
            yield from _of_graph(body.graph)


def _of_graph(graph: onnx.GraphProto) -> Iterator[str]:
    if twice := _twice(tensor.name for tensor in graph.initializer):
        yield f"has two constants of the name {twice!r}"
    for what, listed in (("inputs", graph.input), ("outputs", graph.output)):
        if twice := _twice(spec.name for spec in listed):
            yield f"has two {what} of the name {twice!r}"
    for spec in (*graph.input, *graph.output, *graph.value_info):
        if trouble := _of_shape(spec.type.tensor_type.shape.dim):
            yield f"declares the tensor {spec.name[:60]!r} with {trouble}"


def _of_shape(axes: Iterable[onnx.TensorShapeProto.Dimension]) -> str:
    sizes = [axis.dim_value for axis in axes]
    if len(sizes) > MOST_AXES:
        return f"{len(sizes):,} axes, more than {MOST_AXES}"
    return "a negative axis" if any(size < -1 for size in sizes) else ""


def _twice(names: Iterable[str]) -> str:
    name, times = next(iter(Counter(names).most_common(1)), ("", 0))
    return name[:60] if times > 1 else ""
