"""A file that is hashed, and brought to the disk, while the rest of it still arrives.

Whoever writes only writes. A large file is hashed by a second thread and synced by a third one: both let
go of the interpreter while they work, so that an upload takes as long as its slowest part and not the sum.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Queue

from registry.storage.base import Stored
from registry.storage.durable import READABLE_BY_ALL

WORTH_THREADS = 4 << 20
"""A hash of so much takes 30 ms (measured): below it a thread would spare nothing that is noticed."""
PIECES_WAITING = 16
"""Evens out a hash and a network that are not equally fast, and bounds what waits in memory: 16 MiB."""
SYNC_EVERY = 32 << 20
"""The disk takes its part while the rest is under way, so that the last sync is short."""

Piece = bytes | memoryview
Mark = tuple[int, ...]


def mark_of(path: Path) -> Mark:
    """Which file this is and when it was last changed: nobody can write to it and keep the mark."""
    found = path.stat()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class ArrivingFile:
    """A new file, written once from its start to its end, then read-only."""

    def __init__(self, path: Path, *, sync: bool = True) -> None:
        self.size = 0
        self._sync = sync
        self._file = path.open("xb", buffering=0)
        self._hash = hashlib.sha256()
        self._hashing: _Behind | None = None
        self._syncing: _Behind | None = None
        self._unsynced = 0

    def write(self, piece: Piece) -> None:
        """Take the next bytes, which nobody may change any more. Raises OSError, also of an earlier sync."""
        rest = memoryview(piece)
        while rest:
            rest = rest[self._file.write(rest) :]
        self.size += len(piece)
        self._unsynced += len(piece)
        if self.size < WORTH_THREADS:
            self._hash.update(piece)
            return
        if self._hashing is None:
            self._start()
        if self._hashing is not None:
            self._hashing.put(piece)
        if self._syncing is not None and self._unsynced >= SYNC_EVERY and self._syncing.offer(b""):
            self._unsynced = 0

    def finish(self) -> Stored:
        """No more will come: read-only from now on, and if large, on the disk. Raises OSError."""
        if self._syncing is not None:
            self._syncing.put(b"")
        os.fchmod(self._file.fileno(), READABLE_BY_ALL)
        self.close()
        return Stored(self._hash.hexdigest(), self.size)

    def close(self) -> None:
        """Let go of the file, finished or not; may be repeated. Raises OSError of a sync that failed."""
        behind, self._hashing, self._syncing = (self._hashing, self._syncing), None, None
        try:
            for one in behind:
                if one is not None:
                    one.join()
        finally:
            self._file.close()

    def _start(self) -> None:
        self._hashing = _Behind(self._hash.update, PIECES_WAITING)
        if self._sync:
            self._syncing = _Behind(lambda _: os.fdatasync(self._file.fileno()), 1)


class _Behind:
    """A thread that does one thing with each piece, in order, a bounded number of pieces behind."""

    def __init__(self, does: Callable[[Piece], object], waiting: int) -> None:
        self._does = does
        self._waiting: Queue[Piece | None] = Queue(waiting)
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def put(self, piece: Piece) -> None:
        """Wait for room. Raises what an earlier piece has raised."""
        self._waiting.put(piece)
        if self._error is not None:
            raise self._error

    def offer(self, piece: Piece) -> bool:
        """Whether there was room at once. Raises what an earlier piece has raised."""
        if self._waiting.full():
            return False
        self.put(piece)
        return True

    def join(self) -> None:
        """Wait until all is done. Raises what a piece has raised."""
        self._waiting.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (piece := self._waiting.get()) is not None:
            if self._error is None:
                try:
                    self._does(piece)
                except Exception as error:
                    self._error = error
