"""The further measures: each starts what it needs, measures, and says what it found beside what to reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.capacity import Pace


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the last table. `reach` bounds `value`, from above unless `least`; None: no aim."""

    name: str
    value: float
    unit: str
    detail: str
    reach: float | None = None
    least: bool = False

    @property
    def reached(self) -> bool | None:
        if self.reach is None:
            return None
        return self.value >= self.reach if self.least else self.value <= self.reach

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "value": float(f"{self.value:.4g}")}


def all_measures() -> dict[str, Callable[[Path, Pace], list[Measure]]]:
    """By the name that `--measures` takes."""
    from benchmarks import (
        beside_uploads,
        caching,
        confidence,
        footprint,
        grpc_calls,
        neighbours,
        pages,
        rewards,
        switching,
        uploads,
    )

    return {
        "neighbours": neighbours.measure,
        "switching": switching.measure,
        "footprint": footprint.measure,
        "caching": caching.measure,
        "confidence": confidence.measure,
        "grpc": grpc_calls.measure,
        "uploads": uploads.measure,
        "pages": pages.measure,
        "beside_uploads": beside_uploads.measure,
        "rewards": rewards.measure,
    }
