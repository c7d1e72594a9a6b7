"""How far an examination is: the cell leaves it in a small file, the parent checks its form."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated

import msgspec
from msgspec import Meta

from releases.proof.examiner.result import Part

FILE = "progress.json"
PAUSE, PAUSED = "pause", "paused"
MOST_BYTES = 1024
"""A report has 100: the cell that writes it is not trusted."""
EVERY_S = 0.5
"""As often as a person can see a bar move."""
PAUSE_S = 0.05
"""A proof that was stopped for a measurement goes on within this after it."""
Count = Annotated[int, Meta(ge=0, le=10**12)]


@dataclass(frozen=True, slots=True)
class Report:
    """`done` of `of` calls' rows (of the benchmark: blocks) have been answered in this part."""

    part: Part
    done: Count
    of: Count


class Progress:
    """Told often, written seldom, and replaced as a whole.

    pause   a file of the parent's: while it is there, somebody measures who must be alone on the machine.
    """

    def __init__(self, folder: Path, pause: Path | None = None) -> None:
        self._path = folder / FILE
        self._pause, self._paused = pause, folder / PAUSED
        self._part: Part = "end_to_end"
        self._of = self._before = 0
        self._written = 0.0

    def begin(self, part: Part, of: int) -> None:
        """A part begins, in which so much is to be done."""
        self._part, self._of, self._before = part, of, 0
        self._write(0)

    def go_on(self, done: int, more: int) -> None:
        """So much of the part is behind us, and more has come up; `tell` counts from here."""
        self._before, self._of = self._before + done, self._of + more

    def tell(self, done: int) -> None:
        """So much is done, since the part began or went on."""
        if monotonic() - self._written >= EVERY_S:
            self._write(self._before + done)

    def pausing(self) -> bool:
        """Whether to ask nothing for the time being."""
        return self._pause is not None and self._pause.exists()

    def stand_aside(self, stop: Callable[[], None]) -> None:
        """Where there is a pause, stop and wait for its end."""
        if not self.pausing():
            return
        stop()
        self._paused.touch()
        while self.pausing():
            sleep(PAUSE_S)
        self._paused.unlink()

    def _write(self, done: int) -> None:
        self._written = monotonic()
        fresh = self._path.with_suffix(".fresh")
        fresh.write_bytes(msgspec.json.encode(Report(self._part, min(done, self._of), self._of)))
        os.replace(fresh, self._path)


def read(folder: Path) -> Report | None:
    """What the cell has left, None where it is nothing that a report may be.

    The folder is the cell's to write: no link is followed, no pipe waited for, no large file read.
    """
    try:
        handle = os.open(folder / FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        return msgspec.json.decode(os.read(handle, MOST_BYTES), type=Report)
    except (OSError, msgspec.DecodeError):
        return None
    finally:
        os.close(handle)
