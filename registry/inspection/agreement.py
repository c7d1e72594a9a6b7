"""The manifest's words about the signature, joined to what the graphs say; disagreements are refusals."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

from msgspec.structs import replace

from formats.dtypes import FLOATS
from formats.types import FREE, Signature, TensorSpec, Tolerance
from registry.inspection.refusals import Refusal
from registry.manifest.stored import StoredSignature, StoredTensor

if TYPE_CHECKING:
    from registry.manifest.stored import StoredManifest, StoredMetric

CODE = "signature_mismatch"
LONGEST_NAME = 200
"""As long as a node and the protocols carry it; converters write some 40 characters."""


def merged(
    own: Signature, manifest: StoredManifest, weights: Collection[str] = ()
) -> tuple[Signature, list[Refusal]]:
    """The graphs' signature with the manifest's words, and everything that the two disagree on.

    weights   inputs that the graph itself fills: callers may replace them only where the manifest
              calls them optional, else they are no part of the signature.
    """
    facts = manifest.get("signature") or StoredSignature()
    inputs, outputs = facts.get("inputs") or {}, facts.get("outputs") or {}
    own = Signature(tuple(_offered(own.inputs, inputs, weights)), own.outputs)
    refusals = [
        *_named(own.inputs, inputs, "inputs"),
        *_named(own.outputs, outputs, "outputs"),
        *_metric(own, manifest.get("metric")),
    ]
    signature = Signature(
        tuple(_input(spec, inputs.get(spec.name) or StoredTensor()) for spec in own.inputs),
        tuple(_output(spec, outputs.get(spec.name) or StoredTensor()) for spec in own.outputs),
    )
    return signature, refusals


def with_gaps(
    signature: Signature, manifest: StoredManifest, missing: Collection[str], infinite: Collection[str]
) -> Signature:
    """`signature` with what its sets show: inputs that hold NaN or infinities there take them.

    Where the manifest says otherwise its word counts, and the set is what has to change.
    """
    told = (manifest.get("signature") or StoredSignature()).get("inputs") or {}

    def shown(spec: TensorSpec) -> TensorSpec:
        facts = told.get(spec.name) or StoredTensor()
        return replace(
            spec,
            missing=spec.missing or (_said(facts, "missing") is None and spec.name in missing),
            infinite=spec.infinite or (_said(facts, "infinite") is None and spec.name in infinite),
        )

    return replace(signature, inputs=tuple(shown(spec) for spec in signature.inputs))


def _offered(
    specs: tuple[TensorSpec, ...], facts: Mapping[str, StoredTensor], weights: Collection[str]
) -> Iterator[TensorSpec]:
    for spec in specs:
        if spec.name not in weights or (facts.get(spec.name) or StoredTensor()).get("optional"):
            yield spec


def _input(spec: TensorSpec, facts: StoredTensor) -> TensorSpec:
    limits = facts.get("range")
    return replace(
        spec,
        features=tuple(facts.get("features") or ()),
        missing=bool(_said(facts, "missing")),
        infinite=bool(_said(facts, "infinite")),
        range=(limits[0], limits[1]) if limits else None,
        choices=tuple(facts.get("choices") or ()),
        enforce=facts.get("enforce") or "",
    )


def _output(spec: TensorSpec, facts: StoredTensor) -> TensorSpec:
    tolerance = facts.get("tolerance")
    return replace(
        spec,
        features=tuple(facts.get("features") or ()),
        finite=facts.get("finite"),
        tolerance=Tolerance(**tolerance) if tolerance else None,
    )


def _said(facts: StoredTensor, word: str) -> bool | None:
    """Whether an input takes NaN (`missing`) or infinities; `finite` speaks of both."""
    own, finite = facts.get(word), facts.get("finite")
    if own is not None:
        return bool(own)
    return None if finite is None else not finite


def _named(specs: tuple[TensorSpec, ...], facts: Mapping[str, StoredTensor], side: str) -> Iterator[Refusal]:
    own = {spec.name: spec for spec in specs}
    for name, spec in own.items():
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            yield Refusal(CODE, "files.model", f"A tensor has a name that nobody can type: {name[:60]!r}.")
        yield from _of_tensor(spec, facts.get(name) or StoredTensor(), f"signature.{side}.{name[:80]}")
    for name in facts:
        if name not in own:
            near = get_close_matches(name, own, 1)
            hint = f"do you mean {near[0]!r}?" if near else f"it has {sorted(own)}."
            yield Refusal(CODE, f"signature.{side}.{name[:80]}", f"The graph has no such tensor: {hint}")


def _of_tensor(spec: TensorSpec, facts: StoredTensor, field: str) -> Iterator[Refusal]:
    features = facts.get("features") or ()
    last = spec.shape[-1] if spec.shape else 0
    if features and last not in (FREE, len(features)):
        message = f"{len(features)} features are named, the last axis of {spec.name} has {last} places."
        yield Refusal(CODE, f"{field}.features", message)
    if facts.get("optional") and not spec.optional:
        yield Refusal(
            CODE, f"{field}.optional", f"The graph needs {spec.name}: it has no default value for it."
        )
    yield from _of_values(spec, facts, field)


def _of_values(spec: TensorSpec, facts: StoredTensor, field: str) -> Iterator[Refusal]:
    strange = [choice for choice in facts.get("choices") or () if not _is_choice(choice, spec.datatype)]
    if spec.datatype == "BYTES" and facts.get("range"):
        yield Refusal(CODE, f"{field}.range", f"{spec.name} holds texts, which have choices and no range.")
    if strange:
        kind = "is a text" if isinstance(strange[0], str) else "is none"
        yield Refusal(CODE, f"{field}.choices", f"{spec.name} is {spec.datatype}, {strange[0]!r} {kind}.")
    for word in ("missing", "infinite"):
        if facts.get(word) and spec.datatype not in FLOATS:
            message = (
                f"{spec.name} is {spec.datatype}, which has no NaN and no infinity: name a value for it."
            )
            yield Refusal(CODE, f"{field}.{word}", message)


def _is_choice(choice: object, datatype: str) -> bool:
    """Whether a value of this datatype can be this choice."""
    if datatype in ("BYTES", "BOOL"):
        return isinstance(choice, str if datatype == "BYTES" else bool)
    if isinstance(choice, bool) or not isinstance(choice, int | float):
        return False
    return datatype in FLOATS or choice == int(choice)


def _metric(own: Signature, metric: StoredMetric | None) -> Iterator[Refusal]:
    names = [spec.name for spec in own.outputs]
    output = metric.get("output") if metric else None
    if output is not None and output not in names:
        yield Refusal(CODE, "metric.output", f"The version has no output {output!r}: it has {names}.")
