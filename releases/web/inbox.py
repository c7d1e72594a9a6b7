"""What waits for somebody, and the list of all releases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.http import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from registry import notices
from registry import selectors as registry_selectors
from registry.principals import Access
from registry.selectors import accesses
from registry.web.pages import PersonRequest, page
from releases import selectors
from releases.selectors import lists, turns
from releases.services import letters, telling
from releases.web.filters import Listed, ReleaseFilter
from releases.web.sentences import sentence

if TYPE_CHECKING:
    from registry.models import Person, PolicyProposal
    from releases.models import Release

MOST_TOLD = 8
"""The last things on the first page; the rest is in the list."""
MOST_WAITING = 25
"""What waits for one person: with more it says so, and the list of releases has them."""
MOST_FOUND = 1000
"""Numbers of people kept in one process: then all are forgotten, and counted anew."""

_found: dict[int, tuple[str, Inbox]] = {}
"""Per person: the log's head when somebody looked, and what waited."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that stands still until this person does what they may do for it."""

    title: str
    where: str
    address: str
    what: str
    state: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """Something that was told to this person."""

    title: str
    address: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Inbox:
    """What waits for a person, the longest waiting first; `more`: others were not looked at."""

    rows: list[Waiting]
    more: bool = False

    def __str__(self) -> str:
        """How many: `7`, or `25+` where nobody has counted on. Nothing where nothing was found."""
        return f"{len(self.rows)}{'+' if self.more else ''}" if self.rows else ""


def waiting(person: Person) -> Inbox:
    """What this person may decide, sign, roll out or run again: policies, then releases.

    As many queries for many of them as for one.
    """
    if not getattr(person, "is_authenticated", False):
        return Inbox([])
    rows, more = turns.awaiting(person, MOST_WAITING)
    proposals = list(registry_selectors.open_policy_proposals(person)[:MOST_WAITING])
    if not rows and not proposals:
        return Inbox([])
    models = {each.model_id for each in rows} | {each.model_id for each in proposals}
    askers = accesses(person, models)
    known = selectors.facts_of(rows)
    told = [(release, turns.what(known[release.pk], askers[release.model_id])) for release in rows]
    return Inbox(
        [
            *(_of_proposal(each) for each in proposals if _may_confirm(each, askers[each.model_id])),
            *(_of_release(release, what) for release, what in told if what),
        ],
        more or len(proposals) == MOST_WAITING,
    )


def waiting_for(person: Person) -> Inbox:
    """The same for a person who asks for a page, found again for as long as nothing has happened.

    Every page's frame shows it, and looking would be a third of a page's time. All it depends on changes
    by events only, so what was found under one head of the log is right until the log goes on.
    """
    key, head = person.pk, registry_selectors.log_head()
    before = _found.get(key)
    if before is not None and before[0] == head:
        return before[1]
    inbox = waiting(person)
    if len(_found) >= MOST_FOUND:
        _found.clear()
    _found[key] = (head, inbox)
    return inbox


def told(person: Person) -> list[Told]:
    """What this person was told last, newest first. As many queries for many as for one."""
    events = [notice.event for notice in notices.latest(person, MOST_TOLD)]
    about = telling.subjects_of(events)
    return [
        Told(
            letters.name_of(about[event.seq]),
            letters.page_of(about[event.seq]),
            sentence(event.kind, event.facts),
            event.at,
        )
        for event in events
    ]


def _may_confirm(proposal: PolicyProposal, asker: Access) -> bool:
    return not registry_selectors.policy_choices(proposal, asker)["confirm"]


def _of_proposal(proposal: PolicyProposal) -> Waiting:
    return Waiting(
        title=f"{proposal.model}: its policy",
        where=f"proposed by {proposal.proposed_by}",
        address=reverse("policy", args=[proposal.model.name]),
        what="confirm or reject the change",
        state="proposed",
        since=proposal.proposed_at,
    )


def _of_release(release: Release, what: str) -> Waiting:
    return Waiting(
        title=f"{release.model} version {release.version.number}",
        where=f"to {release.environment.name}",
        address=reverse("release", args=[release.pk]),
        what=what,
        state=release.state,
        since=release.state_since,
    )


@page
def releases(request: PersonRequest) -> HttpResponseBase:
    """Waiting for you, then releases, newest first, filtered by the address's query."""
    form = ReleaseFilter(request.GET)
    asked = form.read()
    opened_by = request.user if asked.pop("mine", False) else None
    rows = lists.releases(request.user, lists.ReleasesWanted(**asked, opened_by=opened_by))
    context = {
        "mark": notices.mark(request.user),  # before what is shown, so that nothing is taken for seen
        "inbox": waiting_for(request.user),
        "news": told(request.user),
        "listed": Listed.of(form, rows),
    }
    return render(request, "releases/inbox/page.html", context, status=form.status)
