"""Artifact stores as a node reads them, by URL."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

from scoring.artifacts import ArtifactReader, LocalReader


def reader(url: str, endpoint_url: str | None = None) -> ArtifactReader:
    """The store at `file:/folder` or `s3://bucket/prefix`. Raises ValueError for any other URL."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path and not parts.query:
        return LocalReader(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        found: ArtifactReader = import_module("scoring.node.s3").S3Reader(
            parts.netloc, parts.path.strip("/"), endpoint_url
        )
        return found
    raise ValueError(f"{url!r} is no store: write file:/folder or s3://bucket/prefix")
