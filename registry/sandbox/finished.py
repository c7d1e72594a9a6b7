"""How a cell ended, in a form that a person and a gate can both read."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import StrEnum

from registry.sandbox.limits import Limits


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
        if self.ending is Ending.SIGNALLED and self.returncode is not None:
            return _signalled(-self.returncode, limits)
        return "ended as it should" if self.ok else f"ended with status {self.returncode}"


def _signalled(number: int, limits: Limits) -> str:
    if number == signal.SIGXCPU:
        return f"used more than {limits.cpu_seconds} s of processor time"
    if number == signal.SIGXFSZ:
        return f"wrote a file of more than {limits.file_bytes / 2**20:,.0f} MiB"
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return f"crashed ({name})"
