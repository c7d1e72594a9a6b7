"""Who can log in, and where they are. Reads alone."""

from __future__ import annotations

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import Q, QuerySet
from django.utils import timezone

from registry.errors import NotFound
from registry.models import Membership, Person, Role, Session


def administrators() -> QuerySet[Person]:
    """Who can log in and make accounts and grant roles for all models."""
    grants = Q(is_superuser=True) | Q(
        pk__in=Membership.objects.filter(model=None, role=Role.ADMIN).values("person")
    )
    can_log_in = Person.objects.filter(is_active=True, is_machine=False)
    return can_log_in.exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX).filter(grants)


def is_last_administrator(of: Person) -> bool:
    """Whether nobody could grant roles any more without this person."""
    others = administrators()
    return others.filter(pk=of.pk).exists() and not others.exclude(pk=of.pk).exists()


def sessions(of: Person) -> list[Session]:
    """Where the person is logged in, the latest use first."""
    return list(Session.objects.filter(person=of, expire_date__gt=timezone.now()).order_by("-seen_at"))


def session(of: Person, identifier: str) -> Session:
    """One of the person's own sessions. Raises NotFound."""
    found = next((one for one in sessions(of) if one.identifier == identifier), None)
    if found is None:
        raise NotFound("You have no such session: it has ended already.")
    return found
