"""How well this machine can hold an untrusted program: probed once, shown on the health page."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

from registry.sandbox import command, kernel
from registry.sandbox.limits import Limits

PROBE_SECONDS = 20
HOW = "Install bubblewrap (Debian: apt-get install bubblewrap)"
OR_ELSE = "on a development machine ASSAY_ALLOW_UNISOLATED=true runs models without isolation"


@dataclass(frozen=True, slots=True)
class Level:
    """`name` for programs, `sentence` for people; nothing untrusted runs where `isolated` is false."""

    name: str
    isolated: bool
    sentence: str


_found: list[Level] = []


def level() -> Level:
    """The level in force. Good news is remembered; bad news is checked again, it may have been mended."""
    if not _found:
        trouble = _probe()
        if trouble:
            todo = HOW if command.bubblewrap() is None else kernel.advice()
            return Level("none", False, f"No sandbox: {trouble.rstrip('.')}. {todo}; {OR_ELSE}.")
        _found.append(
            Level("bubblewrap", True, "Untrusted models run in bubblewrap cells, without network or files.")
        )
    return _found[0]


def _probe() -> str:
    """What keeps a cell from running here, or nothing."""
    launcher = command.bubblewrap()
    if launcher is None:
        return "bubblewrap is not installed"
    limits = Limits()
    words = [launcher, *command.bubblewrap_arguments((), limits), "--"]
    words += command.isolated([sys.executable, "-I", "-S", "-c", "pass"], limits)
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            words, env={}, cwd="/", capture_output=True, timeout=PROBE_SECONDS, check=False, umask=0o022
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    return done.stderr.decode(errors="replace").strip()[-300:] or f"{os.path.basename(launcher)} failed"
