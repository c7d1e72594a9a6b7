"""Counters and latency histograms that merge by addition: over flushes, workers and nodes."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

BOUNDS_S = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01),
    *(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""Upper bounds of the latency buckets in seconds; one more bucket holds what is above."""


class Cell(NamedTuple):
    """What is counted apart: one arm of one version. `arm` is the plan's reason, `named` or `internal`."""

    model: str
    version: int
    arm: str


class Meter:
    """The counters of one cell in one process."""

    __slots__ = ("buckets", "errors", "requests", "rows", "seconds")

    def __init__(self) -> None:
        self.requests = 0
        self.rows = 0
        self.seconds = 0.0
        self.errors: Counter[str] = Counter()
        self.buckets = [0] * (len(BOUNDS_S) + 1)

    def answered(self, latency: float, rows: int) -> None:
        """Count one request. `latency` in seconds, from its last byte in to its answer out."""
        self.requests += 1
        self.rows += rows
        self.seconds += latency
        self.buckets[bisect_left(BOUNDS_S, latency)] += 1

    def failed(self, code: str) -> None:
        self.requests += 1
        self.errors[code] += 1

    def to_json(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "rows": self.rows,
            "seconds": self.seconds,
            "errors": dict(self.errors),
            "buckets": self.buckets,
        }

    def add(self, document: Mapping[str, Any]) -> None:
        """Merge what another process counted, in the form of `to_json`."""
        self.requests += document["requests"]
        self.rows += document["rows"]
        self.seconds += document["seconds"]
        self.errors.update(document["errors"])
        self.buckets = [own + other for own, other in zip(self.buckets, document["buckets"], strict=True)]


class Meters:
    """All counters of one process, or the sum over several."""

    def __init__(self) -> None:
        self.cells: dict[Cell, Meter] = {}
        self.refused: Counter[str] = Counter()

    def cell(self, cell: Cell) -> Meter:
        return self.cells.setdefault(cell, Meter())

    def to_json(self) -> dict[str, Any]:
        cells = [[*cell, meter.to_json()] for cell, meter in self.cells.items()]
        return {"cells": cells, "refused": dict(self.refused)}

    def add(self, document: Mapping[str, Any]) -> None:
        for model, version, arm, meter in document["cells"]:
            self.cell(Cell(model, version, arm)).add(meter)
        self.refused.update(document["refused"])

    def requests(self) -> int:
        return sum(meter.requests for meter in self.cells.values()) + sum(self.refused.values())

    def errors(self) -> int:
        return sum(sum(meter.errors.values()) for meter in self.cells.values()) + sum(self.refused.values())
