"""Named places where a kill must do no harm. Inert unless `config` arms one: then the process ends there."""

from __future__ import annotations

import os
import signal

_armed = ""


def arm(name: str) -> None:
    """Die, as by `kill -9`, when the crash point of this name is reached. Empty disarms."""
    global _armed  # noqa: PLW0603 - one wiring point, set once at start
    _armed = name


def crashpoint(name: str) -> None:
    """A place beside a commit, a put, a publish or a rename."""
    if _armed == name:
        os.kill(os.getpid(), signal.SIGKILL)
