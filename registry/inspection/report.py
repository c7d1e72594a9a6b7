"""What an inspection found, as it travels from the cell to the parent: plain JSON, checked when read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from formats.documents import Document, Json
from formats.types import Signature
from registry.inspection.refusals import Finding, Refusal

MOST = 50
"""Refusals of a file: a person mends the first ones, and a cell that is hostile could send millions."""
MOST_TENSORS = 1_000
"""Inputs and outputs together: a page shows each, and clients send each."""
_MOST_OPERATORS = 1_000
"""ONNX and its extensions have some hundreds in all."""
_MOST_COUNTED = 1 << 62
"""What fits into a database's column of 64 bits, sums of two included."""

Name = Annotated[str, Meta(max_length=200)]
Counted = Annotated[int, Meta(ge=0, lt=_MOST_COUNTED)]
Seconds = Annotated[float, Meta(ge=0, lt=1e6)]


class SetFacts(Document, frozen=True, rename={"unit": "kind"}):
    """One set: its rows, and whether they are samples or requests."""

    rows: Counted
    unit: Literal["samples", "requests"]


class GraphFacts(Document, frozen=True):
    """One graph file. `operators` are (domain, name) of all that stand in it; sizes in bytes."""

    operators: Annotated[tuple[tuple[Name, Name], ...], Meta(max_length=_MOST_OPERATORS)]
    opsets: Mapping[Name, Counted]
    ir_version: Counted
    producer: Name
    nodes: Counted
    initializer_bytes: Counted
    file_bytes: Counted


class Inspection(Document, frozen=True):
    """The account of one version's files.

    refusals  no version can be made of them (422); then everything else may be missing
    findings  a version can be made, and its integrity gate fails
    graphs    facts by file key: model, extractor, metric
    metric    what the graph of the version's own metric takes and gives
    loaded    whether onnxruntime has loaded the graphs
    """

    refusals: Annotated[tuple[Refusal, ...], Meta(max_length=MOST)] = ()
    findings: Annotated[tuple[Finding, ...], Meta(max_length=MOST)] = ()
    signature: Signature | None = None
    graphs: Mapping[Literal["model", "extractor", "metric"], GraphFacts] = {}
    sets: Mapping[Literal["end_to_end", "confidence"], SetFacts] = {}
    loaded: bool = False
    load_seconds: Seconds | None = None
    metric: Signature | None = None

    def built(self) -> Json:
        told = {"refusals": self.refusals, "findings": self.findings}
        return super().built() | {name: [one.built() for one in all_[:MOST]] for name, all_ in told.items()}


def parse(text: bytes) -> Inspection:
    """The report of a cell. Raises ValueError for anything that is not exactly one."""
    try:
        document = msgspec.json.decode(text)
        if not isinstance(document, dict) or document.keys() != {*Inspection.__struct_encode_fields__}:
            raise ValueError("members are missing, or too many")
        found = Inspection.from_json(document)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the report is malformed: {error}") from error
    for signature in (found.signature, found.metric):
        if signature is not None and len(signature.inputs) + len(signature.outputs) > MOST_TENSORS:
            raise ValueError("the signature has too many tensors")
    return found
