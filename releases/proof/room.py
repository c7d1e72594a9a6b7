"""Room on this machine for proofs: many side by side, a benchmark alone.

Two locks on files, which a kill lets go of. Who wants to be alone holds the door, so that nobody else
comes in, and waits for the room; who is inside looks at the door now and then and may step out.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Room:
    """The room of all proofs that share `folder`. One object serves one proof."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._door, self._room = folder / "door", folder / "room"
        self._inside = -1

    @contextmanager
    def beside_others(self) -> Iterator[None]:
        """Inside with others; waits while somebody is alone or wants to be."""
        with _open(self._room) as self._inside:
            self._enter()
            yield
        self._inside = -1

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Inside without others; waits until they have left or stepped out."""
        with _held(self._door), _held(self._room):
            yield

    def wanted(self) -> bool:
        """Whether somebody stands at the door."""
        with _open(self._door) as door:
            try:
                fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    def step_out(self) -> None:
        """Let whoever is at the door have the room, and come back afterwards."""
        fcntl.flock(self._inside, fcntl.LOCK_UN)
        self._enter()

    def _enter(self) -> None:
        with _held(self._door):
            fcntl.flock(self._inside, fcntl.LOCK_SH)


@contextmanager
def _held(path: Path) -> Iterator[None]:
    with _open(path) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def _open(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)
