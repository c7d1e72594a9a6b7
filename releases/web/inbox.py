"""Releases that wait for somebody, and the list of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from registry.principals import Access
from registry.selectors import access
from registry.web.pages import page
from registry.web.paging import keyset
from releases import policies, selectors
from releases.lifecycle import Action, State

PAGE_SIZE = 25
MOST_WAITING = 50
ACTING_ROLES = (*policies.SLOT_ROLES.values(), "release_manager", "contributor")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A release and what this person may do for it."""

    release: Any
    what: str


def waiting(person: Any) -> list[Waiting]:
    """What this person may sign, roll out or run again, the longest waiting first."""
    if not getattr(person, "is_authenticated", False) or not access(person).has_role(*ACTING_ROLES):
        return []
    states = (State.VALIDATING, State.IN_REVIEW, State.APPROVED)
    rows = selectors.open_releases(person).filter(state__in=states).order_by("state_since")[:MOST_WAITING]
    seen: dict[int, Access] = {}
    found = []
    for release in rows:
        if release.model_id not in seen:
            seen[release.model_id] = access(person, None, release.model)
        if what := _what(release, seen[release.model_id]):
            found.append(Waiting(release, what))
    return found


def _what(release: Any, asker: Access) -> str:
    facts = selectors.facts(release)
    if facts.state == State.IN_REVIEW:
        mine = [slot for slot in facts.open_slots if not policies.refuse_review(asker, facts, slot)]
        return f"sign the {' or '.join(mine)} review" if mine else ""
    if facts.state == State.APPROVED and not policies.refuse_action(Action.START_ROLLOUT, asker, facts):
        return "start the rollout"
    if not policies.refuse_retry(asker, facts):
        return "run the errored gates again"
    return ""


@page
def releases(request: HttpRequest) -> HttpResponseBase:
    """Waiting for you, then all releases, newest first; `?show=open` leaves out what is done."""
    only_open = request.GET.get("show") == "open"
    rows = selectors.open_releases(request.user) if only_open else selectors.latest_releases(request.user)
    context = {
        "waiting": waiting(request.user),
        "page": keyset(rows, "pk", request.GET.get("cursor", ""), PAGE_SIZE, descending=True),
        "only_open": only_open,
    }
    return render(request, "releases/releases.html", context)
