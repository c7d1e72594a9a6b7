"""Named places where a kill must do no harm. Inert until `arm` names a file that may ask for one.

The file holds the name of a crash point; the first process to reach it removes the file and ends
as by `kill -9`. So a test chooses the place while the product runs, and what comes up afterwards
goes past it.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

_asked: Path | None = None


def arm(path: Path | None) -> None:
    """From now on this file may ask for a crash. None disarms."""
    global _asked  # noqa: PLW0603 - one wiring point, set once at start
    _asked = path


def crashpoint(name: str) -> None:
    """A place beside a commit, a put, a publish or a rename."""
    if _asked is None:
        return
    try:
        if _asked.read_text().strip() != name:
            return
        _asked.unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
