"""Cells whose parent was killed while they were being made.

Bubblewrap ends with its parent only from the moment on at which it has asked the kernel for that. A parent
that is killed within the milliseconds before leaves a cell that nobody waits for and nobody ends.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from pathlib import Path

from registry.sandbox.command import CODE, STAGE

_MARK = f"{CODE}/{STAGE}".encode()


def end_orphans() -> None:
    """End every cell on this machine that we may end and whose standard output nobody can read any more."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if words[0].endswith(b"bwrap") and _MARK in words and _is_unheard(entry / "fd" / "1"):
                os.kill(int(entry.name), signal.SIGKILL)


def _is_unheard(pipe: Path) -> bool:
    """Whether nobody holds the other end of a pipe that is written to."""
    handle = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    try:
        asked = select.poll()
        asked.register(handle, 0)
        return any(seen & select.POLLERR for _, seen in asked.poll(0))
    finally:
        os.close(handle)
