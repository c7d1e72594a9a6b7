"""How a cell ended, in a form that a person and a gate can both read."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import StrEnum

from registry.sandbox.limits import Limits

LAST_WORDS_BYTES = 4_096
"""The last line of a traceback is wanted, whatever a model has written before."""
NO_MEMORY = (b"MemoryError", b"bad_alloc", b"std::length_error", b"Cannot allocate memory")
"""How Python, C++ and the system say it."""


class Ending(StrEnum):
    """Who or what ended the cell."""

    EXITED = "exited"
    SIGNALLED = "signalled"
    WALL_CLOCK = "wall_clock"
    MEMORY = "memory"
    OUTPUT = "output"
    FILES = "files"
    PROCESSES = "processes"
    KILLED = "killed"


@dataclass(frozen=True, slots=True)
class Finished:
    """The whole account of one cell, measured by the parent.

    returncode  the exit status, or minus the signal's number; None when the parent ended it
    stdout, stderr  at most `output_bytes` each
    """

    ending: Ending
    returncode: int | None
    stdout: bytes
    stderr: bytes
    wall_seconds: float
    peak_memory_bytes: int
    limits: Limits

    @property
    def ok(self) -> bool:
        return self.ending is Ending.EXITED and self.returncode == 0

    @property
    def sentence(self) -> str:
        """What happened, to follow the words "The process"."""
        limits = self.limits
        told = {
            Ending.WALL_CLOCK: f"did not end within {limits.wall_seconds:g} s",
            Ending.MEMORY: f"used more than {limits.memory_bytes / 2**20:,.0f} MiB of memory",
            Ending.OUTPUT: f"wrote more than {limits.output_bytes:,} bytes of output",
            Ending.FILES: f"wrote more than {limits.file_bytes / 2**20:,.0f} MiB, or very many files",
            Ending.PROCESSES: f"started more than {limits.processes} processes",
            Ending.KILLED: "was stopped",
        }
        if self.ending in told:
            return told[self.ending]
        if self.out_of_memory:
            return f"asked for more memory than the {limits.memory_bytes / 2**20:,.0f} MiB that it may use"
        if self.ending is Ending.SIGNALLED and self.returncode is not None:
            return _signalled(-self.returncode, limits)
        if self.ok:
            return "stopped before its work was done, without saying why"
        return f"failed with status {self.returncode}, without a reason that can be shown"

    @property
    def out_of_memory(self) -> bool:
        """Whether its last words are that it got no memory: an allocation beyond the limit is no signal."""
        words = self.stderr[-LAST_WORDS_BYTES:].strip().splitlines()
        last = words[-1] if words else b""
        return not self.ok and any(mark in last for mark in NO_MEMORY)


_MEANINGS: dict[int, str] = {
    signal.SIGSEGV: ": it read or wrote where it has no memory, or called itself too deep",
    signal.SIGFPE: ": a division that has no result",
    signal.SIGABRT: ": it ended itself",
    signal.SIGILL: ": an instruction that this processor does not have",
    signal.SIGBUS: ": it read beyond the end of a file",
    signal.SIGSYS: ": it made a call that the sandbox refuses",
}


def _signalled(number: int, limits: Limits) -> str:
    if number == signal.SIGXCPU:
        return f"used more than {limits.cpu_seconds} s of processor time"
    if number == signal.SIGXFSZ:
        return f"wrote a file of more than {limits.file_bytes / 2**20:,.0f} MiB"
    if number == signal.SIGKILL:
        return "was ended by the system (SIGKILL): most often the machine itself had no memory left"
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return f"crashed ({name}{_MEANINGS.get(number, '')})"
