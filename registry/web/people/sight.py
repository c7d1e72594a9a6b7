"""Who may see accounts, and what a reader may do about them."""

from __future__ import annotations

from dataclasses import dataclass

from registry import policies, selectors
from registry.errors import NotAllowed
from registry.web.pages import PersonRequest


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a reader may not grant roles, or not erase words; nothing where they may."""

    grant: str
    erase: str


def require_sight(request: PersonRequest) -> None:
    """Raises NotAllowed for who may see no accounts."""
    if reason := policies.refuse_people(selectors.installation_access(request.user)):
        raise NotAllowed(reason)


def refused(request: PersonRequest) -> Refused:
    asker = selectors.installation_access(request.user)
    return Refused(policies.refuse_grant(asker), policies.refuse_erasure(asker))
