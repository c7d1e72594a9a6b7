"""Two cells for a proof: one runs the model, the other asks it. Neither sees what the other has.

The *server* cell has the model's files and never an expected answer; the *examiner* cell has the
sets and never the model's bytes. They share one folder with one Unix socket. This process parses
nothing that either wrote, but the examiner's result, which is checked against its schema; the
clock and the memory meter are its own.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from formats.plan import PlannedVersion
from registry import sandbox
from registry.sandbox import Cell, Ending, Finished, Limits, Mount
from registry.sandbox.limits import patience
from registry.sandbox.sockets import connect
from releases.proof.examiner import progress, result
from releases.proof.examiner.progress import Report
from releases.proof.room import Room
from scoring.artifacts import blob_path
from scoring.node.plans import alone
from scoring.node.versions.loading import NOT_FETCHED
from scoring.node.versions.memory import COPIES
from scoring.node.versions.weights import APART, beside

GIB = 1 << 30
# its node starts the worker, which seals itself before it has the model
SERVER_LIMITS = Limits(memory_bytes=4 * GIB, processes=128, file_bytes=GIB, programs=True)
EXAMINER_LIMITS = Limits(memory_bytes=4 * GIB, processes=128, file_bytes=4 * GIB)
LOOK_EVERY_S = 1.0
STALLS_AFTER_S = 900.0
"""Chosen, not measured: many times what any one call of an examination may take."""
_SERVER_OUTLIVES_S = 60.0
_CORES_OF_A_PROCESS = 2
_NOT_LOADED = "%s could not be loaded: the runtime refuses it, or it kills the process that loads it."
_MODEL, _METRIC = "The model", "The metric's graph"
_CANNOT = "cannot be served here:"
_POLL_S = 0.01
_SOCKET = "/socket/scoring.sock"


class ExaminerBroke(Exception):
    """The examiner ended by itself and said nothing that can be used."""


class OutOfTime(Exception):
    """The proof was not at its end when its time was up. That says nothing about the model."""


Watch = Callable[[Report], None]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is proven: a version as a node would load it, and where its bytes lie by digest."""

    model: str
    version: PlannedVersion
    blobs: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of it. `fault` is a sentence about the model where it could not be examined at all."""

    examination: result.Examination | None
    fault: str = ""
    load_ms: float = 0.0
    peak_memory_bytes: int = 0
    scratch: Path | None = None
    hardware: Mapping[str, object] = field(default_factory=dict)

    @property
    def hopeless(self) -> str:
        """Why another examination would end as this one did, or nothing."""
        return self.fault if self.examination is None else self.examination.hangs or ""


def prove(
    work: Path,
    subject: Subject,
    sets: Mapping[str, Path],
    spec: Mapping[str, object],
    *,
    seconds: float,
    watch: Watch = lambda report: None,
    room: Room | None = None,
    champion_predictions: Path | None = None,
    own_metric: Subject | None = None,
    allow_unisolated: bool = False,
) -> Proof:
    """Start both cells in `work` (an empty folder of ours) and let the examiner do what `spec["do"]` says.

    It may take `seconds`, while it gets on; `watch` hears of that every second, and what it raises ends
    the proof. Where it is `room` that others want for themselves, it pauses and steps out.

    The version's own metric, where it brings one along, runs in a third cell: it is as little trusted as
    the model, and sees what the model never sees.

    `spec` has the examiner's `rows`, `signature`, `metric`, `do`, `seed` and `benchmark`. A model that
    dies, hangs or answers nonsense gives a Proof with a fault or findings. Raises NoSandbox, OSError,
    ExaminerBroke and OutOfTime: those are our own trouble.
    """
    lent = _lay_out(work, subject, sets, champion_predictions, own_metric)
    started = time.perf_counter()
    lasts = seconds + _SERVER_OUTLIVES_S
    with ExitStack() as cells:
        server = cells.enter_context(
            _server(lent.server, lent.socket, subject.version, lasts, allow_unisolated)
        )
        if fault := _await_ready(server, lent.socket / "scoring.sock", subject, _MODEL):
            return Proof(None, fault, peak_memory_bytes=server.peak_memory_bytes())
        load_ms = (time.perf_counter() - started) * 1000
        if own_metric is not None:
            judge = cells.enter_context(
                _server(lent.judge, lent.judge_socket, own_metric.version, lasts, allow_unisolated)
            )
            if fault := _await_ready(judge, lent.judge_socket / "scoring.sock", own_metric, _METRIC):
                return Proof(None, fault, load_ms)
        order = _order(subject, sets, spec, champion_predictions is not None, own_metric)
        finished = _examine(lent, order, seconds, watch, room, allow_unisolated)
        died = server.poll()
        peak = server.peak_memory_bytes()
    if died is not None:
        return Proof(
            None, f"The scoring server with this model {died.sentence}{_last_words(died)}.", load_ms, peak
        )
    if finished.ending is Ending.EXITED:
        return Proof(_told(finished), "", load_ms, peak, lent.scratch, hardware())
    if finished.ending is Ending.WALL_CLOCK:
        raise OutOfTime(_so_far(progress.read(lent.scratch)))
    return Proof(None, f"The examination {finished.sentence}{_last_words(finished)}.", load_ms, peak)


def _so_far(report: Report | None) -> str:
    if report is None:
        return "the proof did not end in the time that the model's policy gives it (proof_minutes)"
    return (
        "the proof did not end in the time that the model's policy gives it (proof_minutes):"
        f" {report.done:,} of {report.of:,} steps of the {report.part.replace('_', '-')} part were done"
    )


def _told(finished: Finished) -> result.Examination:
    """What the examiner says. It turns bad sets and bad models into findings itself, so an exit without
    a result is a fault of ours: ExaminerBroke, which decides nothing about the model."""
    try:
        return result.parse(finished.stdout)
    except result.BadResult as error:
        raise ExaminerBroke(f"{error}{_last_words(finished)}") from error


@dataclass(frozen=True, slots=True)
class _Lent:
    """The folders in which the cells meet us and each other."""

    server: Path
    sets: Path
    socket: Path
    scratch: Path
    judge: Path
    judge_socket: Path


def _lay_out(
    work: Path,
    subject: Subject,
    sets: Mapping[str, Path],
    champion_predictions: Path | None,
    own_metric: Subject | None,
) -> _Lent:
    names = ("server", "sets", "socket", "scratch", "judge", "judge-socket")
    lent = _Lent(*(work / name for name in names))
    for name in names:
        (work / name).mkdir(parents=True)
    _lay_out_server(lent.server, subject)
    if own_metric is not None:
        _lay_out_server(lent.judge, own_metric)
    for name, path in sets.items():
        _link(path, lent.sets / f"{name}{path.suffix}")
    if champion_predictions is not None:
        _link(champion_predictions, lent.sets / "champion.npy")
    return lent


def _lay_out_server(folder: Path, subject: Subject) -> None:
    for ref in subject.version.artifacts():
        place = folder / "store" / blob_path(ref.sha256)
        if not place.exists():
            _link(subject.blobs[ref.sha256], place)
    _lay_out_weights(folder / "store", subject.version)
    (folder / "version.json").write_text(alone.written(subject.model, subject.version))


def _lay_out_weights(store: Path, version: PlannedVersion) -> None:
    """Weights beside the graph as the cell's node would lay them out, so that it copies none of them."""
    if version.weights:
        cached = {place: store / blob_path(ref.sha256) for place, ref in version.weights.items()}
        beside(store / APART, version, cached, ("", ""))


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, target)


