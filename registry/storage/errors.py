"""What can go wrong between us and the bytes. A missing blob is the built-in FileNotFoundError."""

from __future__ import annotations

from registry.errors import DomainError


class StoreUnavailable(DomainError):
    """The store does not answer, or refuses us; the same call may work later."""

    code = "store_unavailable"


class StoreFull(DomainError):
    """There is no room for these bytes."""

    code = "store_full"


class DamagedArtifact(DomainError):
    """The bytes in the store are no longer those that their digest names."""

    code = "damaged_artifact"


class BadStoreAddress(DomainError):
    """The address of the store cannot be understood."""

    code = "bad_store_address"
