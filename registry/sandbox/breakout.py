"""The self-test of a cell: `python -m registry.sandbox.breakout` tries to get out, and says what it got.

It reads {"secret", "folder", "port", "name", "pid"} as JSON: a file, a folder, a listening port, an abstract
socket and a process of the parent's. It writes the list of what should have been impossible.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypedDict

MEMORY_BYTES = 1 << 26
"""What an interpreter takes with some room: the attempt beyond it ends soon."""
PROCESSES = 16
"""Few, so that twice as many are a try that costs the machine nothing."""
BEYOND_MEMORY_BYTES = MEMORY_BYTES + (1 << 30) + (1 << 28)
_NEW_USER_NAMESPACE = 0x10000000
"""Linux' CLONE_NEWUSER."""
_READ_ONLY = ("/", "/usr", "/dev", "/assay")


class Target(TypedDict):
    """What an attempt is made on, all of it outside of the cell."""

    secret: str
    folder: str
    port: int
    name: str
    pid: int


def starts_a_program(target: Target) -> bool:
    """Any that is to be found: our own interpreter is always there."""
    for program in (sys.executable, "/bin/sh", "/usr/bin/env"):
        child = os.fork()
        if not child:
            with suppress(OSError):
                os.execv(program, [program, "-c", "pass"])  # noqa: S606 - that is the question
            os._exit(99)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 99:
            return True
    return False


def finds_a_shell(target: Target) -> bool:
    folders = ("/bin", "/usr/bin", "/usr/local/bin", os.path.dirname(sys.executable))
    return any(os.path.exists(f"{folder}/{name}") for folder in folders for name in ("sh", "bash", "busybox"))


def reads_outside(target: Target) -> bool:
    return _opens(target["secret"], os.O_RDONLY) or _opens("/etc/passwd", os.O_RDONLY)


def writes_outside(target: Target) -> bool:
    places = (target["folder"], *_READ_ONLY, sys.prefix, os.path.dirname(os.__file__))
    return any(_opens(f"{place}/breakout", os.O_WRONLY | os.O_CREAT) for place in places)


def reaches_the_network(target: Target) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", target["port"]), timeout=2):
        return True
    with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.connect(f"\0{target['name']}")
        return True
    return False


def sees_processes(target: Target) -> bool:
    with suppress(OSError):
        os.kill(target["pid"], 0)
        return bool(target["pid"] != os.getpid())
    return sum(name.isdigit() for name in os.listdir("/proc")) > PROCESSES


def has_privileges(target: Target) -> bool:
    with open("/proc/self/status") as lines:
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
    held = any(int(fields[name], 16) for name in ("CapPrm", "CapEff", "CapBnd"))
    return held or os.getuid() == 0 or ctypes.CDLL(None).unshare(_NEW_USER_NAMESPACE) == 0


def multiplies(target: Target) -> bool:
    """Children wait for the end of a pipe that only this process holds open for writing."""
    waits, ends = os.pipe()
    children = []
    with suppress(OSError):
        for _ in range(2 * PROCESSES):
            child = os.fork()
            if not child:
                os.close(ends)
                os.read(waits, 1)
                os._exit(0)
            children.append(child)
    os.close(ends)
    for child in children:
        os.waitpid(child, 0)
    return len(children) > PROCESSES


def takes_memory(target: Target) -> bool:
    with suppress(OSError, ValueError):
        mmap.mmap(-1, BEYOND_MEMORY_BYTES).close()
        return True
    return False


ATTEMPTS: dict[str, Callable[[Target], bool]] = {
    "start another program": starts_a_program,
    "find a shell": finds_a_shell,
    "read a file outside": reads_outside,
    "write a file outside": writes_outside,
    "reach the network": reaches_the_network,
    "see other processes": sees_processes,
    "use privileges": has_privileges,
    "start any number of processes": multiplies,
    "take more memory than it is given": takes_memory,
}


def _opens(path: str, flags: int) -> bool:
    try:
        os.close(os.open(path, flags, 0o600))
    except OSError:
        return False
    return True


def _got(target: Target) -> Iterator[str]:
    for name, attempt in ATTEMPTS.items():
        if attempt(target):
            yield name


if __name__ == "__main__":
    sys.stdout.write(json.dumps(list(_got(json.load(sys.stdin)))))
