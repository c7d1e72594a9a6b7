"""The inspection itself, step by step, as it runs inside the cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from msgspec import structs

from formats.serving import Serving
from formats.sets import SetLimits
from formats.types import Signature
from formats.weights import beside
from registry.inspection import agreement, external, rules, tensors, written
from registry.inspection.declared import declared
from registry.inspection.files import read_model
from registry.inspection.policy import Policy
from registry.inspection.refusals import Finding, Refusal, Refused
from registry.inspection.report import GraphFacts, Inspection, SetFacts
from registry.inspection.sets import read_sets, refuse_other_outputs
from registry.inspection.walk import Anatomy, anatomy
from scoring.artifacts import file_digest
from scoring.errors import BadModel
from scoring.runtime import onnx as runtime
from scoring.runtime.pipe import signature_of

if TYPE_CHECKING:
    from registry.manifest.stored import StoredManifest

METRIC = "metric"
GRAPHS = ("extractor", "model", METRIC)
TEXT = 200
"""Of names that come from the file: longer ones are no name that anybody gave."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the parent asks for: files by their manifest key, the manifest, and the bounds.

    In `folder` lie the weights that the manifest lists beside the graphs, each where a graph names it.
    """

    files: Mapping[str, Path]
    manifest: StoredManifest
    policy: Policy
    sets: SetLimits
    folder: Path | None = None


def inspect(order: Order) -> Iterator[Inspection]:
    """One report per step, each knowing more; the last one is the account, if the next never comes."""
    found = Inspection(refusals=written.refusals(order.files))
    if found.refusals:
        yield found
        return
    steps: tuple[Callable[[Order, Inspection], Inspection], ...] = (_read_graphs, _read_sets, _load)
    for step in steps:
        if step is _load and found.findings:
            return
        try:
            found = step(order, found)
        except Refused as refused:
            found = structs.replace(found, refusals=(*found.refusals, refused.refusal))
        except Exception as error:
            found = structs.replace(found, refusals=(*found.refusals, _surprise(WORK[step.__name__], error)))
        yield found
        if found.refusals:
            return


WORK = {
    "_read_graphs": ("model", "The graph cannot be read"),
    "_read_sets": ("confidence", "The sets cannot be read"),
    "_load": ("model", "The model cannot be loaded"),
}
"""What each step works on, for the case that it fails in a way that nobody has thought of."""


def _surprise(work: tuple[str, str], error: Exception) -> Refusal:
    """What a parser said that gave up: as much as it knows, and never nothing."""
    key, what = work
    if isinstance(error, MemoryError):
        why = "it takes more memory than its size allows"
    elif isinstance(error, RecursionError):
        why = "it is nested too deep"
    else:
        why = f"{type(error).__name__}: {str(error)[:200] or 'no more is said'}"
    return Refusal("unreadable", f"files.{key}", f"{what}: {why}.")


def _read_graphs(order: Order, found: Inspection) -> Inspection:
    """Graph files against the policy, and the signature against the manifest. Nothing is run."""
    parts = {key: anatomy(read_model(order.files[key], key, order.policy)) for key in _graph_keys(order)}
    places = beside(order.manifest.get("files") or {}) if order.folder else {}
    weights = {place: order.folder / place for place in places} if order.folder else {}
    used: set[str] = set()
    for key, part in parts.items():
        used |= external.refuse(part, key, weights if key != METRIC else {})
        rules.refuse_unknown(part, key)
        external.fold_small(part, weights)
    external.refuse_unused(places, used)
    findings = [finding for key, part in parts.items() for finding in rules.findings(part, key, order.policy)]
    graphs = {key: _facts(part, order.files[key]) for key, part in parts.items()}
    try:
        described = {key: declared(part.model) for key, part in parts.items()}
        own = signature_of(described.get("extractor"), described["model"])
    except BadModel as error:
        raise Refused("signature_mismatch", "files.model", str(error)) from error
    signature, refusals = agreement.merged(own, order.manifest, _weights(described))
    return structs.replace(
        found, findings=tuple(findings), graphs=graphs, signature=signature, refusals=tuple(refusals)
    )


def _read_sets(order: Order, found: Inspection) -> Inspection:
    """Both sets, read to the end and counted. All their refusals are told, not only the first."""
    assert found.signature is not None  # noqa: S101 - the step before refuses without one
    read = read_sets(order.files, order.manifest, found.signature, order.sets)
    signature = agreement.with_gaps(found.signature, order.manifest, read.missing, read.infinite)
    return structs.replace(
        found,
        signature=signature,
        sets={which: SetFacts(one.rows, one.kind) for which, one in read.sets.items()},
        refusals=(*found.refusals, *read.refusals, *read.refused_by(signature)),
    )


def _load(order: Order, found: Inspection) -> Inspection:
    """The graphs in onnxruntime, exactly as a scoring node loads them; only then are the outputs known."""
    began = perf_counter()
    try:
        loaded = {key: _loaded(order, key) for key in _graph_keys(order)}
        own = signature_of(loaded.get("extractor"), loaded["model"])
        metric = signature_of(None, loaded[METRIC]) if METRIC in loaded else None
    except BadModel as error:
        return structs.replace(found, findings=(Finding("does_not_load", str(error)),))
    seconds = perf_counter() - began
    signature, _ = agreement.merged(own, order.manifest, _weights(loaded))
    signature = _same_inputs(signature, found.signature)
    refuse_other_outputs(order.files, order.manifest, signature, order.sets, metric)
    return structs.replace(found, signature=signature, metric=metric, loaded=True, load_seconds=seconds)


def _loaded(order: Order, key: str) -> runtime.Graph:
    """One graph; weights beside it are mapped and not copied, so that they need not fit twice."""
    options = runtime.Options(serving=Serving(prepack=order.folder is None))
    return runtime.load(order.files[key], file_digest(order.files[key]), options, order.folder)


def _same_inputs(loaded: Signature, described: Signature | None) -> Signature:
    """What onnxruntime says; it may know more of the outputs, but the inputs are what the file declares."""
    if described is None or [spec.name for spec in loaded.inputs] != [spec.name for spec in described.inputs]:
        raise Refused(
            "signature_mismatch", "files.model", "onnxruntime sees other inputs than the file declares."
        )
    return structs.replace(loaded, inputs=described.inputs)


def _weights(graphs: Mapping[str, runtime.Graph]) -> frozenset[str]:
    """Inputs of the version that its first graph fills itself."""
    return graphs["extractor" if "extractor" in graphs else "model"].weights


def _graph_keys(order: Order) -> list[str]:
    return [key for key in GRAPHS if key in order.files]


def _facts(parts: Anatomy, path: Path) -> GraphFacts:
    model = parts.model
    return GraphFacts(
        operators=tuple(sorted((domain[:TEXT], name[:TEXT]) for domain, name in rules.operators(parts))),
        opsets={imported.domain[:TEXT]: imported.version for imported in model.opset_import},
        ir_version=model.ir_version,
        producer=f"{model.producer_name} {model.producer_version}".strip()[:TEXT],
        nodes=sum(len(body.nodes) for body in parts.bodies),
        initializer_bytes=sum(tensors.bytes_of(tensor) for tensor in parts.tensors()),
        file_bytes=path.stat().st_size,
    )
