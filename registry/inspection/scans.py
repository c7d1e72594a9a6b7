"""Scan as nearest neighbours and Gaussian processes use it: how often its body runs follows from the file.

A Scan runs its body once per entry of what it scans. That is bounded where the length is a number that
follows from the graph's own constants and fixed axes, or the rows that a caller sends; a length that follows
from what else a caller chooses is not. Its state keeps its shape: the runtime sees to that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import onnx

from registry.inspection.inferred import ROWS
from registry.inspection.policy import Policy
from registry.inspection.refusals import Finding
from registry.inspection.walk import subgraphs

SCAN = ("", "Scan")
SCANS_WITH_AXES_SINCE = 9
"""The opset of ONNX in which Scan lost its batch and got axes."""


def findings(
    model: onnx.ModelProto, values: Mapping[str, Any], key: str, policy: Policy
) -> Iterator[Finding]:
    """What the policy holds against the Scans of a followed model (see `inferred`)."""
    if SCAN in policy.allowed:
        return
    # before that a Scan counts batches first, and lengths are an input
    old = any(one.version < SCANS_WITH_AXES_SINCE for one in model.opset_import if _is_default(one.domain))
    sizes = {} if old else _sizes(model, values)
    for node in model.graph.node:
        if trouble := _trouble(node, sizes, policy):
            yield Finding("scan", f"In the {key}, {_name(node)} {trouble}.")


def _trouble(node: onnx.NodeProto, sizes: Mapping[str, tuple[object, ...]], policy: Policy) -> str:
    """The Scans in one node of the main graph; each on the stack with how often it is reached."""
    unseen = [(node, 1, 0)]
    steps = 0
    while unseen:
        one, times, depth = unseen.pop()
        if _is_scan(one):
            trips = _trips(one, sizes, policy)
            if trips is None:
                return "runs as often as a caller wants: only rows, constants and fixed axes are scanned"
            times, depth = times * trips, depth + 1
            if depth > policy.scan_depth:
                return f"holds Scans more than {policy.scan_depth} deep"
        inner = [child for graph in subgraphs(one) for child in graph.node]
        steps += times * len(inner)
        if depth and steps > policy.scan_steps:
            return f"runs more than {policy.scan_steps:,} nodes, one after the other"
        unseen += [(child, times, depth) for child in inner]
    return ""


def _trips(node: onnx.NodeProto, sizes: Mapping[str, tuple[object, ...]], policy: Policy) -> int | None:
    """How often the body runs at most; None where a caller's choice says it. All lengths must be equal."""
    attributes = {attribute.name: attribute for attribute in node.attribute}
    count = attributes["num_scan_inputs"].i if "num_scan_inputs" in attributes else 0
    scanned = list(node.input)[-count:] if 0 < count <= len(node.input) else []
    axes = list(attributes["scan_input_axes"].ints) if "scan_input_axes" in attributes else [0] * count
    if len(axes) != len(scanned):
        return None
    lengths = [_length(sizes.get(name, ()), axis) for name, axis in zip(scanned, axes, strict=True)]
    numbers = [length for length in lengths if isinstance(length, int)]
    if numbers:
        return min(numbers)
    return policy.rows if ROWS in lengths else None


def _length(sizes: tuple[Any, ...], axis: int) -> int | str | None:
    return sizes[axis] if -len(sizes) <= axis < len(sizes) else None


def _sizes(model: onnx.ModelProto, values: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Each tensor's axes: a number, ROWS, or None."""
    sizes = {
        name: tuple(_size(axis) for axis in kind.shape.dim)
        for name, kind in values.items()
        if kind.HasField("shape")
    }
    named = {value.name for value in model.graph.input}
    own = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer if tensor.name not in named}
    return sizes | own


def _size(axis: onnx.TensorShapeProto.Dimension) -> int | str | None:
    if axis.HasField("dim_value"):
        return int(axis.dim_value)
    return ROWS if axis.dim_param == ROWS else None


def _is_scan(node: onnx.NodeProto) -> bool:
    return node.op_type == "Scan" and _is_default(node.domain)


def _is_default(domain: str) -> bool:
    return domain in ("", "ai.onnx")


def _name(node: onnx.NodeProto) -> str:
    return f"{node.op_type} {node.name[:60]!r}" if node.name else node.op_type
