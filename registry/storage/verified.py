"""Artifacts as streams that never end well with other bytes than those of their digest."""

from __future__ import annotations

import hashlib
import io
import os
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, cast

from registry.storage.base import CHUNK_BYTES, ArtifactStore
from registry.storage.errors import DamagedArtifact

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

AHEAD_BYTES = 4 << 20
"""What is read before anybody is told that it will come: damage to smaller artifacts is known by then."""
RESTORE = "it is our fault and no version's: restore it from a backup of the store"


def open_verified(store: ArtifactStore, digest: str, size: int) -> BinaryIO:
    """The bytes of that digest, to be closed by the caller.

    Raises DamagedArtifact where the store has lost them, or where what it has is already known not to be
    them; otherwise reading raises it in place of the last bytes.
    """
    try:
        source = store.open(digest)
    except FileNotFoundError as error:
        raise DamagedArtifact(f"The store has lost {digest[:12]}; {RESTORE}.", digest=digest) from error
    try:
        _refuse_other_size(source, digest, size)
        return cast("BinaryIO", io.BufferedReader(_Verified(source, digest), CHUNK_BYTES))
    except BaseException:
        source.close()
        raise


def damaged(digest: str, found: str) -> DamagedArtifact:
    sentence = f"The store's bytes of {digest[:12]} are damaged; {RESTORE}."
    return DamagedArtifact(sentence, digest=digest, found=found)


class _Verified(io.RawIOBase):
    """Holds the last piece back until all of them have been hashed."""

    def __init__(self, source: BinaryIO, digest: str) -> None:
        self._source, self._digest = source, digest
        self._hash = hashlib.sha256()
        self._now, self._next = memoryview(b""), self._read(AHEAD_BYTES)
        self._turn()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if not self._now and self._next:
            self._turn()
        into = memoryview(buffer)
        size = min(len(into), len(self._now))
        into[:size], self._now = self._now[:size], self._now[size:]
        return size

    def close(self) -> None:
        self._source.close()
        super().close()

    def _turn(self) -> None:
        following = self._read(CHUNK_BYTES)
        if not following and (found := self._hash.hexdigest()) != self._digest:
            raise damaged(self._digest, found)
        self._now, self._next = memoryview(self._next), following

    def _read(self, most: int) -> bytes:
        piece = self._source.read(most)
        self._hash.update(piece)
        return piece


def _refuse_other_size(source: BinaryIO, digest: str, size: int) -> None:
    """Where the stream is a file, its length is known at once."""
    with suppress(OSError):
        if (there := os.fstat(source.fileno()).st_size) != size:
            raise damaged(digest, f"{there:,} bytes instead of {size:,}")
