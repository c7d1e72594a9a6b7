"""What a cell may use and what it may see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
"""The kernel takes limits in bytes."""
GIB = 1 << 30
"""The kernel takes limits in bytes."""
LEAST_PATIENCE_S = 50.0
"""A refusal is promised within a minute, and the rest of it takes some seconds."""
SLOW_BYTES_PER_S = 5 * MIB
"""Of a busy disk, for reading, hashing and loading together."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds of one cell.

    memory_bytes  resident memory of all its processes together; each may map 1 GiB more
                  (code, stacks), and what it writes to its own /tmp comes on top
    cpu_seconds   processor time of each process
    wall_seconds  from start to end, kept by the parent
    processes     processes and threads
    file_bytes    size of one file, of its /tmp, and of each folder that is lent to it for writing
    output_bytes  of standard output, and again of standard error
    niceness      how far its processes step back where the processor has more to do
    programs      whether it may start the interpreter again; nothing else that runs is in a cell
    """

    memory_bytes: int = 2 * GIB
    cpu_seconds: int = 60
    wall_seconds: float = 60.0
    processes: int = 64
    open_files: int = 256
    file_bytes: int = 256 * MIB
    output_bytes: int = MIB
    niceness: int = 0
    programs: bool = False


def patience(size: int) -> float:
    """Seconds for something to be made of files of `size` bytes in all.

    Who sends what never ends hears so within a minute; every GiB adds three and a half, because a slow disk
    is no fault of a model's.
    """
    return LEAST_PATIENCE_S + size / SLOW_BYTES_PER_S


@dataclass(frozen=True, slots=True)
class Mount:
    """One file or folder of ours, seen inside at the absolute path `target`, read-only unless it says so."""

    source: Path
    target: str
    writable: bool = False
