"""What comparing two versions costs a node: sharing units out, telling of them, asking both versions."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import servers, workloads
from benchmarks.capacity import Pace
from benchmarks.closed_loop import Load, message, run
from benchmarks.measures import Measure
from benchmarks.servers import BEARER, CLIENT_CPU, MODEL, Node
from benchmarks.workloads import Workload
from formats.documents import Hex
from formats.plan import WHOLE, Arm, ModelPlan, PlannedRollout

_UNITS = 200
"""Who come again and again, as users do."""


def measure(folder: Path, pace: Pace) -> list[Measure]:
    workload = workloads.logistic()
    body = workload.json_body(1)
    requests = [
        message(servers.infer_path(), body, {**BEARER, "X-Assay-Unit": f"user-{number}"})
        for number in range(_UNITS)
    ]
    nodes = {
        "shared": node(folder / "shared", workload, None),
        "told": node(folder / "told", workload, rollout(slow_ms=(1.0, 2.0, 5.0))),
        "paired": node(folder / "paired", workload, rollout(pair=1.0)),
    }
    try:
        costs = _costs(nodes, requests, pace)
    finally:
        for each in nodes.values():
            each.stop()
    shared, told, paired = (costs[name] for name in ("shared", "told", "paired"))
    return [
        Measure(
            "W1 of two versions, told of each unit to not told of",
            told / shared,
            "x",
            f"CPU {told:.1f} µs told of, {shared:.1f} µs not",
            1.05,
        ),
        Measure(
            "W1 of two versions, each request asked of both to asked of one",
            paired / shared,
            "x",
            f"CPU {paired:.1f} µs with the second run and the comparison, {shared:.1f} µs without",
        ),
    ]


def rollout(**more: Any) -> PlannedRollout:
    return PlannedRollout(id=1, baseline=1, challengers=(2,), **more)


def node(folder: Path, workload: Workload, compared: PlannedRollout | None) -> Node:
    """Two versions of the same model, of which each answers half of the units."""
    versions = {number: servers.version(folder, workload.model, number) for number in (1, 2)}
    arms = (Arm(2, WHOLE // 2, "canary:0.5"), Arm(1, WHOLE // 2, "champion"))
    mirrors = (1, 2) if compared is not None and compared.pair else ()
    entry = ModelPlan(1, Hex(b"bench"), arms, versions, mirrors=mirrors, rollout=compared)
    ready = message(servers.infer_path(), workload.json_body(1), BEARER)
    return Node(folder, {MODEL: entry}, [ready])


def _costs(nodes: Mapping[str, Node], requests: list[bytes], pace: Pace) -> dict[str, float]:
    """Median CPU microseconds per request, turn by turn so that the machine's moods meet all alike."""
    found: dict[str, list[float]] = {name: [] for name in nodes}
    for turn in range(pace.rounds + 1):
        for name, each in nodes.items():
            used = each.cpu_us()
            seen = run(Load(each.port, requests, pace.connections), seconds=pace.seconds, cpu=CLIENT_CPU)
            if turn:
                found[name].append((each.cpu_us() - used) / seen.requests)
    return {name: statistics.median(costs) for name, costs in found.items()}
