"""`python -m benchmarks.scoring`: CPU per request of our server, against FastAPI and against the bounds.

CPU microseconds per request of the whole server, because wall time on a shared machine is
noise. A and B are measured in turn, and ratios are ratios of medians.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import closed_loop, servers, workloads
from benchmarks.workloads import Workload
from scoring.runtime.onnx import Options

_PEERS = Path(".venv-peers/bin/python")


def main() -> int:
    arguments = _parser().parse_args()
    python = arguments.peers_python or _peers_python()
    if python is None:
        sys.stderr.write("FastAPI is not installed: measuring ours and the bounds only (make bench-peers)\n")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.workloads.split(","):
            workload = workloads.ALL[name]()
            for count in map(int, arguments.rows.split(",")):
                rows.append(_measure(workload, count, Path(folder) / f"{name}-{count}", python, arguments))
                sys.stdout.write(_line(rows[-1]) + "\n")
                sys.stdout.flush()
    if arguments.json:
        machine = {"cpu": _cpu_name(), "cores": os.cpu_count(), "load": os.getloadavg()[0]}
        document = {"at": time.time(), "machine": machine, "arguments": vars(arguments) | {"json": None}}
        Path(arguments.json).write_text(json.dumps({**document, "rows": rows}, indent=1, default=str))
    return 0


def _measure(
    workload: Workload, count: int, folder: Path, python: str | None, arguments: argparse.Namespace
) -> dict[str, Any]:
    core, other = (0, 1) if (os.cpu_count() or 1) > 1 else (None, None)
    token = {"Authorization": f"Bearer {servers.TOKEN}"}
    path = f"/v2/models/{servers.MODEL}/infer"
    body = workload.json_body(count)
    binary, length = workload.binary_body(count)
    binary_head = {**token, "Inference-Header-Content-Length": str(length)}
    with ExitStack() as stack:
        own = stack.enter_context(servers.ours(folder / "ours", workload, core))
        bound = stack.enter_context(servers.hello(core))
        runs: dict[str, tuple[servers.Server, bytes]] = {
            "ours": (own, closed_loop.message(path, body, token)),
            "ours binary": (own, closed_loop.message(path, binary, binary_head)),
            "hello": (bound, closed_loop.message(path, body, token)),
        }
        if python is not None:
            peer = stack.enter_context(servers.fastapi(folder / "fastapi", python, workload, core))
            runs["fastapi"] = (peer, closed_loop.message(path, body, {}))
        found: dict[str, list[tuple[float, closed_loop.Measured]]] = {name: [] for name in runs}
        for turn in range(arguments.rounds + 1):
            for name, (server, request) in runs.items():
                used = server.cpu_us()
                seen = closed_loop.run(
                    server.port,
                    request,
                    connections=arguments.connections,
                    seconds=arguments.seconds,
                    cpu=other,
                )
                if seen.failed:
                    raise RuntimeError(f"{name} failed {seen.failed} of {seen.requests} requests")
                if turn:  # the first turn warms up
                    found[name].append(((server.cpu_us() - used) / seen.requests, seen))
    return _row(workload, count, found, _run_us(workload, count))


def _row(
    workload: Workload,
    count: int,
    found: dict[str, list[tuple[float, closed_loop.Measured]]],
    run_us: float,
) -> dict[str, Any]:
    cpu = {name: statistics.median(used for used, _ in each) for name, each in found.items()}
    row: dict[str, Any] = {
        "workload": workload.name,
        "words": workload.words,
        "rows": count,
        "run_us": run_us,
    }
    row["cpu_us"] = cpu
    row["p50_ms"] = {n: statistics.median(seen.p50_ms for _, seen in each) for n, each in found.items()}
    row["p99_ms"] = {n: statistics.median(seen.p99_ms for _, seen in each) for n, each in found.items()}
    row["to_bounds"] = cpu["ours"] / (cpu["hello"] + run_us)
    if "fastapi" in cpu:
        row["to_fastapi"] = cpu["fastapi"] / cpu["ours"]
        row["binary_to_fastapi"] = cpu["fastapi"] / cpu["ours binary"]
    return row


def _run_us(workload: Workload, count: int) -> float:
    """CPU microseconds of one bare `session.run` in a loop: the other bound."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        workload.model, Options().session_options(), providers=["CPUExecutionProvider"]
    )
    feed = {"x": workload.rows(count)}
    return min(_timed(lambda: session.run(None, feed)) for _ in range(5))


def _timed(call: Callable[[], object], seconds: float = 0.2) -> float:
    call()
    started, calls = time.process_time(), 0
    while (spent := time.process_time() - started) < seconds:
        call()
        calls += 1
    return spent / calls * 1e6


def _line(row: dict[str, Any]) -> str:
    cpu = row["cpu_us"]
    cells = [f"{row['workload']} x{row['rows']:<4}"]
    cells += [f"{name} {cpu[name]:9.1f} us" for name in cpu]
    cells += [f"run {row['run_us']:8.1f} us", f"to bounds {row['to_bounds']:.2f}"]
    if "to_fastapi" in row:
        cells += [f"to FastAPI {row['to_fastapi']:.1f}x", f"binary {row['binary_to_fastapi']:.1f}x"]
    return "  ".join(cells)


def _peers_python() -> str | None:
    if _PEERS.exists():
        return str(_PEERS)
    there = all(importlib.util.find_spec(name) for name in ("fastapi", "uvicorn"))
    return sys.executable if there else None


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scoring", description=__doc__)
    parser.add_argument("--workloads", default="W1,W2,W3,W4")
    parser.add_argument("--rows", default="1,100", help="rows per request, by comma")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--peers-python", help="an interpreter that has fastapi, uvicorn and onnxruntime")
    parser.add_argument("--json", help="write the figures to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
