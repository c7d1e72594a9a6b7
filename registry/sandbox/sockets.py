"""Reaching a Unix socket that a cell has made, without being led anywhere else."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

BY_HANDLE = Path("/proc/self/fd")


def connect(path: Path, timeout: float) -> socket.socket:
    """A connection to the socket at `path`, to be closed by the caller; `timeout` in seconds.

    The cell may have put anything there. A link would lead to whatever socket it names, with our
    rights: so what is opened is looked at, and what was looked at is connected to.
    Raises OSError when it is no socket, or nobody listens.
    """
    if not hasattr(os, "O_PATH"):  # no cells on this system either
        return _connected(path, timeout)
    handle = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISSOCK(os.fstat(handle).st_mode):
            raise ConnectionRefusedError(f"{path.name} is no socket")
        return _connected(BY_HANDLE / str(handle), timeout)
    finally:
        os.close(handle)


def _connected(path: Path, timeout: float) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        client.settimeout(timeout)
        client.connect(str(path))
    except BaseException:
        client.close()
        raise
    return client
