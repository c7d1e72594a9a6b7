"""Artifacts in a dictionary: for tests, and for trying things out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from registry.storage.base import CountedReader, Stored


class MemoryStore:
    """Keeps everything until the process ends."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self.kept_notes: dict[str, bytes] = {}

    def put(self, stream: BinaryIO, *, limit: int | None = None) -> Stored:
        reader = CountedReader(stream, limit)
        content = b"".join(reader.chunks())
        stored = reader.stored()
        self._blobs.setdefault(stored.digest, content)
        return stored

    def open(self, digest: str) -> BinaryIO:
        if digest not in self._blobs:
            raise FileNotFoundError(f"No artifact with digest {digest}")
        return io.BytesIO(self._blobs[digest])

    def forget(self, digest: str) -> None:
        self._blobs.pop(digest, None)

    def note(self, name: str, content: bytes) -> None:
        self.kept_notes.setdefault(name, content)

    def notes(self, start: str) -> Iterator[str]:
        return iter(sorted(name for name in self.kept_notes if name.startswith(start)))

    def noted(self, name: str) -> bytes:
        try:
            return self.kept_notes[name]
        except KeyError:
            raise FileNotFoundError(name) from None

    def exists(self, digest: str) -> bool:
        return digest in self._blobs
