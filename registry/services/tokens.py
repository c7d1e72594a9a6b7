"""API tokens: the secret is told once, its SHA-256 is kept, a revocation is an event that nodes follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.utils import timezone

from registry import policies
from registry.errors import BadInput, NotAllowed
from registry.events import Kind, record
from registry.models import ApiToken, Person, RegisteredModel, Scope
from registry.selectors import access, installation_access
from registry.tokens import identifier_of, new_secret, sha256_of
from registry.transactions import write


def create_token(
    name: str,
    *,
    owner: Person,
    scopes: Iterable[str],
    by: Person,
    acting_token: ApiToken | None = None,
    models: Sequence[RegisteredModel] | None = None,
    expires_at: datetime | None = None,
    secret: str = "",
) -> tuple[ApiToken, str]:
    """A token of `owner` and its text, which cannot be read again. `models=None` means all models.

    `secret` is given only by an operator who sets the text himself (the demo). Raises BadInput, NotAllowed.
    """
    wanted = frozenset(scopes)
    _check(name, wanted, expires_at)
    if reason := _refusal(owner, wanted, by, acting_token, models):
        raise NotAllowed(reason)
    identifier, text = (identifier_of(secret) or new_secret()[0], secret) if secret else new_secret()
    with write():
        token = ApiToken.objects.create(
            identifier=identifier,
            secret_sha256=sha256_of(text),
            name=name,
            owner=owner,
            scopes=sorted(wanted),
            all_models=models is None,
            expires_at=expires_at,
        )
        token.for_models.set(models or [])
        record(
            Kind.TOKEN_CREATED,
            token.actor,
            actor=by.actor,
            owner=owner.actor,
            name=name,
            scopes=sorted(wanted),
            models="all" if models is None else sorted(m.name for m in models),
        )
    return token, text


def revoke_token(token: ApiToken, *, by: Person) -> ApiToken:
    """End a token now; the routing plan without it goes out within a second. Twice is once."""
    if by != token.owner and not installation_access(by).has_role("admin"):
        raise NotAllowed("Only its owner or an admin revokes a token.")
    with write():
        if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
            record(Kind.TOKEN_REVOKED, token.actor, actor=by.actor, owner=token.owner.actor)
    token.refresh_from_db()
    return token


def _refusal(
    owner: Person,
    wanted: frozenset[str],
    by: Person,
    acting_token: ApiToken | None,
    models: Sequence[RegisteredModel] | None,
) -> str:
    if reason := policies.refuse_token_making(installation_access(by, acting_token), access(owner)):
        return reason
    owners = [access(owner)] if models is None else [access(owner, None, model) for model in models]
    return next(filter(None, (policies.refuse_token(held, wanted) for held in owners)), "")


def _check(name: str, scopes: frozenset[str], expires_at: datetime | None) -> None:
    if not name.strip() or len(name) > 80:
        raise BadInput(
            "Give the token a name of at most 80 characters that says what it is for.", field="name"
        )
    unknown = scopes - set(Scope.values)
    if unknown or not scopes:
        raise BadInput(f"Choose from the scopes {', '.join(Scope.values)}.", field="scopes")
    if expires_at is not None and expires_at <= timezone.now():
        raise BadInput("The expiry lies in the past.", field="expires_at")
