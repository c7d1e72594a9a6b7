"""A child process with limits, for everything that parses or runs bytes nobody has proven yet.

`run` and `start` take what the interpreter shall do, the files it may see and its
limits. Inside there is no network, no environment, no other process, no other
program and no file but the interpreter, our own code and the mounts; time, memory
and output are watched from outside.
"""

from __future__ import annotations

from registry.sandbox.cell import Cell, run, start
from registry.sandbox.command import python
from registry.sandbox.errors import NoSandbox
from registry.sandbox.finished import Ending, Finished
from registry.sandbox.level import Level, level
from registry.sandbox.limits import Limits, Mount

__all__ = [
    "Cell",
    "Ending",
    "Finished",
    "Level",
    "Limits",
    "Mount",
    "NoSandbox",
    "level",
    "python",
    "run",
    "start",
]
