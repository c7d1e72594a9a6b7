"""Worker processes before anybody has told them anything: what they share, and starting them early."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Launched(NamedTuple):
    """A process and the socket on which it waits for its first order."""

    process: subprocess.Popen[bytes]
    control: socket.socket


class Launcher:
    """Starts the workers of one node. All hold the node's listening sockets and live by one seed."""

    def __init__(self, listeners: Sequence[socket.socket]) -> None:
        self.listeners = listeners
        self._seed = secrets.randbits(32)
        self._ahead: list[Launched] = []

    def prepare(self, count: int) -> None:
        """Start workers that will be wanted soon: they import numpy and onnxruntime meanwhile."""
        self._ahead += [self._start() for _ in range(count)]

    def launch(self) -> Launched:
        """A worker that waits for its orders; one that was prepared, if there is any."""
        return self._ahead.pop() if self._ahead else self._start()

    def _start(self) -> Launched:
        ours, theirs = socket.socketpair()
        numbers = [listener.fileno() for listener in self.listeners]
        command = [
            # One seed for all workers: a body has the same fingerprint in each (see `blackbox`).
            *("/usr/bin/env", f"PYTHONHASHSEED={self._seed}"),
            *(sys.executable, "-m", "scoring.worker"),
            *("--control", str(theirs.fileno()), "--listen", ",".join(map(str, numbers))),
        ]
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            pass_fds=(theirs.fileno(), *numbers),
            cwd=Path(__file__).resolve().parents[3],
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        return Launched(process, ours)
