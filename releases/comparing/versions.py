"""Versions out of the database as the comparison takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from releases.comparing import facts

if TYPE_CHECKING:
    from registry.models import ModelVersion


def changes(base: ModelVersion, head: ModelVersion, *, same_too: bool = False) -> list[facts.Change]:
    """What differs between two versions; one query for the files of each."""
    return facts.changes(_document(base), _document(head), same_too=same_too)


def _document(version: ModelVersion) -> dict[str, object]:
    files = {f.key: (f.artifact_id, f.artifact.size) for f in version.files.select_related("artifact")}
    return facts.document(version.manifest, files, version.signature)
