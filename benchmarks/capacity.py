"""CPU per request: ours, the bounds, and whoever of the peers is installed, on the same four workloads.

CPU microseconds per request of a whole server, because wall time on a shared machine is noise. All
stand side by side, pinned to one core, and are asked in turn; figures are medians of the rounds.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import servers
from benchmarks.closed_loop import BadAnswer, Load, Measured, ask_once, message, on_core, run
from benchmarks.peers.catalog import Peer, from_protocol
from benchmarks.servers import BEARER, CLIENT_CPU, Server
from benchmarks.workloads import Workload
from scoring.runtime.onnx import Options

# Above this JSON would go beyond what a server takes by default: such a case is left out.
_LARGEST_BODY = 4 << 20
_WARM_UP = 0.25
# Asking for the time is a system call, and costs a good part of a small model's run.
_AT_ONCE = 8
_Read = Callable[[bytes, bytes], Any]
OURS, BINARY, HELLO = "Assay", "Assay, binary tensors", "HTTP hello"
BARE = "the same libraries, bare"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long is measured. `connections` of each load; what warms up is not counted."""

    seconds: float
    rounds: int
    connections: int = 16


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one server in one case, medians of the rounds."""

    cpu_us: float
    rate: float
    p50_ms: float
    p99_ms: float


@dataclass(slots=True)
class _Runner:
    """One server with one request; `read` gets the probabilities from head and body of its answer."""

    name: str
    server: Server
    request: bytes
    read: _Read | None
    found: list[tuple[float, Measured]] = field(default_factory=list)

    def turn(self, pace: Pace) -> None:
        """One run. What a server had in memory may have gone while the others were asked: its
        return is not counted."""
        load = Load(self.server.port, [self.request], pace.connections)
        run(load, seconds=pace.seconds * _WARM_UP, cpu=CLIENT_CPU)
        used = self.server.cpu_us()
        seen = run(load, seconds=pace.seconds, cpu=CLIENT_CPU)
        self.found.append(((self.server.cpu_us() - used) / seen.requests, seen))

    def figures(self) -> Figures:
        def middle(of: Callable[[Measured], float]) -> float:
            return statistics.median(of(seen) for _, seen in self.found)

        return Figures(
            statistics.median(used for used, _ in self.found),
            middle(lambda seen: seen.rate),
            middle(lambda seen: seen.p50_ms),
            middle(lambda seen: seen.p99_ms),
        )


class _BareRuns:
    """`session.run` in a loop, without any server: the other bound. Takes its turn like the servers."""

    def __init__(self, workload: Workload, count: int) -> None:
        self._run = session(workload).run
        self._feed = _feed(workload, count)
        self._found: list[float] = []

    def turn(self, pace: Pace) -> None:
        with on_core(CLIENT_CPU):
            _cpu_us(lambda: self._run(None, self._feed), pace.seconds * _WARM_UP)
            self._found.append(_cpu_us(lambda: self._run(None, self._feed), pace.seconds * _WARM_UP))

    def cpu_us(self) -> float:
        """CPU microseconds of one run, median of the rounds."""
        return statistics.median(self._found)


def measure(
    workload: Workload,
    counts: Sequence[int],
    peers: Sequence[Peer],
    pace: Pace,
    folder: Path,
    absent: dict[str, str],
) -> Iterator[dict[str, Any]]:
    """One case for each number of rows per request: what `report` shows as a table.

    A peer that does not start, answers wrongly or fails goes into `absent` with the reason; the
    others go on.
    """
    with ExitStack() as stack:
        own = stack.enter_context(servers.ours(folder / "ours", workload))
        bound = stack.enter_context(servers.hello(folder / "hello"))
        bare = stack.enter_context(servers.bare(folder / "bare", workload))
        started = _started(peers, workload, folder, stack, absent)
        for count in counts:
            if len(workload.json_body(count)) > _LARGEST_BODY:
                continue
            runners = [
                *_ours(own, workload, count),
                _Runner(BARE, bare, message("/", workload.json_body(count)), _from_json),
                _Runner(HELLO, bound, message("/", workload.json_body(count)), None),
                *(
                    _Runner(peer.title, server, peer.request(workload, count), _reader(peer))
                    for peer, server in started
                ),
            ]
            _prove(workload, count, runners, absent)
            bare_runs = _BareRuns(workload, count)
            _take_turns(runners, bare_runs, pace, absent)
            yield _case(workload, count, runners, bare_runs.cpu_us())


def _started(
    peers: Sequence[Peer], workload: Workload, folder: Path, stack: ExitStack, absent: dict[str, str]
) -> list[tuple[Peer, Server]]:
    started = []
    for peer in peers:
        try:
            started.append((peer, stack.enter_context(peer.start(folder / peer.name, workload))))
        except RuntimeError as error:
            _leave_out(f"{peer.title}, {workload.name}", error, absent)
    return started


def _take_turns(runners: list[_Runner], bare_runs: _BareRuns, pace: Pace, absent: dict[str, str]) -> None:
    for _ in range(pace.rounds):
        bare_runs.turn(pace)
        for runner in list(runners):
            try:
                runner.turn(pace)
            except BadAnswer as error:
                if runner.name in (OURS, BINARY, HELLO):
                    raise
                runners.remove(runner)
                _leave_out(runner.name, error, absent)


def _leave_out(name: str, error: Exception, absent: dict[str, str]) -> None:
    absent[name] = str(error).splitlines()[0][:300]
    sys.stderr.write(f"{name} is left out: {error}\n")


def _ours(own: Server, workload: Workload, count: int) -> list[_Runner]:
    binary, length = workload.binary_body(count)
    head = {**BEARER, "Inference-Header-Content-Length": str(length)}
    path = servers.infer_path()
    return [
        _Runner(OURS, own, message(path, workload.json_body(count), BEARER), _from_json),
        _Runner(BINARY, own, message(path, binary, head), _from_binary),
    ]


def _prove(workload: Workload, count: int, runners: list[_Runner], absent: dict[str, str]) -> None:
    """A benchmark of wrong answers is worth nothing: whoever differs from onnxruntime is left out."""
    (expected,) = session(workload).run(["probabilities"], _feed(workload, count))
    for runner in list(runners):
        if runner.read is None:
            continue
        try:
            answer = runner.read(*ask_once(runner.server.port, runner.request))
            if answer.shape != expected.shape or not np.allclose(answer, expected, rtol=1e-3, atol=1e-5):
                raise BadAnswer(f"{runner.name} answers {workload.name} wrongly")
        except (BadAnswer, OSError, ValueError, KeyError) as error:
            if runner.name in (OURS, BINARY):
                raise
            runners.remove(runner)
            _leave_out(runner.name, error, absent)


def _reader(peer: Peer) -> _Read:
    return lambda _, body: peer.probabilities(json.loads(body))


def _from_json(_: bytes, body: bytes) -> Any:
    return from_protocol(json.loads(body))


def _from_binary(head: bytes, body: bytes) -> Any:
    place = head.lower().index(b"inference-header-content-length:")
    length = int(head[place:].split(b"\r\n")[0].partition(b":")[2])
    rest = memoryview(body)[length:]
    for tensor in json.loads(body[:length])["outputs"]:
        size = tensor["parameters"]["binary_data_size"]
        if tensor["name"] == "probabilities":
            return np.frombuffer(rest[:size], "<f4").reshape(tensor["shape"])
        rest = rest[size:]
    raise BadAnswer("no probabilities among the binary tensors")


def _case(workload: Workload, count: int, runners: Sequence[_Runner], run_us: float) -> dict[str, Any]:
    """JSON of one case. `to_fastapi`: how many times as many requests one core answers."""
    found = {runner.name: runner.figures() for runner in runners}
    bounds = found[HELLO].cpu_us + run_us
    fastapi = found.get("FastAPI")
    rows = {}
    for name, figures in found.items():
        rows[name] = {key: _short(value) for key, value in asdict(figures).items()}
        if name != HELLO:
            rows[name]["to_bounds"] = _short(figures.cpu_us / bounds)
            if fastapi is not None:
                rows[name]["to_fastapi"] = _short(fastapi.cpu_us / figures.cpu_us)
    return {
        "workload": workload.name,
        "words": workload.words,
        "rows": count,
        "run_us": _short(run_us),
        "servers": rows,
    }


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def session(workload: Workload) -> Any:
    """A bare session of onnxruntime with the options that ours has."""
    import onnxruntime

    options = Options().session_options()
    return onnxruntime.InferenceSession(workload.model, options, providers=["CPUExecutionProvider"])


def _feed(workload: Workload, count: int) -> dict[str, Any]:
    return {"x": workload.rows(count)}


def _cpu_us(call: Callable[[], object], seconds: float) -> float:
    """CPU microseconds of one call, over as many as take `seconds`; a few of them between two looks."""
    started, calls = time.process_time(), 0
    while (spent := time.process_time() - started) < seconds:
        for _ in range(_AT_ONCE):
            call()
        calls += _AT_ONCE
    return spent / calls * 1e6
