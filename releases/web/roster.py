"""Who may do what on a model, as names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q


@dataclass(frozen=True, slots=True)
class Member:
    """One person and their roles on one model; `everywhere` are those they have on all models."""

    person: Any
    roles: tuple[str, ...]
    everywhere: frozenset[str]


def members(model: Any) -> list[Member]:
    """Everybody with a role on this model, by name. Two queries."""
    reach = Q(memberships__model=None) | Q(memberships__model=model)
    people = get_user_model().objects.filter(reach, memberships__isnull=False, is_active=True).distinct()
    found = []
    for person in people.order_by("username").prefetch_related("memberships"):
        mine = [m for m in person.memberships.all() if m.model_id in (None, model.pk)]
        roles = sorted({m.role for m in mine})
        found.append(Member(person, tuple(roles), frozenset(m.role for m in mine if m.model_id is None)))
    return found


def names_with(role: str, people: list[Member]) -> list[str]:
    """The usernames of those who have the role and can log in."""
    return [m.person.get_username() for m in people if role in m.roles and not m.person.is_machine]
