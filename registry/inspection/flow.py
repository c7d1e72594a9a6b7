"""Where the values that a caller sends may flow: never into the size of a tensor, nor under a whole division.

An operator whose output is as large as a value says lets a caller fill the memory; a whole number divided
by zero, or the least one by minus one, kills the process. Neither raises anything that could be caught.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import inliner, numpy_helper, shape_inference

from formats.dtypes import Array
from registry.inspection import inferred
from registry.inspection.operators import INTEGER_DIVISIONS, SHAPES_ONLY, SIZED_BY_VALUES
from registry.inspection.policy import Policy
from registry.inspection.refusals import Finding
from registry.inspection.scans import findings as scans_of
from registry.inspection.walk import Anatomy, anatomy, subgraphs

WHOLE_NUMBERS = {
    getattr(onnx.TensorProto, sign + width) for sign in ("INT", "UINT") for width in ("8", "16", "32", "64")
}
SMALL_CONSTANT = 1 << 20
"""Elements that are looked at one by one; larger ones are weights, no shapes or indices."""


def findings(parts: Anatomy, key: str, policy: Policy) -> Iterator[Finding]:
    """Flows that a policy forbids; one finding where the graph makes too little sense to follow them."""
    try:
        yield from _followed(parts, key, policy)
    except (RuntimeError, shape_inference.InferenceError) as error:
        yield Finding("inconsistent", f"The {key} cannot be followed: {error}")


def _followed(parts: Anatomy, key: str, policy: Policy) -> Iterator[Finding]:
    """Calls of local functions are written out first: they must be bounded."""
    if parts.functions:
        parts = anatomy(inliner.inline_local_functions(parts.model))
    sent = _sent(parts)
    for node in parts.nodes():
        for place in SIZED_BY_VALUES.get(node.op_type, ()):
            if place < len(node.input) and node.input[place] in sent:
                yield Finding(
                    "size_from_input", f"In the {key} a caller's values set the size of {_name(node)}."
                )
    divisions = _risky_divisions(parts)
    scans = any(node.op_type == "Scan" for node in parts.nodes())
    if not divisions and not scans:
        return
    known = inferred.followed(parts.model)
    values = inferred.values(known)
    yield from _divided(divisions, parts, values, key, sent)
    yield from scans_of(known, values, key, policy)


def _sent(parts: Anatomy) -> set[str]:
    """Names of tensors whose values depend on the values of an input."""
    constant = {tensor.name for body in parts.bodies if body.graph for tensor in body.graph.initializer}
    sent = {
        value.name
        for body in parts.bodies
        if body.graph
        for value in body.graph.input
        if value.name not in constant
    }
    # nested graphs may use outer names before we come to them: go on until nothing is added;
    # what comes out of them may be made of names that the node does not list
    known = -1
    while known != len(sent):
        known = len(sent)
        for node in parts.nodes():
            if node.op_type not in SHAPES_ONLY and (
                any(name in sent for name in node.input) or any(True for _ in subgraphs(node))
            ):
                sent.update(name for name in node.output if name)
    return sent


def _risky_divisions(parts: Anatomy) -> list[onnx.NodeProto]:
    divisions = [node for node in parts.nodes() if node.op_type in INTEGER_DIVISIONS and not node.domain]
    return [node for node in divisions if len(node.input) == 2 and not _is_harmless(node)]


def _divided(
    divisions: list[onnx.NodeProto],
    parts: Anatomy,
    values: Mapping[str, Any],
    key: str,
    sent: set[str],
) -> Iterator[Finding]:
    types = {name: kind.elem_type for name, kind in values.items()}
    unread = {tensor.name for body in parts.bodies if body.graph for tensor in body.graph.initializer}
    constants = _constants(parts)
    for node in divisions:
        divisor = node.input[1]
        # a type that nobody can tell may be a whole number
        whole = (types.get(node.output[0]) or types.get(divisor)) in (WHOLE_NUMBERS | {None, 0})
        value = constants.get(divisor)
        # a constant that is too large to be read here may hold anything
        unknown = divisor in sent or divisor in unread
        safe = not unknown if value is None else bool(value.all()) and not bool((value == -1).any())
        if whole and not safe:
            yield Finding(
                "integer_division", f"In the {key}, {_name(node)} divides whole numbers by any number."
            )


def _is_harmless(node: onnx.NodeProto) -> bool:
    """Mod of floats says so itself."""
    return any(attribute.name == "fmod" and attribute.i for attribute in node.attribute)


def _constants(parts: Anatomy) -> dict[str, Array]:
    tensors = [
        (tensor.name, tensor) for body in parts.bodies if body.graph for tensor in body.graph.initializer
    ]
    for node in parts.nodes():
        if node.op_type == "Constant":
            tensors += [
                (node.output[0], a.t) for a in node.attribute if a.name == "value" and a.HasField("t")
            ]
    return {name: numpy_helper.to_array(t) for name, t in tensors if _is_small(t)}


def _is_small(tensor: onnx.TensorProto) -> bool:
    return np.prod(tensor.dims) <= SMALL_CONSTANT and tensor.data_location != onnx.TensorProto.EXTERNAL


def _name(node: onnx.NodeProto) -> str:
    return f"{node.op_type} {node.name[:60]!r}" if node.name else node.op_type
