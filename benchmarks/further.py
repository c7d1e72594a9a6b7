"""The further measures: each starts what it needs, measures, and says what it found beside what to reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import (
    beside_uploads,
    caching,
    comparing,
    confidence,
    evidence,
    footprint,
    grpc_calls,
    neighbours,
    pages,
    returning,
    rewards,
    scrapes,
    switching,
    ticking,
    uploads,
)
from benchmarks.capacity import Pace
from benchmarks.measures import Measure

# By the name that `--measures` takes.
ALL: Mapping[str, Callable[[Path, Pace], list[Measure]]] = {
    "neighbours": neighbours.measure,
    "switching": switching.measure,
    "returning": returning.measure,
    "footprint": footprint.measure,
    "caching": caching.measure,
    "confidence": confidence.measure,
    "grpc": grpc_calls.measure,
    "uploads": uploads.measure,
    "pages": pages.measure,
    "beside_uploads": beside_uploads.measure,
    "rewards": rewards.measure,
    "evidence": evidence.measure,
    "scrapes": scrapes.measure,
    "ticking": ticking.measure,
    "comparing": comparing.measure,
}
