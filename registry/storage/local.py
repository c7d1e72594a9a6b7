"""Artifacts on a local disk, or on a file system that several machines mount."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

from registry.storage.base import CountedReader, Stored
from registry.storage.durable import full_disk_said, publish, temporary_file
from scoring.artifacts import blob_path

NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}
"""Another file system, or one that has no hard links."""


class LocalStore:
    """One file per digest under `root`; unfinished ones live in `root/tmp` and are never visible."""

    keeps_the_file = True

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def put(self, stream: BinaryIO, *, limit: int | None = None) -> Stored:
        reader = CountedReader(stream, limit)
        with temporary_file(self.root / "tmp") as file:
            for chunk in reader.chunks():
                file.write(chunk)
            stored = reader.stored()
            self._publish(file, stored)
        return stored

    def adopt(self, path: Path, stored: Stored) -> bool:
        """The very file under a second name, which stays when the first one goes."""
        try:
            with full_disk_said(self.root), path.open("rb") as file:
                self._publish(file, stored)
        except OSError as error:
            if error.errno in NO_LINKS:
                return False
            raise
        return True

    def open(self, digest: str) -> BinaryIO:
        return self.path(digest).open("rb")

    def exists(self, digest: str) -> bool:
        return self.path(digest).is_file()

    def forget(self, digest: str) -> None:
        self.path(digest).unlink(missing_ok=True)

    def note(self, name: str, content: bytes) -> None:
        with temporary_file(self.root / "tmp") as file:
            file.write(content)
            publish(file, self.root / name, root=self.root)

    def notes(self, start: str) -> Iterator[str]:
        found = (path.relative_to(self.root) for path in (self.root / start).rglob("*") if path.is_file())
        return iter(sorted(map(str, found)))

    def noted(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def _publish(self, file: IO[bytes], stored: Stored) -> None:
        target = self.path(stored.digest)
        made = publish(file, target, root=self.root)
        if not made and target.stat().st_size != stored.size:
            # what stands there was cut short by the disk: good bytes heal it
            publish(file, target, root=self.root, replace=True)

    def path(self, digest: str) -> Path:
        """Where the bytes are, or would be: for hard links, never for writing."""
        return self.root / blob_path(digest)
