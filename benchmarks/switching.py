"""Plan changes while clients ask: each loads another version and takes all traffic to it."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from benchmarks import servers, workloads
from benchmarks.capacity import Pace
from benchmarks.closed_loop import Load, ask_once, message, run, run_together
from benchmarks.measures import Measure
from benchmarks.servers import BEARER, CLIENT_CPU, MODEL, Node

_SWITCHES = 20
_CONNECTIONS = 8
_LONGEST_SECONDS = 20.0


class _Switcher(threading.Thread):
    """Brings version after version into force; each when the one before answers."""

    def __init__(self, node: Node, folder: Path, request: bytes, gap_seconds: float) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._node, self._request, self._gap = node, request, gap_seconds
        # Other weights each time, so that each version is really loaded.
        self._plans = [
            servers.released(servers.version(folder, workloads.perceptron(seed=number).model, number), number)
            for number in range(2, _SWITCHES + 2)
        ]

    def run(self) -> None:
        for number, plan in enumerate(self._plans, start=2):
            started = time.perf_counter()
            self._node.plan({MODEL: plan})
            while self._answering() != number and time.perf_counter() - started < _LONGEST_SECONDS:
                time.sleep(0.01)
            self.waits.append(time.perf_counter() - started)
            time.sleep(self._gap)

    def _answering(self) -> int:
        _, body = ask_once(self._node.port, self._request)
        return int(json.loads(body)["model_version"])


def measure(folder: Path, pace: Pace) -> list[Measure]:
    workload = workloads.ALL["W2"]()
    with servers.ours(folder, workload) as node:
        request = message(servers.infer_path(), workload.json_body(1), BEARER)
        load = Load(node.port, [request], _CONNECTIONS)
        run(load, seconds=pace.seconds / 2, cpu=CLIENT_CPU)
        steady = run(load, seconds=pace.seconds * 3, cpu=CLIENT_CPU)
        switcher = _Switcher(node, folder, request, gap_seconds=0.1)
        requests, failed, tails = 0, 0, []
        switcher.start()
        while switcher.is_alive():
            (seen,) = run_together([load], seconds=pace.seconds, cpu=CLIENT_CPU)
            requests, failed = requests + seen.requests, failed + seen.failed
            tails.append(seen.p99_ms)
        switcher.join()
    switched = sum(wait < _LONGEST_SECONDS for wait in switcher.waits)
    tail = sorted(tails)[len(tails) // 2]
    return [
        Measure(
            f"failed requests in {_SWITCHES} switches under load",
            float(failed + _SWITCHES - switched),
            "requests",
            f"of {requests}; a switch took {1000 * max(switcher.waits):.0f} ms at most from plan to answer",
            0.0,
        ),
        Measure(
            "p99 during switches to steady",
            tail / steady.p99_ms,
            "x",
            f"{tail:.2f} ms; {steady.p99_ms:.2f} ms steady",
            2.0,
        ),
    ]
