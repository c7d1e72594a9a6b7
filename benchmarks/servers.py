"""Servers under measurement: started, pinned to one core, their CPU time read from the kernel."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from benchmarks.workloads import Workload
from scoring.artifacts import blob_path
from scoring.plans import ArtifactRef, ModelPlan, PlannedToken, PlannedVersion, RoutingPlan, serialise
from scoring.routing import WHOLE, Arm
from scoring.runtime.onnx import load
from scoring.runtime.pipe import signature_of

ROOT = Path(__file__).parents[1]
TOKEN = "assay_bench_token"  # noqa: S105 - opens nothing but the benchmark
MODEL = "bench"
_START_SECONDS = 60.0


class Server:
    """A process tree on a port. `cpu_us` is what all of it has used."""

    def __init__(self, command: Sequence[str], port: int, cpu: int | None, *, ready_path: str) -> None:
        self.port = port
        self._process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
        try:
            self._wait(ready_path)
        except BaseException:
            self.stop()
            raise
        if cpu is not None:
            for pid in self.pids():
                for task in Path(f"/proc/{pid}/task").iterdir():
                    os.sched_setaffinity(int(task.name), {cpu})

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def pids(self) -> list[int]:
        found = [self._process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        return found

    def cpu_us(self) -> float:
        total = 0
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        return total / 1000

    def stop(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def _wait(self, path: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        request = f"GET {path} HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
        while True:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start: {self._process.args!r}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=2) as probe:
                    probe.sendall(request)
                    if probe.recv(64).split()[1] in {b"200", b"404"} and path != "/v2/models/bench":
                        return
                    if probe.recv(1) and self._answers(request):
                        return
            except (OSError, IndexError):
                pass
            time.sleep(0.05)

    def _answers(self, request: bytes) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), timeout=2) as probe:
            probe.sendall(request)
            return probe.recv(64).startswith(b"HTTP/1.1 200")


def ours(folder: Path, workload: Workload, cpu: int | None) -> Server:
    """A scoring node of one worker with everything on: routing, tokens, request ids, metrics."""
    folder.mkdir(parents=True, exist_ok=True)
    ref = _stored(folder / "store", workload.model)
    graph = load(folder / "store" / blob_path(ref.sha256), ref.sha256)
    version = PlannedVersion(1, ref.sha256, ref, signature_of(None, graph), batching=True)
    token = PlannedToken(
        "bench", hashlib.sha256(TOKEN.encode()).hexdigest(), frozenset({"score"}), frozenset({"*"})
    )
    plan = ModelPlan(1, b"bench", (Arm(1, WHOLE, "champion"),), {1: version})
    payload = serialise(RoutingPlan("production", 1, 0.0, {MODEL: plan}, (token,)))
    (folder / "plan.json").write_text(json.dumps({"payload": payload}))
    port = free_port()
    command = [
        *(sys.executable, "-m", "scoring", "--unsigned", "--plan", str(folder / "plan.json")),
        *("--data", str(folder / "data"), "--store", f"file:{folder / 'store'}"),
        *("--port", str(port), "--workers", "1"),
    ]
    return Server(command, port, cpu, ready_path="/v2/models/bench")


def fastapi(folder: Path, python: str, workload: Workload, cpu: int | None) -> Server:
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "model.onnx"
    model.write_bytes(workload.model)
    port = free_port()
    app = str(ROOT / "benchmarks" / "peers" / "fastapi_app.py")
    return Server([python, app, str(port), str(model)], port, cpu, ready_path="/docs")


def hello(cpu: int | None) -> Server:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.peers.hello", str(port)]
    return Server(command, port, cpu, ready_path="/")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stored(root: Path, content: bytes) -> ArtifactRef:
    digest = hashlib.sha256(content).hexdigest()
    place = root / blob_path(digest)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return ArtifactRef(digest, len(content))
