"""What a version takes and gives, as its page tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from formats.dtypes import FLOATS
from formats.types import TensorSpec
from releases.proof.gates.schema import BEYOND

if TYPE_CHECKING:
    from registry.manifest.stored import StoredTensor
    from registry.models import ModelVersion

NOT_HELD = "told, and not held"


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output: what the graph says, what the manifest adds, which values are allowed and how."""

    name: str
    datatype: str
    shape: Sequence[int]
    facts: StoredTensor
    features: Sequence[str]
    allowed: Sequence[str] = ()


def tensors(version: ModelVersion, side: str) -> list[Tensor]:
    """Inputs or outputs in the graph's order, with the manifest's words for them."""
    told = version.manifest.get("signature", {}).get(side, {})
    found = []
    for spec in version.signature.get(side, []):
        facts = told.get(spec["name"], {})
        features = spec.get("features") or facts.get("features") or ()
        held = TensorSpec.from_json(spec)
        allowed = _taken(held, facts) if side == "inputs" else _given(held, facts)
        found.append(Tensor(spec["name"], spec["datatype"], spec.get("shape", []), facts, features, allowed))
    return found


def _taken(spec: TensorSpec, facts: StoredTensor) -> list[str]:
    """What an input takes, and what becomes of the rest. What is told and not held says so."""
    words = []
    if choices := spec.choices or facts.get("choices"):
        rule = BEYOND.get(spec.choices_rule(), NOT_HELD)
        words.append(f"{', '.join(str(choice) for choice in choices)}; {rule}")
    if ends := spec.range or facts.get("range"):
        words.append(f"{ends[0]:g} to {ends[1]:g}; {BEYOND.get(spec.range_rule(), NOT_HELD)}")
    if spec.datatype in FLOATS:
        gaps = [
            word for word, taken in (("missing values", spec.missing), ("infinities", spec.infinite)) if taken
        ]
        words.append(f"{' and '.join(gaps)} are taken" if gaps else "no missing values")
    return words


def _given(spec: TensorSpec, facts: StoredTensor) -> list[str]:
    """What an output promises."""
    words = []
    if choices := facts.get("choices"):
        words.append(", ".join(str(choice) for choice in choices))
    if ends := facts.get("range"):
        words.append(f"{ends[0]:g} to {ends[1]:g}")
    if spec.datatype in FLOATS:
        words.append("finite numbers only, or an error" if spec.finite else "may be NaN or infinite")
    return words
