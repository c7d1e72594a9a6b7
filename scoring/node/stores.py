"""Artifact stores as a node sees them, by URL: it reads what it serves, and adds its prediction log."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from scoring.artifacts import ArtifactReader, LocalReader, blob_path
from scoring.node.files import sync_folder


class NodeStore(ArtifactReader, Protocol):
    """What a node needs of a store."""

    def put(self, content: bytes) -> str:
        """Keep the bytes under their digest, which is returned. Raises whatever the store raises."""
        ...


class LocalStore(LocalReader):
    """A folder on this machine, or one that several mount."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._folder = root

    def put(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        place, incoming = self._folder / blob_path(digest), self._folder / "tmp"
        for folder in (place.parent, incoming):
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=incoming, prefix="put-") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o444)
            os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(file.name, place)
        for folder in place.parents:
            sync_folder(folder)
            if folder == self._folder:
                break
        return digest


def store(url: str, endpoint_url: str | None = None) -> NodeStore:
    """The store at `file:/folder` or `s3://bucket/prefix`. Raises ValueError for any other URL."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path and not parts.query:
        return LocalStore(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        found: NodeStore = import_module("scoring.node.s3").S3Store(
            parts.netloc, parts.path.strip("/"), endpoint_url
        )
        return found
    raise ValueError(f"{url!r} is no store: write file:/folder or s3://bucket/prefix")
