"""What no graph is, whatever its operators: names given twice, shapes beyond reason, endless texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import onnx

from registry.inspection.policy import Policy
from registry.inspection.refusals import Finding, Refused
from registry.inspection.tensors import MOST_AXES
from registry.inspection.walk import Anatomy, Body, call_of


def refuse(parts: Anatomy, key: str) -> None:
    """Raise Refused for a graph that cannot mean anything."""
    trouble = next(_troubles(parts), None)
    if trouble:
        raise Refused("bad_graph", f"files.{key}", f"The {key} {trouble}.")


def findings(parts: Anatomy, key: str, policy: Policy) -> Iterator[Finding]:
    """Texts that travel with a graph and do nothing: they are loaded by every node that serves it."""
    size = sum(_texts(parts))
    if size > policy.text_bytes:
        yield Finding(
            "metadata",
            f"The {key} carries {size:,} bytes of metadata and descriptions,"
            f" more than {policy.text_bytes:,}.",
        )


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


def _texts(parts: Anatomy) -> Iterator[int]:
    model = parts.model
    yield len(model.doc_string) + _properties(model)
    for function in parts.model.functions:
        yield len(function.doc_string) + _properties(function)
    for body in parts.bodies:
        yield from _of_body(body)
    for tensor in parts.tensors():
        yield len(tensor.doc_string) + _properties(tensor)


def _of_body(body: Body) -> Iterator[int]:
    if body.graph is not None:
        yield len(body.graph.doc_string) + _properties(body.graph)
    for node in body.nodes:
        yield len(node.doc_string) + _properties(node)


def _properties(
    thing: onnx.ModelProto | onnx.GraphProto | onnx.NodeProto | onnx.TensorProto | onnx.FunctionProto,
) -> int:
    return sum(len(entry.key) + len(entry.value) for entry in thing.metadata_props)
