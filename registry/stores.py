"""The artifact store that the settings name, one for the process."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from registry.storage import ArtifactStore, from_url


@cache
def artifact_store() -> ArtifactStore:
    """Where artifact bytes live."""
    return from_url(settings.STORE, endpoint_url=settings.S3_ENDPOINT_URL or None)
