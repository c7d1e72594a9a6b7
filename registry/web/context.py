"""What the frame of every page shows: the section, and what the person is here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from registry import policies, selectors

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from registry.models import Person

SECTIONS = ("search", "releases", "freezes", "nodes", "audit", "health", "tokens", "people", "account")


def frame(request: HttpRequest) -> dict[str, object]:
    """`section` of the navigation and `role_names` of the person; asked for only when shown."""
    first = request.path.strip("/").split("/")[0]
    return {
        "section": first if first in SECTIONS else "models",
        "role_names": SimpleLazyObject(lambda: role_names(request.user)),
        "sees_people": SimpleLazyObject(lambda: sees_people(request.user)),
    }


def sees_people(person: Person | AnonymousUser) -> bool:
    """Whether the list of accounts is for this person."""
    return not policies.refuse_people(selectors.installation_access(person))


def role_names(person: Person | AnonymousUser) -> list[str]:
    """The person's roles on any model, as words."""
    return sorted(role.replace("_", " ") for role in selectors.access(person).roles)
