"""What a dead worker was doing: which version has to answer for it, by what the worker left behind."""

from __future__ import annotations

import re
import signal
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from formats.plan import Key
from scoring.blackbox import LOADER, Note
from scoring.telemetry import Cell

_REASON = re.compile(rb"Fatal Python error: ([^\n]+)")
_THREAD = re.compile(rb"Current thread 0x([0-9a-f]+)")
_TRACE_BYTES = 4096
"""The last frames name what died."""
_SIGNALS = {
    signal.strsignal(each): each.name for each in signal.valid_signals() if isinstance(each, signal.Signals)
}


@dataclass(frozen=True, slots=True)
class Crash:
    """One death of a worker. `key` is None when no version can be blamed for it.

    how           the signal's name or the exit code, in words.
    arm           under which arm the first request of the run was to be answered; "" for a load.
    fingerprints  of the requests that were being run together; `requests` is how many these were.
    began         when the run began, in `perf_counter` seconds.
    place         of the thread that did it, in the black box.
    """

    how: str
    key: Key | None = None
    arm: str = ""
    loading: bool = False
    fingerprints: tuple[int, ...] = ()
    requests: int = 0
    began: float = 0.0
    place: int | None = None


@dataclass(frozen=True, slots=True)
class LastWords:
    """What Python's fault handler could still write: the thread that died, and the signal's name."""

    thread: int | None = None
    how: str = ""


def box_of(folder: Path, slot: int) -> Path:
    return folder / f"{slot}.box"


def trace_of(folder: Path, slot: int) -> Path:
    return folder / f"{slot}.trace"


def crash_of(
    code: int, notes: Sequence[Note], last: LastWords, marks: Mapping[int, Key], cells: Sequence[Cell]
) -> Crash:
    """The crash of a worker that ended with `code`, by the notes in its box and its last words.

    The handler that writes these walks the frames of threads that run on, and may itself die of it, by
    another signal than the one it tells of: what it wrote first is what happened.
    """
    how = last.how or words(code)
    note = _culprit(notes, last.thread)
    key = None if note is None else marks.get(note.mark)
    if note is None or key is None:
        return Crash(how)
    if note.place == LOADER:
        return Crash(how, key, loading=True, began=note.began, place=note.place)
    arm = cells[note.cell].arm if note.cell < len(cells) else ""
    return Crash(how, key, arm, False, note.fingerprints, note.requests, note.began, note.place)


def _culprit(notes: Sequence[Note], thread: int | None) -> Note | None:
    """The thread that died says it itself; without that word, only what was alone can be blamed.

    A load is rare and heavy, runs are always there: beside a load they are not suspected.
    """
    if thread is not None:
        return next((note for note in notes if note.thread == thread), None)
    loads = [note for note in notes if note.place == LOADER]
    among = loads or notes
    return among[0] if len(among) == 1 else None


def words(code: int) -> str:
    """An exit code of `subprocess` as one would say it."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def last_words(trace: Path) -> LastWords:
    """What the fault handler wrote into `trace`, if it was called at all."""
    try:
        with trace.open("rb") as stream:
            text = stream.read(_TRACE_BYTES)
    except OSError:
        return LastWords()
    reason, thread = _REASON.search(text), _THREAD.search(text)
    return LastWords(
        int(thread[1], 16) if thread else None,
        _SIGNALS.get(reason[1].decode("ascii", "replace"), "") if reason else "",
    )


class CrashCounts:
    """Crashes since the node's start, by what was running. Loads count under the arm `loading`."""

    def __init__(self) -> None:
        self.by_cell: Counter[Cell] = Counter()
        self.unattributed = 0

    def add(self, crash: Crash) -> None:
        if crash.key is None:
            self.unattributed += 1
        else:
            arm = "loading" if crash.loading else crash.arm
            self.by_cell[Cell(crash.key[0], crash.key[1], arm)] += 1

    def samples(self) -> Iterable[tuple[str, Mapping[str, object], float]]:
        for cell, count in sorted(self.by_cell.items()):
            labels = {"model": cell.model, "version": cell.version, "arm": cell.arm}
            yield "assay_crashes_total", labels, count
        yield "assay_crashes_unattributed_total", {}, self.unattributed

    def to_json(self) -> dict[str, object]:
        cells = [[*cell[:3], count] for cell, count in sorted(self.by_cell.items())]
        return {"cells": cells, "unattributed": self.unattributed}
