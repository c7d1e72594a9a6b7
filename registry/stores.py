"""The artifact store that the settings name, one for the process."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from registry.storage import Adopts, ArtifactStore, from_url


@cache
def artifact_store() -> ArtifactStore:
    """Where artifact bytes live."""
    return from_url(settings.STORE, endpoint_url=settings.S3_ENDPOINT_URL or None)


def sync_early() -> bool:
    """Whether a file that arrives will be kept as it is, so that it should be on the disk soon."""
    store = artifact_store()
    return isinstance(store, Adopts) and store.keeps_the_file
