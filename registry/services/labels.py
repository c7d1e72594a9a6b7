"""Tags, and names that move between the versions of a model: each change with its event."""

from __future__ import annotations

from collections.abc import Mapping

from registry.events import Kind, record
from registry.models import Alias, ModelVersion, Tag
from registry.transactions import write


def tag(version: ModelVersion, tags: Mapping[str, str], *, actor: str) -> None:
    """Put tags on a version; a key that is there already takes the new value."""
    if not tags:
        return
    with write():
        for key, value in tags.items():
            Tag.objects.update_or_create(
                version=version, key=key, defaults={"model": version.model, "value": value}
            )
        record(
            Kind.VERSION_TAGGED,
            _subject(version),
            actor=actor,
            model=version.model.name,
            tags=dict(sorted(tags.items())),
        )


def move_alias(version: ModelVersion, name: str, *, actor: str) -> None:
    """Let a name mean this version from now on. Where it does already, nothing happens."""
    with write():
        known = Alias.objects.filter(model=version.model, name=name).select_related("version").first()
        if known is not None and known.version_id == version.pk:
            return
        Alias.objects.update_or_create(model=version.model, name=name, defaults={"version": version})
        record(
            Kind.ALIAS_MOVED,
            _subject(version),
            actor=actor,
            model=version.model.name,
            alias=name,
            before=None if known is None else known.version.number,
        )


def _subject(version: ModelVersion) -> str:
    return f"version/{version.model.name}/{version.number}"
