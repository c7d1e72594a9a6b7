"""All parts of a model file, however they are nested, without recursion of ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import onnx

from registry.inspection.policy import operator

Call = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Body:
    """A list of nodes: the graph, a subgraph of a node, or a local function. `nesting` counts subgraphs."""

    nodes: Any
    graph: onnx.GraphProto | None
    function: Call | None = None
    nesting: int = 0


@dataclass(slots=True)
class Anatomy:
    """What a model is made of."""

    model: onnx.ModelProto
    bodies: list[Body] = field(default_factory=list)
    functions: dict[Call, onnx.FunctionProto] = field(default_factory=dict)

    def nodes(self) -> Iterator[onnx.NodeProto]:
        for body in self.bodies:
            yield from body.nodes

    def tensors(self) -> Iterator[onnx.TensorProto]:
        """Every constant: initializers, sparse ones, and those in attributes."""
        for body in self.bodies:
            if body.graph is not None:
                yield from body.graph.initializer
                for sparse in body.graph.sparse_initializer:
                    yield from (sparse.values, sparse.indices)
            for node in body.nodes:
                for attribute in node.attribute:
                    yield from attributed(attribute)


def anatomy(model: onnx.ModelProto) -> Anatomy:
    found = Anatomy(model)
    found.functions = {call_of(function): function for function in model.functions}
    unseen = [Body(model.graph.node, model.graph)]
    unseen += [Body(function.node, None, call) for call, function in found.functions.items()]
    while unseen:
        body = unseen.pop()
        found.bodies.append(body)
        for graph in (graph for node in body.nodes for graph in subgraphs(node)):
            unseen.append(Body(graph.node, graph, body.function, body.nesting + 1))
    return found


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def attributed(attribute: onnx.AttributeProto) -> Iterator[onnx.TensorProto]:
    """The tensors in one attribute."""
    if attribute.HasField("t"):
        yield attribute.t
    yield from attribute.tensors
    sparse = [attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []
    for tensor in (*sparse, *attribute.sparse_tensors):
        yield from (tensor.values, tensor.indices)


def call_of(thing: onnx.FunctionProto | onnx.NodeProto) -> Call:
    """What a node calls, or a function is called by: domain, name, overload."""
    name = thing.name if isinstance(thing, onnx.FunctionProto) else thing.op_type
    return (*operator(thing.domain, name), thing.overload)
