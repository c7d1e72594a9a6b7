"""Servers under measurement: started, pinned to one core, their CPU time read from the kernel."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from benchmarks.closed_loop import BadAnswer, ask_once, message
from benchmarks.workloads import Workload
from formats.documents import Hex
from formats.plan import (
    WHOLE,
    Arm,
    ArtifactRef,
    ModelPlan,
    PlannedToken,
    PlannedVersion,
    RoutingPlan,
    serialise,
)
from formats.serving import Serving
from scoring.artifacts import blob_path
from scoring.node.files import write_atomically
from scoring.runtime.onnx import load
from scoring.runtime.pipe import signature_of

ROOT = Path(__file__).parents[1]
TOKEN = "assay_bench_token"  # noqa: S105 - opens nothing but the benchmark
BEARER = {"Authorization": f"Bearer {TOKEN}"}
MODEL = "bench"
SERVER_CPU, CLIENT_CPU = (0, 1) if (os.cpu_count() or 1) > 1 else (None, None)
_START_SECONDS = 120.0
# Nobody who measures has asked to be counted, and the threads of numpy's library are not the server's.
_QUIET = {
    "BENTOML_DO_NOT_TRACK": "True",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "ORT_DISABLE_TELEMETRY": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


class Server:
    """A process tree on a port or a Unix socket, ready once it answers each of `ready` with 200."""

    def __init__(
        self,
        command: Sequence[str],
        where: int | Path,
        ready: Sequence[bytes],
        log: Path,
        *,
        settings: Mapping[str, str] = MappingProxyType({}),
        pinned: bool = True,
    ) -> None:
        self._where = where
        self._log = log
        started = time.perf_counter()
        with log.open("wb") as stream:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **_QUIET, **settings},
                start_new_session=True,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait(ready)
            self.start_seconds = time.perf_counter() - started
            if pinned:
                self._pin()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        assert isinstance(self._where, int)
        return self._where

    def pids(self) -> list[int]:
        found = [self._process.pid]
        for pid in found:
            for task in _tasks(pid):
                with contextlib.suppress(OSError):
                    found += map(int, (task / "children").read_text().split())
        return found

    def cpu_us(self) -> float:
        """CPU time that the whole tree has used."""
        total = 0
        for pid in self.pids():
            for task in _tasks(pid):
                with contextlib.suppress(OSError):
                    total += int((task / "schedstat").read_text().split()[0])
        return total / 1000

    def stop(self) -> None:
        pids = self.pids()
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
        for pid in pids:
            if pid != self._process.pid or self._process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def _pin(self) -> None:
        if SERVER_CPU is None:
            return
        for pid in self.pids():
            for task in _tasks(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(int(task.name), {SERVER_CPU})

    def _probe(self, ready: Sequence[bytes]) -> None:
        """Raises OSError or BadAnswer while the server does not answer."""
        for request in ready:
            ask_once(self._where, request)

    def _wait(self, ready: Sequence[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self._probe(ready)
                return
            except (OSError, BadAnswer) as error:
                reason = str(error)
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = self._log.read_text(errors="replace").strip().replace(f"{ROOT}/", "")
                last = said.rpartition("\n")[2]
                raise RuntimeError(f"the server did not start ({reason}): {last}\n{said}")
            time.sleep(0.01)


class Node(Server):
    """A scoring node of one worker with everything on: routing, tokens, request ids, metrics."""

    def __init__(
        self,
        folder: Path,
        models: Mapping[str, ModelPlan],
        ready: Sequence[bytes],
        *more: str,
        socket: Path | None = None,
    ) -> None:
        self._plan = folder / "plan.json"
        self._sequence = 0
        self.plan(models)
        where = socket or free_port()
        command = [
            *(sys.executable, "-m", "scoring", "--unsigned", "--plan", str(self._plan)),
            *("--data", str(folder / "data"), "--store", f"file:{folder / 'store'}"),
            *("--socket" if socket else "--port", str(where), "--workers", "1", *more),
        ]
        super().__init__(command, where, ready, folder / "node.log")

    def plan(self, models: Mapping[str, ModelPlan]) -> None:
        """Hand the node its next plan."""
        self._sequence += 1
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        token = PlannedToken("bench", digest, frozenset({"score"}), frozenset({"*"}))
        payload = serialise(RoutingPlan("production", self._sequence, 0.0, models, (token,)))
        write_atomically(self._plan, json.dumps({"payload": payload}).encode())

    def workers(self) -> list[int]:
        words = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in self.pids()}
        return [pid for pid, line in words.items() if b"scoring.worker" in line]


def version(folder: Path, model: bytes, number: int = 1, *, cache_mb: int = 0) -> PlannedVersion:
    """A version of a model, put into the store that the node of this folder reads."""
    digest = hashlib.sha256(model).hexdigest()
    place = folder / "store" / blob_path(digest)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(model)
    signature = signature_of(None, load(place, digest))
    ref, serving = ArtifactRef(digest, len(model)), Serving(cache_mb=cache_mb)
    return PlannedVersion(number, digest, ref, signature, batchable=True, serving=serving)


def released(only: PlannedVersion, revision: int = 1) -> ModelPlan:
    """A plan that sends all traffic of a model to one version."""
    return ModelPlan(revision, Hex(b"bench"), (Arm(only.number, WHOLE, "champion"),), {only.number: only})


def infer_path(model: str = MODEL) -> str:
    return f"/v2/models/{model}/infer"


def ours(folder: Path, workload: Workload, *more: str, cache_mb: int = 0) -> Node:
    """A node that serves one workload under the name `MODEL`."""
    only = version(folder, workload.model, cache_mb=cache_mb)
    ready = message(infer_path(), workload.json_body(1), BEARER)
    return Node(folder, {MODEL: released(only)}, [ready], *more)


def hello(folder: Path) -> Server:
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.peers.hello", str(port)]
    return Server(command, port, [message("/", b"{}")], folder / "hello.log")


def bare(folder: Path, workload: Workload) -> Server:
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "model.onnx"
    model.write_bytes(workload.model)
    command = [sys.executable, "-m", "benchmarks.peers.bare", str(port), str(model)]
    return Server(command, port, [message("/", workload.json_body(1))], folder / "bare.log")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pss_mb(pid: int) -> float:
    """Memory of a process, pages shared with others in part; 0 of one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("Pss:")), 0.0)


def _tasks(pid: int) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from list(Path(f"/proc/{pid}/task").iterdir())
