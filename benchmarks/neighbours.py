"""A fast model beside a slow one on the same worker: what the thread for slow models is worth."""

from __future__ import annotations

import statistics
from pathlib import Path

from benchmarks import servers, workloads
from benchmarks.capacity import Pace
from benchmarks.closed_loop import BadAnswer, Load, Measured, message, run, run_together
from benchmarks.measures import Measure
from benchmarks.servers import BEARER, CLIENT_CPU, Node
from benchmarks.workloads import Workload

_FAST_CONNECTIONS = 4
_SLOW_CONNECTIONS = 1
_NEVER_SLOW = ("--slow-seconds", "1000")


def measure(folder: Path, pace: Pace) -> list[Measure]:
    fast, slow = workloads.ALL["W1"](), workloads.ALL["W4"]()
    alone: list[Measured] = []
    beside: list[Measured] = []
    in_loop: list[Measured] = []
    with (
        _node(folder / "thread", fast, slow) as own,
        _node(folder / "loop", fast, slow, *_NEVER_SLOW) as other,
    ):
        for turn in range(pace.rounds + 1):
            seen = (
                run(_fast(own, fast), seconds=pace.seconds, cpu=CLIENT_CPU),
                _together(own, fast, slow, pace),
                _together(other, fast, slow, pace),
            )
            if turn:
                for found, each in zip((alone, beside, in_loop), seen, strict=True):
                    found.append(each)
    p50, p50_loop = _middle_p50(beside), _middle_p50(in_loop)
    p99, p99_alone = _middle_p99(beside), _middle_p99(alone)
    return [
        Measure(
            "W1 beside W4 on one worker: p50 to that in the loop",
            p50 / p50_loop,
            "x",
            f"{p50:.2f} ms; {p50_loop:.2f} ms with W4 in the loop; {_middle_p50(alone):.2f} ms alone",
            1 / 3,
        ),
        Measure(
            "W1 beside W4 on one worker: p99 to W1 alone",
            p99 / p99_alone,
            "x",
            f"{p99:.2f} ms; {p99_alone:.2f} ms alone",
            2.0,
        ),
    ]


def _node(folder: Path, fast: Workload, slow: Workload, *more: str) -> Node:
    models = {each.name: servers.released(servers.version(folder, each.model)) for each in (fast, slow)}
    ready = [message(servers.infer_path(each.name), each.json_body(1), BEARER) for each in (fast, slow)]
    return Node(folder, models, ready, *more)


def _fast(node: Node, workload: Workload) -> Load:
    request = message(servers.infer_path(workload.name), workload.json_body(1), BEARER)
    return Load(node.port, [request], _FAST_CONNECTIONS)


def _together(node: Node, fast: Workload, slow: Workload, pace: Pace) -> Measured:
    """What the fast one's clients saw while the slow one was asked too."""
    request = message(servers.infer_path(slow.name), slow.json_body(1), BEARER)
    loads = [_fast(node, fast), Load(node.port, [request], _SLOW_CONNECTIONS)]
    seen = run_together(loads, seconds=pace.seconds, cpu=CLIENT_CPU)
    for each in seen:
        if each.failed:
            raise BadAnswer(each.refusal)
    return seen[0]


def _middle_p50(found: list[Measured]) -> float:
    return statistics.median(each.p50_ms for each in found)


def _middle_p99(found: list[Measured]) -> float:
    return statistics.median(each.p99_ms for each in found)
