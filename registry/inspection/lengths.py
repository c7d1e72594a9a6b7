"""Texts that every node would load with a graph: those that do nothing, and those that are absurdly long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import onnx

from registry.inspection.policy import Policy
from registry.inspection.refusals import Finding
from registry.inspection.walk import Anatomy, Body


class _Described(Protocol):
    """What most parts of a model have."""

    doc_string: str
    metadata_props: Any


def findings(parts: Anatomy, key: str, policy: Policy) -> Iterator[Finding]:
    """What the policy holds against a graph's texts, however they are hidden."""
    size = sum(_idle(parts))
    if size > policy.text_bytes:
        yield Finding(
            "metadata",
            f"The {key} carries {size:,} bytes of metadata, descriptions and names,"
            f" more than {policy.text_bytes:,}.",
        )
    most, where = max(_longest(parts), default=(0, ""))
    if most > policy.value_length:
        yield Finding(
            "long_text",
            f"The {key} holds a text of {most:,} bytes {where}, more than {policy.value_length:,}.",
        )
    together = sum(size for node in parts.nodes() for size in _attributed(node))
    if together > policy.value_bytes:
        yield Finding(
            "long_text",
            f"The attributes of the {key} hold {together:,} bytes of text, more than {policy.value_bytes:,}.",
        )


def _longest(parts: Anatomy) -> Iterator[tuple[int, str]]:
    """Each node's and each constant's longest text, and where it is."""
    for node in parts.nodes():
        if sizes := list(_attributed(node)):
            yield max(sizes), f"in an attribute of a {node.op_type[:60]}"
    for tensor in parts.tensors():
        if tensor.string_data:
            yield max(map(len, tensor.string_data)), f"in the constant {tensor.name[:60]!r}"


def _attributed(node: onnx.NodeProto) -> Iterator[int]:
    for attribute in node.attribute:
        if attribute.s:
            yield len(attribute.s)
        yield from map(len, attribute.strings)


def _idle(parts: Anatomy) -> Iterator[int]:
    """Sizes of what no operator works with."""
    model = parts.model
    yield _described(model)
    yield sum(map(len, (model.producer_name, model.producer_version, model.domain)))
    for function in model.functions:
        yield _described(function) + _values(function.value_info)
    for body in parts.bodies:
        yield from _of_body(body)
    for tensor in parts.tensors():
        yield _described(tensor)


def _of_body(body: Body) -> Iterator[int]:
    graph = body.graph
    if graph is not None:
        yield _described(graph) + len(graph.name)
        yield _values((*graph.input, *graph.output, *graph.value_info))
        yield sum(_entries(note.quant_parameter_tensor_names) for note in graph.quantization_annotation)
    for node in body.nodes:
        yield _described(node)
        for attribute in node.attribute:
            yield len(attribute.name) + len(attribute.doc_string) + len(attribute.ref_attr_name)


def _values(specs: Sequence[onnx.ValueInfoProto]) -> int:
    """Names, words and symbolic axes of declared tensors."""
    return sum(_described(spec) + len(spec.name) + _axes(spec.type) for spec in specs)


def _axes(kind: onnx.TypeProto) -> int:
    axes = kind.tensor_type.shape.dim
    return len(kind.denotation) + sum(len(axis.dim_param) + len(axis.denotation) for axis in axes)


def _described(thing: _Described) -> int:
    return len(thing.doc_string) + _entries(thing.metadata_props)


def _entries(entries: Sequence[onnx.StringStringEntryProto]) -> int:
    return sum(len(entry.key) + len(entry.value) for entry in entries)
