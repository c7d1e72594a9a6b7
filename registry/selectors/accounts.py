"""People as this installation knows them, and who may become one."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils import timezone

from registry.builders import counted, keys
from registry.errors import NotFound
from registry.models import Invitation, ModelVersion, Person
from registry.tokens import sha256_of


def person(username: str, *, gone_too: bool = False) -> Person:
    """The person of that name; `gone_too` also finds who has no access any more. Raises NotFound."""
    found = Person.objects.filter(username=username).first()
    if found is None or not (found.is_active or gone_too):
        raise NotFound(f"There is no person {username!r}.")
    return found


def people(search: str = "") -> QuerySet[Person]:
    """Every account with what it holds, by name; `search` is a part of the name or of the mail address."""
    found = Person.objects.order_by("username").prefetch_related("memberships__model")
    if search:
        found = found.filter(Q(username__icontains=search) | Q(email__icontains=search))
    return found


def has_accounts() -> bool:
    """Whether anybody can log in here."""
    return Person.objects.filter(is_machine=False).exists()


def invitation(text: str) -> Invitation:
    """The invitation that a link still opens. Raises NotFound."""
    found = Invitation.objects.filter(
        secret_sha256=sha256_of(text), used_at=None, expires_at__gt=timezone.now()
    ).first()
    if found is None or (found.person_id is None and has_accounts()):
        raise NotFound("This link was used before, or it is too old: ask for another one.")
    return found


def builders(of: ModelVersion, plus_addresses: str = "same") -> list[Person]:
    """The accounts that the manifest's `built.by` means, now or once; none where the builder is unknown."""
    meant = counted(keys(of.built_by), plus_addresses)
    return list(Person.objects.filter(keys__key__in=meant).distinct().order_by("username"))
