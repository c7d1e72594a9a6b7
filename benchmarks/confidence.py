"""A confidence set of a million rows: what the server uses for it, beside bare runs of the same batches.

Asked as a proof asks it: the examiner's own code, rows out of a mapped file, binary tensors over a Unix
socket, predictions into a mapped file.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import servers, workloads
from benchmarks.capacity import Pace, session
from benchmarks.closed_loop import message, on_core
from benchmarks.measures import Measure
from benchmarks.servers import BEARER, CLIENT_CPU, Node
from benchmarks.workloads import Workload
from formats.sets import Stacked, TestSet
from registry.manifest import MetricRange
from releases.proof.examiner import confidence
from releases.proof.examiner.answers import ReferenceAnswers
from releases.proof.examiner.asking import Server
from releases.proof.examiner.loading import load
from releases.proof.examiner.progress import Progress
from releases.proof.examiner.spec import Spec

ROWS = 1_000_000
_AIMS = {"W1": None, "W2": 0.8, "W3": 0.8}
_BLOCK = 10_000
_METRIC = MetricRange("accuracy", "probabilities", (0.0, 1.0))


def measure(folder: Path, pace: Pace, names: Sequence[str] = tuple(_AIMS), rows: int = ROWS) -> list[Measure]:
    rounds = max(pace.rounds // 2, 1)
    return [_measure(workloads.ALL[name](), folder / name, rounds, rows, _AIMS[name]) for name in names]


def _measure(workload: Workload, folder: Path, rounds: int, rows: int, aim: float | None) -> Measure:
    only = servers.version(folder, workload.model)
    spec = Spec(
        socket=folder / "node.sock",
        model=servers.MODEL,
        version=only.number,
        sets={"confidence": _written(folder / "confidence.npz", workload, rows)},
        signature=only.signature,
        metric=_METRIC,
        scratch=folder,
        token=servers.TOKEN,
    )
    found = load(spec, "confidence")
    bare: list[float] = []
    served: list[float] = []
    asked = confidence.Asked(np.empty(0), np.empty(0), 0, 0, 0)
    ready = message(servers.infer_path(), workload.json_body(1), BEARER)
    node = Node(folder, {servers.MODEL: servers.released(only)}, [ready], socket=spec.socket)
    with node, on_core(CLIENT_CPU):
        for _ in range(rounds + 1):
            used, begun = node.cpu_us(), time.perf_counter()
            asked = _asked(spec, found)
            seconds = time.perf_counter() - begun
            served.append((node.cpu_us() - used) / 1e6)
            bare.append(_run_bare(workload, found, asked.rows_per_call))
    ours, theirs = (statistics.median(times[1:]) for times in (served, bare))
    return Measure(
        f"{workload.name}, confidence set of {rows:,} rows: capacity to bare runs of the same batches",
        theirs / ours,
        "x",
        f"CPU {ours:.2f} s, bare {theirs:.2f} s, {seconds:.2f} s in all;"
        f" {asked.rows_per_call:,} rows a call, {asked.sampled} of them again alone",
        aim,
        least=True,
    )


def _asked(spec: Spec, found: TestSet) -> confidence.Asked:
    server = Server(spec)
    try:
        return confidence.ask(spec, found, server, ReferenceAnswers(), Progress(spec.scratch))
    finally:
        server.close()


def _run_bare(workload: Workload, found: TestSet, per_call: int) -> float:
    """CPU seconds of `session.run` over all rows, out of the same mapped file."""
    assert isinstance(found.inputs, Stacked)
    bare: Any = session(workload)
    begun = time.process_time()
    for start in range(0, found.rows, per_call):
        bare.run(["probabilities"], found.inputs.rows(start, start + per_call))
    return time.process_time() - begun


def _written(path: Path, workload: Workload, rows: int) -> Path:
    """A set as CI would upload it: inputs and the truth, stored uncompressed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    block = workload.rows(min(rows, _BLOCK))
    inputs = np.resize(block, (rows, *workload.row))
    columns: dict[str, Any] = {"inputs/x": inputs, "target": np.zeros(rows, np.int64)}
    np.savez(path, **columns)
    return path
