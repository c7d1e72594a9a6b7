"""The numbers of a proof, out of the gates' evidence. Pure; what is missing is None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Quality:
    """The metric on the confidence set: its estimate, its one-sided bound and the acceptable range."""

    metric: str
    estimate: float
    bound: float | None = None
    low: float | None = None
    high: float | None = None


def of_gate(release: Any, gate: str) -> Mapping[str, Any]:
    """The evidence of one gate of a release, empty while there is none."""
    return next((run.evidence for run in release.gate_runs.all() if run.gate == gate), {}) or {}


def quality_of(release: Any) -> Quality | None:
    """What the confidence gate measured."""
    found = of_gate(release, "confidence")
    estimate = number(found.get("estimate"))
    if estimate is None:
        return None
    low, high = [*(found.get("range") or ()), None, None][:2]
    return Quality(
        str(found.get("metric", "")), estimate, number(found.get("bound")), number(low), number(high)
    )


def latency_of(release: Any) -> dict[str, float]:
    """p50, p90 and p99 in milliseconds, as far as the benchmark gate measured them."""
    found = of_gate(release, "benchmark")
    return {p: v for p in ("p50", "p90", "p99") if (v := number(found.get(f"{p}_ms"))) is not None}


def number(value: object) -> float | None:
    """A measured number, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
