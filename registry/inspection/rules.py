"""The static policy: what can be said about a graph without running it. Cheap rules first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import onnx
from onnx import defs

from registry.inspection import flow, lengths, structure, tensors, texts, trees
from registry.inspection.operators import RUNTIME_DOMAINS
from registry.inspection.policy import Operator, Policy, operator
from registry.inspection.refusals import NO_LOCALE, Finding, Refused
from registry.inspection.walk import Anatomy, Call, call_of
from scoring.runtime import locales

SHOWN = 5
"""Names in one sentence: the others are of the same kind."""
TOO_MANY = 1 << 62
"""Calls within calls multiply: counting stops where 64 bits still hold it."""


def refuse_unknown(parts: Anatomy, key: str) -> None:
    """Raise Refused for operators that neither ONNX nor onnxruntime knows, and for damaged constants."""
    field = f"files.{key}"
    unknown = sorted({called(node) for node in parts.nodes() if not _known(parts, node)})
    if unknown:
        names = ", ".join(spelled(one) for one in unknown[:SHOWN])
        raise Refused(
            "unknown_operator", field, f"The {key} uses operators that ONNX does not know: {names}."
        )
    structure.refuse(parts, key)
    for tensor in parts.tensors():
        if trouble := tensors.trouble(tensor):
            raise Refused("bad_graph", field, f"The constant {tensor.name[:60]!r} of the {key} {trouble}.")


def findings(parts: Anatomy, key: str, policy: Policy) -> Iterator[Finding]:
    """What the policy holds against the graph. The dear rules run only where the cheap ones found nothing."""
    cheap = list(_cheap(parts, key, policy))
    yield from cheap
    if not cheap:
        yield from flow.findings(parts, key, policy)


def operators(parts: Anatomy) -> Counter[Operator]:
    """The operators and how often each stands in the file; calls of local functions are not counted."""
    return Counter(called(node) for node in parts.nodes() if call_of(node) not in parts.functions)


def called(node: onnx.NodeProto) -> Operator:
    return operator(node.domain, node.op_type)


def spelled(one: Operator) -> str:
    domain, name = one
    return f"{domain}.{name}"[:80] if domain else name[:80]


def _known(parts: Anatomy, node: onnx.NodeProto) -> bool:
    domain, name = called(node)
    return domain in RUNTIME_DOMAINS or call_of(node) in parts.functions or defs.has(name, domain)


def _cheap(parts: Anatomy, key: str, policy: Policy) -> Iterator[Finding]:
    refused = sorted(one for one in operators(parts) if not policy.allows(one))
    if refused:
        names = ", ".join(spelled(one) for one in refused[:SHOWN])
        yield Finding(
            "operator_not_allowed", f"The {key} uses {names}, which the model's policy does not allow."
        )
    if parts.model.training_info:
        yield Finding("training_info", f"The {key} carries training steps: export it for inference only.")
    yield from lengths.findings(parts, key, policy)
    yield from _names(parts, key, policy)
    yield from _extent(parts, key, policy)
    for node in parts.nodes():
        if trouble := trees.trouble(node, policy.tree_depth):
            yield Finding("tree", f"The {key}'s {node.op_type} {trouble}.")
        if trouble := texts.trouble(node):
            yield Finding("text", f"The {key}'s {node.op_type} {trouble}.")
    if any(texts.needs_locale(node) for node in parts.nodes()) and not locales.has():
        yield Finding(NO_LOCALE, locales.MISSING)


def _names(parts: Anatomy, key: str, policy: Policy) -> Iterator[Finding]:
    names = (name for node in parts.nodes() for name in (node.name, *node.input, *node.output))
    bad = next((name for name in names if len(name) > policy.name_length or not _plain(name)), None)
    if bad is not None:
        yield Finding("name", f"The {key} has a name that is too long or not printable: {bad[:60]!r}.")
    shadows = [call for call in parts.functions if call[0] in RUNTIME_DOMAINS or defs.has(call[1], call[0])]
    if shadows:
        yield Finding("shadow", f"The {key} redefines the operator {spelled(shadows[0][:2])}.")


def _plain(name: str) -> bool:
    return name.isprintable() or not name


def _extent(parts: Anatomy, key: str, policy: Policy) -> Iterator[Finding]:
    nesting = max(body.nesting for body in parts.bodies)
    written_out, calls = _written_out(parts, policy)
    if nesting > policy.nesting or calls > policy.nesting:
        yield Finding(
            "nesting",
            f"The {key} nests functions or subgraphs more than {policy.nesting} deep, or in a circle.",
        )
    elif written_out > policy.nodes:
        yield Finding("nodes", f"The {key} has {written_out:,} nodes, more than {policy.nodes:,}.")
    depth = max(_depth(body.nodes) for body in parts.bodies)
    if depth > policy.depth:
        yield Finding("depth", f"The {key} is {depth:,} nodes deep, more than {policy.depth:,}.")


def _written_out(parts: Anatomy, policy: Policy) -> tuple[int, int]:
    """(nodes with every call of a local function replaced by its body, calls one inside the other)."""
    callees: dict[Call | None, Counter[Call]] = {
        None: Counter(),
        **{call: Counter() for call in parts.functions},
    }
    own: Counter[Call | None] = Counter()
    for body in parts.bodies:
        for node in body.nodes:
            call = call_of(node)
            own[body.function] += 1
            if call in parts.functions:
                callees[body.function][call] += 1
    nodes: dict[Call | None, int] = dict.fromkeys(callees, 0)
    level = 0
    # level by level, so that a circle ends at the bound instead of nowhere
    while level <= policy.nesting + 1:
        grown = {
            caller: own[caller] + sum(times * nodes[callee] for callee, times in called_.items())
            for caller, called_ in callees.items()
        }
        if grown == nodes:
            return nodes[None], level - 1
        nodes = {caller: min(count, TOO_MANY) for caller, count in grown.items()}
        level += 1
    return nodes[None], level


def _depth(nodes: list[onnx.NodeProto]) -> int:
    """Nodes one behind the other; a node listed before what it needs is counted as a first one."""
    depths: dict[str, int] = {}
    for node in nodes:
        here = 1 + max((depths.get(name, 0) for name in node.input), default=0)
        depths.update((name, here) for name in node.output)
    return max(depths.values(), default=0)
