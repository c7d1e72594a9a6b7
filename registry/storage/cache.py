"""Artifacts as local files, each checked against its digest on the way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from registry.storage.base import ArtifactStore, CountedReader
from registry.storage.durable import publish, temporary_file
from registry.storage.local import LocalStore
from registry.storage.verified import damaged


def materialise(store: ArtifactStore, digest: str, target: Path) -> Path:
    """Put the artifact at `target` and return it: a hard link from a store on the same disk, else a copy.

    A file that is there already is kept if its bytes are right and replaced if
    not. Raises FileNotFoundError when the store does not have it, and
    DamagedArtifact when what the store has no longer fits the digest.
    """
    if target.exists() and digest_of(target) == digest:
        return target
    target.unlink(missing_ok=True)
    if isinstance(store, LocalStore) and _linked(store.path(digest), target):
        _refuse_damage(digest_of(target), digest, target)
        return target
    with store.open(digest) as source, temporary_file(target.parent) as file:
        reader = CountedReader(source, None)
        for chunk in reader.chunks():
            file.write(chunk)
        _refuse_damage(reader.stored().digest, digest)
        publish(file, target, root=target.parent)
    return target


def digest_of(path: Path) -> str:
    """SHA-256 of a file, read once from start to end."""
    with path.open("rb") as stream:
        return digest_of_stream(stream)


def digest_of_stream(stream: BinaryIO) -> str:
    reader = CountedReader(stream, None)
    for _ in reader.chunks():
        pass
    return reader.stored().digest


def _linked(source: Path, target: Path) -> bool:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without links
        return False
    return True


def _refuse_damage(found: str, digest: str, target: Path | None = None) -> None:
    if found == digest:
        return
    if target is not None:
        target.unlink()
    raise damaged(digest, found)
