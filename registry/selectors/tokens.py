"""Bearer tokens: the one that a text is, and those of a person."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils import timezone

from registry.errors import NotFound
from registry.models import ApiToken, Person
from registry.tokens import sha256_of


def token(secret: str) -> ApiToken | None:
    """The token that this text is, if it is valid now."""
    usable = ApiToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None)
    return (
        usable.select_related("owner").filter(secret_sha256=sha256_of(secret), owner__is_active=True).first()
    )


def tokens_of(owner: Person) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(owner=owner).prefetch_related("for_models").order_by("-created_at")


def token_of(owner: Person, pk: int) -> ApiToken:
    """One of the owner's tokens. Raises NotFound."""
    found = ApiToken.objects.filter(owner=owner, pk=pk).first()
    if found is None:
        raise NotFound("You have no such token.")
    return found
