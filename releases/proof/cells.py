"""Two cells for a proof: one runs the model, the other asks it. Neither sees what the other has.

The *server* cell has the model's files and never an expected answer; the *examiner* cell has the
sets and never the model's bytes. They share one folder with one Unix socket. This process parses
nothing that either wrote, but the examiner's result, which is checked against its schema; the
clock and the memory meter are its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from registry import sandbox
from registry.sandbox import Ending, Finished, Limits, Mount
from registry.sandbox.limits import GIB
from releases.proof import server_cell
from releases.proof.examiner import progress, result
from releases.proof.examiner.progress import Report
from releases.proof.hardware import hardware
from releases.proof.room import Room
from releases.proof.server_cell import Subject, last_words, lasting

EXAMINER_LIMITS = Limits(memory_bytes=4 * GIB, processes=128, file_bytes=4 * GIB)
LOOK_EVERY_S = 1.0
"""Somebody watches the progress on a page; an end is noticed at once all the same."""
STALLS_AFTER_S = 900.0
"""Chosen, not measured: many times what any one call of an examination may take."""
_SERVER_OUTLIVES_S = 60.0
"""The clock that ends a proof is the examiner's, so that it is told as what it is."""
_MODEL, _METRIC = "The model", "The metric's graph"


class ExaminerBroke(Exception):
    """The examiner ended by itself and said nothing that can be used."""


class OutOfTime(Exception):
    """The proof was not at its end when its time was up. That says nothing about the model."""


Watch = Callable[[Report], None]


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
            server_cell.start(lent.server, lent.socket, subject.version, lasts, allow_unisolated)
        )
        if fault := server_cell.fault_of(server, lent.socket / "scoring.sock", subject, _MODEL):
            return Proof(None, fault, peak_memory_bytes=server.peak_memory_bytes())
        load_ms = (time.perf_counter() - started) * 1000
        if own_metric is not None:
            judge = cells.enter_context(
                server_cell.start(lent.judge, lent.judge_socket, own_metric.version, lasts, allow_unisolated)
            )
            if fault := server_cell.fault_of(judge, lent.judge_socket / "scoring.sock", own_metric, _METRIC):
                return Proof(None, fault, load_ms)
        order = _order(subject, sets, spec, champion_predictions is not None, own_metric)
        finished = _examine(lent, order, seconds, watch, room, allow_unisolated)
        died = server.poll()
        peak = server.peak_memory_bytes()
    if died is not None:
        return Proof(
            None, f"The scoring server with this model {died.sentence}{last_words(died)}.", load_ms, peak
        )
    if finished.ending is Ending.EXITED:
        return Proof(_told(finished), "", load_ms, peak, lent.scratch, hardware())
    if finished.ending is Ending.WALL_CLOCK:
        raise OutOfTime(_so_far(progress.read(lent.scratch)))
    return Proof(None, f"The examination {finished.sentence}{last_words(finished)}.", load_ms, peak)


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
        raise ExaminerBroke(f"{error}{last_words(finished)}") from error


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
    server_cell.lay_out(lent.server, subject)
    if own_metric is not None:
        server_cell.lay_out(lent.judge, own_metric)
    for name, path in sets.items():
        server_cell.link(path, lent.sets / f"{name}{path.suffix}")
    if champion_predictions is not None:
        server_cell.link(champion_predictions, lent.sets / "champion.npy")
    return lent


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
        "socket": server_cell.SOCKET,
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
        limits=lasting(EXAMINER_LIMITS, seconds),
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
