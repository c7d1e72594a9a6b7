"""What a scrape of a node costs its parent, which does nothing else meanwhile: 2,000 models asked beside 20.

The page alone, as CPU time of one process: sums of workers, labels and lines, without sockets.
"""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.capacity import Pace
from benchmarks.measures import Measure
from scoring.node import exposition
from scoring.telemetry import Cell, Meters

FEW, MANY = 20, 2000
_WORKERS, _TURNS = 2, 9
_MOST_RATIO, _MOST_S = 150.0, 0.2


def measure(folder: Path, pace: Pace) -> list[Measure]:
    few, many = _counted(FEW), _counted(MANY)
    took = {FEW: float("inf"), MANY: float("inf")}
    for _ in range(_TURNS):
        for models, told in ((FEW, few), (MANY, many)):
            took[models] = min(took[models], _scraped(told))
    size = len(_page(many))
    return [
        Measure(
            f"/metrics of a node with {MANY:,} models asked, to {FEW}",
            took[MANY] / took[FEW],
            "x",
            f"CPU {took[MANY] * 1000:.0f} ms and {took[FEW] * 1000:.2f} ms, the least of {_TURNS}; "
            f"{size / 1e6:.1f} MB and {len(_page(few)) / 1e6:.2f} MB; {MANY // FEW} x as much is told",
            _MOST_RATIO,
        ),
        Measure(f"/metrics of a node with {MANY:,} models asked", took[MANY], "s", "CPU", _MOST_S),
    ]


def _counted(models: int) -> dict[str, object]:
    """What one worker tells of so many models, each asked in a few ways."""
    meters = Meters()
    for number in range(models):
        meter = meters.cell(Cell(f"model-{number}", 1, "champion", 5))
        meter.answered([0.0004, 0.002, 0.003, 0.2], 4)
        meter.failed("bad_tensor")
    return meters.to_json()


def _page(told: dict[str, object]) -> str:
    total = Meters()
    for _ in range(_WORKERS):
        total.add(told)
    revisions = [("assay_plan_revision", {"model": cell.model}, 5.0) for cell in total.cells]
    return exposition.render(total, revisions)


def _scraped(told: dict[str, object]) -> float:
    began = time.process_time()
    _page(told)
    return time.process_time() - began
