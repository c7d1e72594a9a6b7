"""The answer cache: a request that was asked before, one that was not, and a version without cache."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from benchmarks import servers, workloads
from benchmarks.capacity import Pace
from benchmarks.closed_loop import Load, message, run
from benchmarks.measures import Measure
from benchmarks.servers import BEARER, CLIENT_CPU, Server
from benchmarks.workloads import Workload

_DIFFERENT = 8000
_ROOM_MB = 64
# Holds a tenth of what is asked in turn, so that nothing is found again.
_SMALL_ROOM_MB = 1


def measure(folder: Path, pace: Pace) -> list[Measure]:
    workload = workloads.ALL["W2"]()
    different = _different(workload)
    with (
        servers.ours(folder / "off", workload) as off,
        servers.ours(folder / "hit", workload, cache_mb=_ROOM_MB) as hit,
        servers.ours(folder / "miss", workload, cache_mb=_SMALL_ROOM_MB) as miss,
    ):
        cases: list[tuple[Server, list[bytes]]] = [(off, different), (hit, different[:1]), (miss, different)]
        found: list[list[float]] = [[], [], []]
        for turn in range(pace.rounds + 1):
            for (server, requests), costs in zip(cases, found, strict=True):
                used = server.cpu_us()
                load = Load(server.port, requests, pace.connections)
                seen = run(load, seconds=pace.seconds, cpu=CLIENT_CPU)
                if turn:
                    costs.append((server.cpu_us() - used) / seen.requests)
    none, known, new = map(statistics.median, found)
    return [
        Measure(
            "W2, an answer from the cache to one computed",
            known / none,
            "x",
            f"CPU {known:.1f} µs found, {new:.1f} µs not found, {none:.1f} µs without a cache",
        )
    ]


def _different(workload: Workload) -> list[bytes]:
    """Requests of one row, no two alike."""
    rows = workload.rows(_DIFFERENT)
    path = servers.infer_path()
    return [
        message(
            path,
            json.dumps(
                {
                    "inputs": [
                        {
                            "name": "x",
                            "datatype": "FP32",
                            "shape": [1, *workload.row],
                            "data": [float(f"{value:.4f}") for value in row.reshape(-1).tolist()],
                        }
                    ]
                },
                separators=(",", ":"),
            ).encode(),
            BEARER,
        )
        for row in rows
    ]
