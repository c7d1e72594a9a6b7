"""The tokens that scoring must know."""

from __future__ import annotations

from django.db.models import Q
from django.utils import timezone

from formats.plan import EVERY_MODEL
from registry.models import ApiToken, Membership


def scoring_tokens() -> list[tuple[ApiToken, frozenset[str]]]:
    """Tokens that the data plane must know (not revoked, not expired), each with the models for which it
    counts: those on which its owner holds a role, for any role carries what the data plane does."""
    usable = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    rows = ApiToken.objects.filter(usable, revoked_at=None, owner__is_active=True).order_by("pk")
    held: dict[int, set[str]] = {}
    for owner, name in Membership.objects.filter(person__tokens__in=rows).values_list(
        "person", "model__name"
    ):
        held.setdefault(owner, set()).add(name or EVERY_MODEL)
    return [
        (token, _counts_for(token, held.get(token.owner_id, set())))
        for token in rows.select_related("owner").prefetch_related("for_models")
    ]


def _counts_for(token: ApiToken, held: set[str]) -> frozenset[str]:
    everywhere = token.owner.is_superuser or EVERY_MODEL in held
    if token.all_models:
        return frozenset({EVERY_MODEL} if everywhere else held)
    names = {model.name for model in token.for_models.all()}
    return frozenset(names if everywhere else names & held)
