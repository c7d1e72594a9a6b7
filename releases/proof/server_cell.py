"""The cell that has the model's files: laid out, started, and ready to answer or at fault.

It runs a node that serves one version alone. What it writes is read for the words of a fault only.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from formats.plan import PlannedVersion
from registry import sandbox
from registry.sandbox import Cell, Finished, Limits, Mount
from registry.sandbox.limits import GIB, patience
from registry.sandbox.sockets import connect
from scoring.artifacts import blob_path
from scoring.node.plans import alone
from scoring.node.versions.loading import NOT_FETCHED
from scoring.node.versions.memory import COPIES
from scoring.node.versions.weights import APART, beside

# its node starts the worker, which seals itself before it has the model
SERVER_LIMITS = Limits(memory_bytes=4 * GIB, processes=128, file_bytes=GIB, programs=True)
SOCKET = "/socket/scoring.sock"
_CORES_OF_A_PROCESS = 2
"""The clock on the wall ends a cell; processor time is there for what spins in many threads."""
_NOT_LOADED = "%s could not be loaded: the runtime refuses it, or it kills the process that loads it."
_CANNOT = "cannot be served here:"
_POLL_S = 0.01
"""Beside a start of half a second; the socket appears once."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is proven: a version as a node would load it, and where its bytes lie by digest."""

    model: str
    version: PlannedVersion
    blobs: Mapping[str, Path]


def lay_out(folder: Path, subject: Subject) -> None:
    """What the cell is lent: the version, and its bytes where its node looks for them."""
    for ref in subject.version.artifacts():
        place = folder / "store" / blob_path(ref.sha256)
        if not place.exists():
            link(subject.blobs[ref.sha256], place)
    _lay_out_weights(folder / "store", subject.version)
    (folder / "version.json").write_text(alone.written(subject.model, subject.version))


def _lay_out_weights(store: Path, version: PlannedVersion) -> None:
    """Weights beside the graph as the cell's node would lay them out, so that it copies none of them."""
    if version.weights:
        cached = {place: store / blob_path(ref.sha256) for place, ref in version.weights.items()}
        beside(store / APART, version, cached, ("", ""))


def link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, target)


def start(
    folder: Path, socket: Path, version: PlannedVersion, seconds: float, allow_unisolated: bool
) -> Cell:
    mapped = sum(ref.size for ref in version.weights.values())
    graphs = sum(ref.size for ref in version.artifacts()) - mapped
    limits = _roomy(lasting(SERVER_LIMITS, seconds), graphs, mapped)
    argv = [
        *sandbox.python("scoring"),
        *("--version", "/server/version.json", "--socket", SOCKET, "--workers", "1"),
        *("--data", "/tmp/node", "--store", "file:/server/store"),  # noqa: S108 - the cell's own tmpfs
        *("--node", "cell"),
        *(("--artifacts", "/server/store") if _lies_in_place(graphs, mapped, limits) else ()),
    ]
    mounts = [Mount(folder, "/server"), Mount(socket, "/socket", writable=True)]
    return sandbox.start(argv, mounts=mounts, limits=limits, allow_unisolated=allow_unisolated)


def _lies_in_place(graphs: int, mapped: int, limits: Limits) -> bool:
    """Whether the node does without copies of its own: with the weights apart there would be two of each."""
    return mapped > 0 or 2 * graphs > limits.file_bytes


def _roomy(limits: Limits, graphs: int, mapped: int) -> Limits:
    """With the memory that graphs of so many bytes take while they load, and weights that are mapped."""
    return replace(limits, memory_bytes=max(limits.memory_bytes, GIB + 5 * graphs) + COPIES * mapped)


def lasting(limits: Limits, seconds: float) -> Limits:
    """The same for so long; a process of a cell may have two cores all the while."""
    return replace(limits, wall_seconds=seconds, cpu_seconds=int(seconds * _CORES_OF_A_PROCESS) + 1)


def fault_of(server: Cell, path: Path, subject: Subject, what: str) -> str:
    """Empty when the server is ready to answer for the model, else what happened to it, which is `what`.

    Raises OSError where its node could not lay out what it was to load.
    """
    seconds = patience(sum(ref.size for ref in subject.version.artifacts()))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if died := server.poll():
            return f"{what} could not be loaded: the scoring server {died.sentence}{last_words(died)}."
        if _says_yes(path, "/v2/health/ready"):
            # A node is ready too when it has given the model up.
            ready = _says_yes(path, f"/v2/models/{subject.model}/ready")
            return "" if ready else _given_up(server, what)
        time.sleep(_POLL_S)
    return f"{what} was not loaded within {seconds:.0f} s."


def _given_up(server: Cell, what: str) -> str:
    """Why the node in the cell has given the model up, in the words that it wrote into its log."""
    server.kill()
    for line in reversed(server.finish().stderr.decode(errors="replace").splitlines()):
        _, said, why = line.partition(_CANNOT)
        if not (told := why.strip()[:300].rstrip(".")) or not said:
            continue
        if told.startswith(NOT_FETCHED):
            raise OSError(f"in the cell, {told}")
        return f"{what} could not be loaded: {told}."
    return _NOT_LOADED % what


def _says_yes(path: Path, target: str) -> bool:
    """The status line alone is read: it comes from a process that may be the model's."""
    try:
        with connect(path, 5) as client:
            client.sendall(f"GET {target} HTTP/1.1\r\nHost: cell\r\nConnection: close\r\n\r\n".encode())
            return client.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def last_words(finished: Finished) -> str:
    words = finished.stderr.decode(errors="replace").strip().splitlines()
    return f" ({words[-1][:300]})" if words else ""
