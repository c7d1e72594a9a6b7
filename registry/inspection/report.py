"""What an inspection found, as it travels from the cell to the parent: plain JSON, checked when read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from formats.sets import REQUESTS, SAMPLES
from formats.types import Signature
from registry.inspection.refusals import Finding, Refusal
from registry.inspection.sets import SETS

MOST = 50
MOST_OPERATORS = 1_000
MOST_TENSORS = 1_000


@dataclass(frozen=True, slots=True)
class SetFacts:
    """One set: its rows, and whether they are samples or requests."""

    rows: int
    unit: str

    def to_json(self) -> dict[str, object]:
        return {"rows": self.rows, "kind": self.unit}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> SetFacts:
        if document["kind"] not in (SAMPLES, REQUESTS):
            raise ValueError("rows are samples or requests")
        return cls(_count(document["rows"]), document["kind"])


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """One graph file. `operators` are (domain, name) of all that stand in it; sizes in bytes."""

    operators: tuple[tuple[str, str], ...]
    opsets: Mapping[str, int]
    ir_version: int
    producer: str
    nodes: int
    initializer_bytes: int
    file_bytes: int

    def to_json(self) -> dict[str, object]:
        return {
            "operators": [list(operator) for operator in self.operators],
            "opsets": dict(self.opsets),
            "ir_version": self.ir_version,
            "producer": self.producer,
            "nodes": self.nodes,
            "initializer_bytes": self.initializer_bytes,
            "file_bytes": self.file_bytes,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> GraphFacts:
        operators = tuple((_name(domain), _name(name)) for domain, name in document["operators"])
        if len(operators) > MOST_OPERATORS:
            raise ValueError("more operators than there are")
        opsets = {_name(domain): _count(version) for domain, version in document["opsets"].items()}
        counts = {n: _count(document[n]) for n in ("ir_version", "nodes", "initializer_bytes", "file_bytes")}
        return cls(operators=operators, opsets=opsets, producer=_name(document["producer"]), **counts)


@dataclass(frozen=True, slots=True)
class Inspection:
    """The account of one version's files.

    refusals  no version can be made of them (422); then everything else may be missing
    findings  a version can be made, and its integrity gate fails
    graphs    facts by file key: model, extractor, metric
    metric    what the graph of the version's own metric takes and gives
    loaded    whether onnxruntime has loaded the graphs
    """

    refusals: tuple[Refusal, ...] = ()
    findings: tuple[Finding, ...] = ()
    signature: Signature | None = None
    graphs: Mapping[str, GraphFacts] = field(default_factory=dict)
    sets: Mapping[str, SetFacts] = field(default_factory=dict)
    loaded: bool = False
    load_seconds: float | None = None
    metric: Signature | None = None

    def to_json(self) -> dict[str, object]:
        return {
            "refusals": [refusal.to_json() for refusal in self.refusals[:MOST]],
            "findings": [finding.to_json() for finding in self.findings[:MOST]],
            "signature": self.signature.to_json() if self.signature else None,
            "graphs": {key: facts.to_json() for key, facts in self.graphs.items()},
            "sets": {kind: facts.to_json() for kind, facts in self.sets.items()},
            "loaded": self.loaded,
            "load_seconds": self.load_seconds,
            "metric": self.metric.to_json() if self.metric else None,
        }


def parse(text: bytes) -> Inspection:
    """The report of a cell. Raises ValueError for anything that is not exactly one."""
    try:
        document = json.loads(text)
        signature = document["signature"]
        load_seconds = document["load_seconds"]
        return Inspection(
            refusals=tuple(Refusal.from_json(one) for one in _list(document["refusals"], MOST)),
            findings=tuple(Finding.from_json(one) for one in _list(document["findings"], MOST)),
            signature=None if signature is None else _signature(signature),
            graphs={
                _key(k, ("model", "extractor", "metric")): GraphFacts.from_json(v)
                for k, v in document["graphs"].items()
            },
            sets={_key(k, SETS): SetFacts.from_json(v) for k, v in document["sets"].items()},
            loaded=document["loaded"] is True,
            load_seconds=None if load_seconds is None else _seconds(load_seconds),
            metric=None if document["metric"] is None else _signature(document["metric"]),
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"the report is malformed: {error}") from error


def _signature(document: Mapping[str, object]) -> Signature:
    signature = Signature.from_json(document)
    if len(signature.inputs) + len(signature.outputs) > MOST_TENSORS:
        raise ValueError("the signature has too many tensors")
    return signature


def _list(value: Any, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise ValueError("a list is missing or too long")
    return value


def _key(value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"{value!r} is not one of {known}")
    return value


def _name(value: object) -> str:
    if not isinstance(value, str) or len(value) > 200:
        raise ValueError("a name is missing or too long")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 62:
        raise ValueError("a count is missing or out of bounds")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        raise ValueError("a time is missing or out of bounds")
    return float(value)
