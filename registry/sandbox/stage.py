"""The last step before untrusted bytes: limits that bind this process and all its children, and no exec.

Runs as a script: `stage.py LIMITS_AS_JSON -m MODULE ARGUMENT...`, or `-c CODE`, as the interpreter takes
them. It runs inside the sandbox, because a limit on the number of processes set outside would count the whole
user's; and it goes on as the program itself, because from there on nothing can be started.
"""

from __future__ import annotations

import json
import os
import resource
import runpy
import sys
from contextlib import suppress
from pathlib import Path

from scoring import seal

CODE_AND_STACKS_BYTES = 1 << 30
"""Mapped and hardly touched: libraries of 300 MB and 8 MB of stack for each thread."""


def confine(limits: dict[str, int]) -> None:
    """Set niceness, and hard and soft limits; none of them can be raised again by an ordinary user."""
    bounds = {
        resource.RLIMIT_AS: (limits["memory_bytes"] + CODE_AND_STACKS_BYTES,) * 2,
        # the soft limit is a signal with a name, the hard one a kill without
        resource.RLIMIT_CPU: (limits["cpu_seconds"], limits["cpu_seconds"] + 1),
        resource.RLIMIT_NOFILE: (limits["open_files"],) * 2,
        resource.RLIMIT_FSIZE: (limits["file_bytes"],) * 2,
        resource.RLIMIT_CORE: (0, 0),
    }
    if limits["processes"]:
        bounds[resource.RLIMIT_NPROC] = (limits["processes"],) * 2
    for name, bound in bounds.items():
        resource.setrlimit(name, bound)
    if limits["niceness"]:
        _step_back(limits["niceness"])


def _step_back(niceness: int) -> None:
    """Be this nice, and the session as well, where the kernel shares out among sessions before processes.

    There a cell is a session of its own, and niceness within it would give nobody else anything. Who starts
    a cell may have stepped back itself: that does not count twice.
    """
    os.nice(max(0, niceness - os.nice(0)))
    with suppress(OSError):  # no such kernel, or too many at once: it is a courtesy, not a limit
        Path("/proc/self/autogroup").write_text(str(niceness))


def play(how: str, what: str, arguments: list[str]) -> None:
    """Go on as the interpreter would have with these words."""
    sys.argv = [how, *arguments]
    if how == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - our own words


if __name__ == "__main__":
    limits = json.loads(sys.argv[1])
    confine(limits)
    seal.hide()
    if not limits["programs"]:
        seal.seal()
    play(sys.argv[2], sys.argv[3], sys.argv[4:])
