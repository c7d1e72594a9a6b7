"""The manifest's words about the signature, joined to what the graphs say; disagreements are refusals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from formats.types import FREE, Signature, TensorSpec
from registry.inspection.refusals import Refusal

CODE = "signature_mismatch"
LONGEST_NAME = 200


def merged(own: Signature, manifest: Mapping[str, Any]) -> tuple[Signature, list[Refusal]]:
    """The graphs' signature with the manifest's feature names, and everything that the two disagree on."""
    facts: Mapping[str, Any] = manifest.get("signature") or {}
    inputs, outputs = (facts.get(side) or {} for side in ("inputs", "outputs"))
    refusals = [
        *_named(own.inputs, inputs, "inputs"),
        *_named(own.outputs, outputs, "outputs"),
        *_metric(own, manifest.get("metric") or {}),
    ]
    signature = Signature(
        tuple(_with_features(spec, inputs.get(spec.name) or {}) for spec in own.inputs),
        tuple(_with_features(spec, outputs.get(spec.name) or {}) for spec in own.outputs),
    )
    return signature, refusals


def _with_features(spec: TensorSpec, facts: Mapping[str, Any]) -> TensorSpec:
    return replace(spec, features=tuple(facts.get("features") or ()))


def _named(specs: tuple[TensorSpec, ...], facts: Mapping[str, Any], side: str) -> Iterator[Refusal]:
    own = {spec.name: spec for spec in specs}
    for name, spec in own.items():
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            yield Refusal(CODE, "files.model", f"A tensor has a name that nobody can type: {name[:60]!r}.")
        yield from _of_tensor(spec, facts.get(name) or {}, f"signature.{side}.{name[:80]}")
    for name in facts:
        if name not in own:
            near = get_close_matches(name, own, 1)
            hint = f"do you mean {near[0]!r}?" if near else f"it has {sorted(own)}."
            yield Refusal(CODE, f"signature.{side}.{name[:80]}", f"The graph has no such tensor: {hint}")


def _of_tensor(spec: TensorSpec, facts: Mapping[str, Any], field: str) -> Iterator[Refusal]:
    features = facts.get("features") or ()
    last = spec.shape[-1] if spec.shape else 0
    if features and last not in (FREE, len(features)):
        message = f"{len(features)} features are named, the last axis of {spec.name} has {last} places."
        yield Refusal(CODE, f"{field}.features", message)
    if facts.get("optional") and not spec.optional:
        yield Refusal(
            CODE, f"{field}.optional", f"The graph needs {spec.name}: it has no default value for it."
        )
    texts = [choice for choice in facts.get("choices") or () if isinstance(choice, str)]
    if spec.datatype == "BYTES":
        if facts.get("range"):
            yield Refusal(
                CODE, f"{field}.range", f"{spec.name} holds texts, which have choices and no range."
            )
    elif texts:
        yield Refusal(CODE, f"{field}.choices", f"{spec.name} is {spec.datatype}, {texts[0]!r} is a text.")


def _metric(own: Signature, metric: Mapping[str, Any]) -> Iterator[Refusal]:
    names = [spec.name for spec in own.outputs]
    output = metric.get("output")
    if output is not None and output not in names:
        yield Refusal(CODE, "metric.output", f"The version has no output {output!r}: it has {names}.")
