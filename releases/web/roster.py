"""Who may do what on a model, as names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry import selectors

if TYPE_CHECKING:
    from registry.models import Person, RegisteredModel


@dataclass(frozen=True, slots=True)
class Member:
    """One person and their roles on one model."""

    person: Person
    roles: tuple[str, ...]


def members(model: RegisteredModel) -> list[Member]:
    """Everybody with a role on this model, by name."""
    people: dict[str, Person] = {}
    roles: dict[str, set[str]] = {}
    for membership in selectors.members(model):
        name = membership.person.get_username()
        people[name] = membership.person
        roles.setdefault(name, set()).add(membership.role)
    return [Member(people[name], tuple(sorted(roles[name]))) for name in sorted(people)]


def names_with(role: str, people: list[Member]) -> list[str]:
    """The usernames of those who have the role and can log in."""
    return [m.person.get_username() for m in people if role in m.roles and not m.person.is_machine]
