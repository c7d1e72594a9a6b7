"""Versions out of the database as the comparison takes them."""

from __future__ import annotations

from typing import Any

from releases.comparing import facts


def changes(base: Any, head: Any) -> list[facts.Change]:
    """What differs between two versions; their files are read with one query each, or prefetched."""
    return facts.changes(_document(base), _document(head))


def _document(version: Any) -> dict[str, Any]:
    files = {f.key: (f.artifact_id, f.artifact.size) for f in version.files.select_related("artifact")}
    return facts.document(version.manifest, files, version.signature)
