"""Files of a version, read back out of the store."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import BinaryIO

from registry.errors import NotFound
from registry.models import ModelVersion
from registry.storage import open_verified
from registry.storage.errors import DamagedArtifact
from registry.stores import artifact_store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Download:
    """One file: a stream to be closed by the caller, its name, its size in bytes, its digest."""

    stream: BinaryIO
    name: str
    size: int
    sha256: str


def opened(name: str, size: int, sha256: str) -> Download:
    """Bytes of ours under a name of theirs. The stream breaks off rather than give other bytes."""
    try:
        return Download(open_verified(artifact_store(), sha256, size), name, size, sha256)
    except DamagedArtifact as trouble:
        log.error("%s cannot be given out: %s", name, trouble)
        raise


def open_file(version: ModelVersion, key: str) -> Download:
    """The file of that key. Raises NotFound, and DamagedArtifact where the store has other bytes or none."""
    for file in version.files.all():
        if file.key == key:
            return opened(file.name, file.artifact.size, file.artifact_id)
    known = ", ".join(sorted(file.key for file in version.files.all()))
    raise NotFound(f"Version {version.number} has no file {key!r}: it has {known}.", field="key")
