"""How long a thread keeps the processor once it has it, and so how soon it gets it when it wakes up.

Linux lets whoever runs finish a turn of some milliseconds, however nice it is, before one that wakes up gets
the processor. A page wakes up several threads one after the other, so beside cells it waited several times.
Since Linux 6.12 a thread may ask for shorter turns, and is let in at once in return: its share of the
processor stays the same. Threads that it starts have them too. Elsewhere nothing changes.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

import uvloop

SHORT_NS = 100_000
"""The shortest that the kernel grants: a page wakes up, does a little and waits for another thread."""
_SET_ATTRIBUTES = {"x86_64": 314, "aarch64": 274}
_OTHER = 0
"""The ordinary way of sharing out the processor, in the kernel's numbers."""


def shorten() -> bool:
    """Ask for short turns for this thread and all that it starts; whether the kernel has taken it."""
    call = _SET_ATTRIBUTES.get(platform.machine())
    if call is None or platform.system() != "Linux":
        return False
    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    # struct sched_attr: size, policy, flags, nice, priority, then runtime, deadline and period
    asked = struct.pack("=IIQiIQQQ", 48, _OTHER, 0, niceness, 0, SHORT_NS, 0, 0)
    return bool(ctypes.CDLL(None).syscall(call, 0, asked, 0) == 0)


class PromptLoop(uvloop.Loop):
    """The event loop of a process that answers pages."""

    def __init__(self) -> None:
        super().__init__()
        shorten()
