"""A process that starts no program any more: what breaks out of a graph finds nothing to become.

A filter of system calls that the process puts on itself, all its threads and all that it forks. It cannot be
taken off again. It comes before everything else in a cell, so it imports next to nothing.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
"""The kernel's numbers of these steps (linux/bpf_common.h)."""
NUMBER, ARCHITECTURE = 0, 4
"""Where `struct seccomp_data` has them."""
ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050000
"""What a filter may say (linux/seccomp.h)."""
_NO_NEW_PRIVILEGES, _DUMPABLE = 38, 4
"""`prctl`'s numbers (linux/prctl.h)."""
_SET_FILTER, _ALL_THREADS = 1, 1
"""`seccomp`'s operation, and the flag with which all threads follow (linux/seccomp.h)."""


AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""The kernel's names for the architectures that we know."""
EXECS = {"x86_64": (59, 322), "aarch64": (221, 281)}
"""The numbers of `execve` and `execveat`."""
_SECCOMP = {"x86_64": 317, "aarch64": 277}


def step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One instruction, a `struct sock_filter`; the jumps are counted from the next one."""
    return struct.pack("=HBBI", code, if_true, if_false, value)


def program(machine: str) -> bytes:
    """The filter: no other program, and no calls of another architecture. Empty for an unknown machine."""
    if machine not in AUDIT:
        return b""
    execve, execveat = EXECS[machine]
    return b"".join(
        [
            step(LOAD, ARCHITECTURE),
            step(EQUAL, AUDIT[machine], 1, 0),
            step(RETURN, KILL),
            step(LOAD, NUMBER),
            step(EQUAL, execve, 1, 0),
            step(EQUAL, execveat, 0, 1),
            step(RETURN, FAIL | errno.EPERM),
            step(RETURN, ALLOW),
        ]
    )


def seal() -> str:
    """Put the filter on this process. What keeps it from that, or nothing."""
    here = os.uname()
    steps = program(here.machine) if here.sysname == "Linux" else b""
    if not steps:
        return f"no filter of system calls is known for {here.sysname} on {here.machine}"
    libc = ctypes.CDLL(None, use_errno=True)
    place = ctypes.create_string_buffer(steps, len(steps))
    # struct sock_fprog: a count and, where a pointer may stand, the address
    described = struct.pack("@HP", len(steps) // 8, ctypes.addressof(place))
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if libc.syscall(_SECCOMP[here.machine], _SET_FILTER, _ALL_THREADS, described):
        return f"the kernel takes no filter of system calls: {os.strerror(ctypes.get_errno())}"
    return ""


def hide() -> None:
    """Keep this process's memory from its own user's other processes, as long as it stays this program."""
    if os.uname().sysname == "Linux":
        ctypes.CDLL(None).prctl(_DUMPABLE, 0, 0, 0, 0)