def _server(
    folder: Path, socket: Path, version: PlannedVersion, seconds: float, allow_unisolated: bool
) -> Cell:
    mapped = sum(ref.size for ref in version.weights.values())
    graphs = sum(ref.size for ref in version.artifacts()) - mapped
    limits = _roomy(_lasting(SERVER_LIMITS, seconds), graphs, mapped)
    argv = [
        *sandbox.python("scoring"),
        *("--version", "/server/version.json", "--socket", _SOCKET, "--workers", "1"),
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


def _lasting(limits: Limits, seconds: float) -> Limits:
    """The same for so long; a process of a cell may have two cores all the while."""
    return replace(limits, wall_seconds=seconds, cpu_seconds=int(seconds * _CORES_OF_A_PROCESS) + 1)


def _order(
    subject: Subject,
    sets: Mapping[str, Path],
    spec: Mapping[str, Any],
    paired: bool,
    own_metric: Subject | None,
) -> dict[str, Any]:
    """What the examiner reads on its standard input."""
    return {
        **spec,
        "socket": _SOCKET,
        "model": subject.model,
        "version": subject.version.number,
        "sets": {name: f"/sets/{name}{path.suffix}" for name, path in sets.items()},
        "champion": {"predictions": "/sets/champion.npy"} if paired else None,
        "own_metric": _own_metric(own_metric),
        "scratch": "/scratch",
        "pause": f"/sets/{progress.PAUSE}",
    }


def _own_metric(subject: Subject | None) -> dict[str, object] | None:
    if subject is None:
        return None
    return {"socket": "/judge/scoring.sock", "signature": subject.version.signature.to_json()}


def _examine(
    lent: _Lent,
    order: Mapping[str, object],
    seconds: float,
    watch: Watch,
    room: Room | None,
    allow_unisolated: bool,
) -> Finished:
    """Run the examiner and look every second how far it is. Raises OutOfTime where it stands still."""
    mounts = [
        Mount(lent.sets, "/sets"),
        Mount(lent.socket, "/socket"),
        Mount(lent.judge_socket, "/judge"),
        Mount(lent.scratch, "/scratch", writable=True),
    ]
    examiner = sandbox.start(
        sandbox.python("releases.proof.examiner"),
        stdin=json.dumps(order).encode(),
        mounts=mounts,
        limits=_lasting(EXAMINER_LIMITS, seconds),
        allow_unisolated=allow_unisolated,
    )
    with examiner:
        last, since = None, time.monotonic()
        while not examiner.ended_within(LOOK_EVERY_S):
            if room is not None and _made_way(lent, room):
                since = time.monotonic()
            report = progress.read(lent.scratch)
            if report is not None and report != last:
                last, since = report, time.monotonic()
                watch(report)
            elif time.monotonic() - since > STALLS_AFTER_S:
                raise OutOfTime(f"the examination made no progress for {STALLS_AFTER_S / 60:g} minutes")
        return examiner.finish()


def _made_way(lent: _Lent, room: Room) -> bool:
    """Have the examiner pause while somebody must be alone; True when they were, and it goes on."""
    pause = lent.sets / progress.PAUSE
    if not room.wanted():
        pause.unlink(missing_ok=True)
        return False
    pause.touch()
    if not (lent.scratch / progress.PAUSED).is_file():
        return False
    room.step_out()
    pause.unlink()
    return True


def _await_ready(server: Cell, path: Path, subject: Subject, what: str) -> str:
    """Empty when the server is ready to answer for the model, else what happened to it, which is `what`.

    Raises OSError where its node could not lay out what it was to load.
    """
    seconds = patience(sum(ref.size for ref in subject.version.artifacts()))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if died := server.poll():
            return f"{what} could not be loaded: the scoring server {died.sentence}{_last_words(died)}."
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


def _last_words(finished: Finished) -> str:
    words = finished.stderr.decode(errors="replace").strip().splitlines()
    return f" ({words[-1][:300]})" if words else ""


def hardware() -> dict[str, object]:
    """The fingerprint of the machine that measures: figures of two machines are never compared."""
    return {
        "profile": f"{platform.machine()}-{os.cpu_count()}cpu",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
        "threads": {"intra_op": 1, "inter_op": 1},
    }


def _processor() -> str:
    try:
        lines: Sequence[str] = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())
