"""Where bytes live by their digest, and how a node gets a verified copy of them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from scoring.crashpoints import crashpoint
from scoring.errors import CorruptArtifact

_DIGEST = re.compile(r"[0-9a-f]{64}")
LINK_ABOVE_BYTES = 64 << 20
"""A copy of so much takes 0.1 s (measured): more would delay a rollout, and take the room twice."""
_INCOMING = "incoming-"


def blob_path(digest: str) -> str:
    """Place of an artifact below a store's root or prefix: `sha256/<ab>/<cd>/<64 hex digits>`.

    Raises ValueError for anything but 64 lower-case hex digits, so a digest can never leave the root.
    """
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"{digest!r} is not a SHA-256 digest in lower-case hex")
    return f"sha256/{digest[:2]}/{digest[2:4]}/{digest}"


def file_digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class ArtifactReader(Protocol):
    """A store as a node sees it."""

    def copy_to(self, digest: str, target: Path) -> None:
        """Write the artifact's bytes to `target`, a new file. Raises FileNotFoundError when missing."""
        ...


class LocalReader:
    """Reads a store on this machine's disk. A small artifact is copied, so that damage to the cache is not
    damage to the store; a large one is linked where the file system allows it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def copy_to(self, digest: str, target: Path) -> None:
        source = self._root / blob_path(digest)
        if source.stat().st_size > LINK_ABOVE_BYTES:
            with suppress(OSError):
                os.link(source, target)
                return
        shutil.copyfile(source, target)


class ArtifactCache:
    """A node's own folder of verified artifacts; what a killed fetch left in it is deleted at the start.

    `path(digest)` answers with a file whose bytes were hashed just now: a corrupt one is
    thrown away and fetched again, once. Raises CorruptArtifact when the store's copy is
    corrupt too, FileNotFoundError when the store has none.
    """

    def __init__(self, root: Path, reader: ArtifactReader) -> None:
        self._root = root
        self._reader = reader
        for left in root.glob(f"{_INCOMING}*"):
            shutil.rmtree(left, ignore_errors=True)

    def path(self, digest: str) -> Path:
        place = self._root / blob_path(digest)
        if place.exists() and file_digest(place) == digest:
            return place
        self._fetch(digest, place)
        return place

    def forget(self, digest: str) -> None:
        """Drop the cached copy; the next `path` fetches it anew."""
        (self._root / blob_path(digest)).unlink(missing_ok=True)

    def _fetch(self, digest: str, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._root, prefix=_INCOMING) as folder:
            incoming = Path(folder) / digest
            self._reader.copy_to(digest, incoming)
            found = file_digest(incoming)
            if found != digest:
                raise CorruptArtifact(
                    f"the store's copy of {digest[:12]} has digest {found[:12]}: restore it from a backup",
                    digest=digest,
                    found=found,
                )
            crashpoint("node.fetched")
            with suppress(FileNotFoundError):
                place.unlink()
            incoming.replace(place)
