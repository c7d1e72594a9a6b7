"""The address of a store, as settings and command lines write it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from registry.storage.base import ArtifactStore
from registry.storage.errors import BadStoreAddress
from registry.storage.local import LocalStore
from registry.storage.s3 import S3Store


def from_url(url: str, *, endpoint_url: str | None = None) -> ArtifactStore:
    """`file:/folder` (or `file:relative/folder`), `s3://bucket/prefix`. Raises BadStoreAddress."""
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path:
        return LocalStore(Path(parts.path))
    if parts.scheme == "s3" and parts.netloc:
        return S3Store(parts.netloc, parts.path, endpoint_url)
    raise BadStoreAddress(f"{url!r} is no store: write file:/folder or s3://bucket/prefix.", url=url)
