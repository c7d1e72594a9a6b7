"""Where artifact bytes live. A key is the SHA-256 of the bytes, computed by the store itself."""

from __future__ import annotations

from registry.storage.base import Adopts, ArtifactStore, Stored
from registry.storage.cache import materialise
from registry.storage.location import from_url
from registry.storage.verified import open_verified

__all__ = ["Adopts", "ArtifactStore", "Stored", "from_url", "materialise", "open_verified"]
