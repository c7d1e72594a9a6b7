"""The one interface to artifact bytes, and the counting that every store shares."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from registry.errors import TooLarge

CHUNK_BYTES = 1 << 20
"""Below some 100 kB the calls cost more than the copying, and above it is memory for each download."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a store now holds: `digest` is 64 lower-case hex digits of SHA-256, `size` is in bytes."""

    digest: str
    size: int


class ArtifactStore(Protocol):
    """Bytes under their own digest. Nothing is ever overwritten and nothing is deleted here."""

    def put(self, stream: BinaryIO, *, limit: int | None = None) -> Stored:
        """Keep everything the stream gives; the same bytes again are kept once.

        When it returns, the bytes survive a crash. Raises TooLarge as soon as
        more than `limit` bytes have come, StoreFull and StoreUnavailable when
        they cannot be kept; after any error nothing of them is visible.
        """
        ...

    def open(self, digest: str) -> BinaryIO:
        """A stream of the bytes, to be closed by the caller. Raises FileNotFoundError when missing."""
        ...

    def exists(self, digest: str) -> bool: ...


class Forgets(Protocol):
    """A store that can also let bytes go: for what was promised to be kept for a time only."""

    def forget(self, digest: str) -> None:
        """Delete the bytes, if they are there. Whoever calls knows that nothing names them any more."""
        ...


class Notes(Protocol):
    """A store that also keeps small notes under names of ours, each written once."""

    def note(self, name: str, content: bytes) -> None:
        """Keep the note; one that is there already stays as it is. Raises StoreFull, StoreUnavailable."""
        ...

    def notes(self, start: str) -> Iterator[str]:
        """The names that begin so, in order. Raises StoreUnavailable."""
        ...

    def noted(self, name: str) -> bytes:
        """What the note says. Raises FileNotFoundError when missing, StoreUnavailable."""
        ...


@runtime_checkable
class Adopts(Protocol):
    """A store that can take a finished file whose digest is known, for less than what `put` costs.

    `keeps_the_file` says that it is then the very file that is kept, and that it pays to sync it early.
    """

    keeps_the_file: bool

    def adopt(self, path: Path, stored: Stored) -> bool:
        """Keep the file's bytes as `put` would have; False where only `put` can.

        `stored` is what was counted and hashed while the file was written, by ourselves, and nobody
        has changed it since. When it returns True, the bytes survive a crash. Raises what `put` raises.
        """
        ...


class CountedReader:
    """Reads a stream in chunks while it hashes and counts; refuses the byte after `limit`."""

    def __init__(self, stream: BinaryIO, limit: int | None) -> None:
        self._stream = stream
        self._limit = limit
        self._hash = hashlib.sha256()
        self.size = 0

    def chunks(self, size: int = CHUNK_BYTES) -> Iterator[bytes]:
        """Non-empty pieces of at most `size` bytes. Raises TooLarge."""
        while chunk := self._stream.read(size):
            self.size += len(chunk)
            if self._limit is not None and self.size > self._limit:
                raise TooLarge(
                    f"The file is larger than the limit of {self._limit:,} bytes.", limit=self._limit
                )
            self._hash.update(chunk)
            yield chunk

    def stored(self) -> Stored:
        return Stored(digest=self._hash.hexdigest(), size=self.size)
