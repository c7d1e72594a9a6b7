"""One line of what was measured, beside what to reach."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


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
