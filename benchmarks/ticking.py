"""Two hundred rollouts beside the traffic: looks at all of them, tick by tick, and new weights for all.

All pairs are measured in turn within one run, so that what else the machine does meets both.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from benchmarks import evidence, servers, workloads
from benchmarks.capacity import Pace
from benchmarks.closed_loop import Load, message, run
from benchmarks.measures import Measure
from benchmarks.servers import BEARER, CLIENT_CPU, MODEL, ROOT, Node
from formats import shares
from formats.plan import WHOLE, Arm, ModelPlan
from formats.shares import Shares, shares_path
from scoring.node.files import write_atomically

MODELS = 200
A_MINUTE = 60.0
_CONNECTIONS = 8
_PROGRAM = "import django; django.setup(); from benchmarks.ticking import main; main()"


def measure(folder: Path, pace: Pace) -> list[Measure]:
    return [*_resharing(folder / "shares", pace), *_beside_ticks(folder / "ticks", pace)]


# ---- new weights


class Changes(threading.Thread):
    """Gives model after model other weights, all of them once a minute, until it is stopped."""

    def __init__(self, change: Callable[[], None]) -> None:
        super().__init__()
        self._change, self._stopped, self.made = change, threading.Event(), 0

    def run(self) -> None:
        while not self._stopped.wait(A_MINUTE / MODELS):
            self._change()
            self.made += 1

    def stop(self) -> None:
        self._stopped.set()
        self.join()


class _Weights:
    """The entries of the models, and the two ways in which a node hears of other weights."""

    def __init__(self, node: Node, plan: Path, models: Mapping[str, ModelPlan]) -> None:
        self._node, self._file, self._models = node, shares_path(plan), dict(models)
        self._sequence, self._place, self._told = 1, 0, dict[str, str]()

    def _next(self) -> ModelPlan:
        name = f"m-{self._place % MODELS}"
        entry = self._models[name]
        self._place += 1
        half = WHOLE // 64 * (1 + self._place % 63)
        arms = (Arm(2, half, f"bandit:{half / WHOLE:.4g}"), Arm(1, WHOLE - half, "champion"))
        self._models[name] = replace(entry, revision=entry.revision + 1, arms=arms)
        self._name = name
        return self._models[name]

    def alone(self) -> None:
        entry = self._next()
        self._sequence += 1
        said = Shares("production", "", self._sequence, self._name, entry.revision, 1, entry.arms)
        self._told[self._name] = json.dumps({"payload": shares.serialise(said)})
        write_atomically(self._file, "\n".join(self._told.values()).encode())

    def whole(self) -> None:
        self._next()
        self._node.plan(self._models)
        self._told.clear()


def _resharing(folder: Path, pace: Pace) -> list[Measure]:
    workload = workloads.ALL["W1"]()
    one, two = (servers.version(folder, workload.model, number) for number in (1, 2))
    models = {
        f"m-{number}": replace(servers.released(one), versions={1: one, 2: two}) for number in range(MODELS)
    }
    models[MODEL] = servers.released(one)
    ready = message(servers.infer_path(), workload.json_body(1), BEARER)
    tails: dict[str, list[float]] = {"steady": [], "alone": [], "whole": []}
    cpu: dict[str, list[float]] = {"alone": [], "whole": []}
    with Node(folder, models, [ready]) as node:
        load = Load(node.port, [ready], _CONNECTIONS)
        run(load, seconds=pace.seconds, cpu=CLIENT_CPU)
        weights = _Weights(node, folder / "plan.json", models)
        for _ in range(pace.rounds):
            tails["steady"].append(run(load, seconds=pace.seconds * 2, cpu=CLIENT_CPU).p99_ms)
            for way, change in (("alone", weights.alone), ("whole", weights.whole)):
                changes = Changes(change)
                changes.start()
                tails[way].append(run(load, seconds=pace.seconds * 2, cpu=CLIENT_CPU).p99_ms)
                changes.stop()
            for way, change in (("alone", weights.alone), ("whole", weights.whole)):
                cpu[way].append(_cpu_of(node, change))
    p99, took = ({way: statistics.median(found) for way, found in each.items()} for each in (tails, cpu))
    return [
        Measure(
            f"p99 while {MODELS} models get new weights once a minute, to steady",
            p99["alone"] / p99["steady"],
            "x",
            f"{p99['alone']:.2f} ms; {p99['steady']:.2f} ms steady, {p99['whole']:.2f} ms by whole plans",
            1.25,
        ),
        Measure(
            "CPU of a node for new weights alone, to a plan with them",
            took["alone"] / took["whole"],
            "x",
            f"{took['alone']:.1f} ms; {took['whole']:.1f} ms for a plan of {MODELS + 1} models",
        ),
    ]


def _cpu_of(node: Node, change: Callable[[], None], times: int = 10, apart: float = 0.3) -> float:
    """Milliseconds for one change, beside what the node uses when nothing happens."""
    started = node.cpu_us()
    time.sleep(times * apart)
    idle, before = node.cpu_us() - started, node.cpu_us()
    for _ in range(times):
        change()
        time.sleep(apart)
    return max(node.cpu_us() - before - idle, 0.0) / times / 1000


# ---- looks


def _beside_ticks(folder: Path, pace: Pace) -> list[Measure]:
    folder.mkdir(parents=True, exist_ok=True)
    workload = workloads.ALL["W1"]()
    request = message(servers.infer_path(), workload.json_body(1), BEARER)
    steady, beside = [], []
    with servers.ours(folder / "node", workload) as node, _ticking(folder / "control") as control:
        load = Load(node.port, [request], _CONNECTIONS)
        run(load, seconds=pace.seconds, cpu=CLIENT_CPU)
        for _ in range(pace.rounds):
            control.send_signal(signal.SIGSTOP)
            steady.append(run(load, seconds=pace.seconds * 3, cpu=CLIENT_CPU).p99_ms)
            control.send_signal(signal.SIGCONT)
            beside.append(run(load, seconds=pace.seconds * 3, cpu=CLIENT_CPU).p99_ms)
        control.terminate()
        said = json.loads((control.communicate()[0] or "").splitlines()[-1])
    p99, quiet = statistics.median(beside), statistics.median(steady)
    ticks, alone = sorted(said["ticks"]), sorted(said["alone"])
    return [
        Measure(
            f"a tick's looks at {evidence.ROLLOUTS} open rollouts, half of them each second: p99",
            ticks[int(0.99 * (len(ticks) - 1))],
            "s",
            f"CPU, of {len(ticks)}; median {statistics.median(ticks):.3f} s; {said['questions']} questions",
            0.5,
        ),
        Measure(
            "the same to looks one by one",
            statistics.median(ticks) / statistics.median(alone),
            "x",
            f"median {statistics.median(alone):.3f} s",
            0.4,
        ),
        Measure(
            "p99 of scoring beside these ticks, to steady", p99 / quiet, "x", f"{p99:.2f} ms; {quiet:.2f} ms"
        ),
    ]


@contextmanager
def _ticking(folder: Path) -> Iterator[subprocess.Popen[str]]:
    folder.mkdir(parents=True, exist_ok=True)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("ASSAY_", "S3_"))}
    own |= {"DJANGO_SETTINGS_MODULE": "config.settings", "ASSAY_DATA_DIR": str(folder)}
    control = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], cwd=ROOT, env=own, stdout=subprocess.PIPE, text=True
    )
    try:
        while (line := (control.stdout and control.stdout.readline()) or "") and line.strip() != "ticking":
            pass
        yield control
    finally:
        if control.poll() is None:
            control.kill()
            control.wait()


def main() -> None:
    """Fill a database, then take facts in and look once a second until told to stop; what it took."""
    from django.core.management import call_command

    from registry import wakeups

    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    wakeups.install(lambda queue: None)
    call_command("prepare")
    rollouts = evidence.under_way(evidence.ROLLOUTS)
    took: dict[str, Any] = {"alone": [_timed(_one_by_one, rollouts) for _ in range(4)], "questions": 0}
    ticks: list[float] = []
    print("ticking", flush=True)
    while not stopped.is_set() or len(ticks) < 4:
        fed = len(ticks) % len(rollouts)
        evidence.feed(rollouts[fed], 20)
        if not ticks:
            took["questions"] = _questions(_together, rollouts)
        ticks.append(_timed(_together, rollouts))
        stopped.wait(1.0 - time.time() % 1.0)
    print(json.dumps({**took, "ticks": ticks}))


def _together(rollouts: list[Any]) -> None:
    from releases.services import looking

    looking.look_at_all(rollouts[0].environment, [])


def _one_by_one(rollouts: list[Any]) -> None:
    from django.utils import timezone

    from releases.services import deciding

    for rollout in rollouts[::2]:
        deciding.decide(rollout.pk, [], timezone.now())


def _questions(what: Callable[[list[Any]], None], rollouts: list[Any]) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as asked:
        what(rollouts)
    return sum(query["sql"].startswith("SELECT") for query in asked)


def _timed(what: Callable[[list[Any]], None], rollouts: list[Any]) -> float:
    began = time.process_time()
    what(rollouts)
    return time.process_time() - began
