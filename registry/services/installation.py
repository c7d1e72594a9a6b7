"""Which database this is. Made once, the first time that somebody asks."""

from __future__ import annotations

import secrets

from registry.models import Installation


def installation_name() -> str:
    """32 hex digits that no other database has, and that this one keeps."""
    found, _ = Installation.objects.get_or_create(pk=1, defaults={"name": secrets.token_hex(16)})
    return found.name
