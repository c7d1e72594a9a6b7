"""Files of a version, read back out of the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from registry.errors import NotFound
from registry.models import ModelVersion
from registry.stores import artifact_store


@dataclass(frozen=True, slots=True)
class Download:
    """One file: a stream to be closed by the caller, its name, its size in bytes, its digest."""

    stream: BinaryIO
    name: str
    size: int
    sha256: str


def open_file(version: ModelVersion, key: str) -> Download:
    """The file of that key. Raises NotFound, or FileNotFoundError where the store lost it."""
    for file in version.files.all():
        if file.key == key:
            stream = artifact_store().open(file.artifact_id)
            return Download(stream, file.name, file.artifact.size, file.artifact_id)
    known = ", ".join(sorted(file.key for file in version.files.all()))
    raise NotFound(f"Version {version.number} has no file {key!r}: it has {known}.", field="key")
