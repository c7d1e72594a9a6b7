"""The numbers of a proof, out of the gates' evidence. Pure; what is missing is None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from releases.models import Release

PERCENTILES = ("p50", "p90", "p99")


@dataclass(frozen=True, slots=True)
class Quality:
    """The metric on the confidence set: its value, its 95 % bounds and the acceptable range."""

    metric: str
    value: float
    lower: float | None = None
    upper: float | None = None
    low: float | None = None
    high: float | None = None


def of_gate(release: Release, gate: str) -> Mapping[str, Any]:
    """The evidence of one gate of a release, empty while there is none."""
    return next((run.evidence for run in release.gate_runs.all() if run.gate == gate), {}) or {}


def quality_of(release: Release) -> Quality | None:
    """What the confidence gate measured."""
    return quality(of_gate(release, "confidence"))


def quality(found: Mapping[str, Any]) -> Quality | None:
    """The metric out of the confidence gate's evidence."""
    value = number(found.get("value"))
    if value is None:
        return None
    low, high = [*(found.get("range") or ()), None, None][:2]
    bounds = number(found.get("lower")), number(found.get("upper"))
    return Quality(str(found.get("metric", "")), value, *bounds, number(low), number(high))


def latency_of(release: Release) -> dict[str, float]:
    """p50, p90 and p99 in milliseconds, as far as the benchmark gate measured them."""
    return latency(of_gate(release, "benchmark"))


def latency(found: Mapping[str, object]) -> dict[str, float]:
    """Percentiles out of the benchmark's evidence; each may come with its interval."""
    return {p: v for p in PERCENTILES if (v := figure(found.get(f"{p}_ms"))) is not None}


def figure(value: object) -> float | None:
    """A figure that stands alone, or with its interval as {"value": ..., "low": ..., "high": ...}."""
    return number(value.get("value") if isinstance(value, Mapping) else value)


def number(value: object) -> float | None:
    """A measured number, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
