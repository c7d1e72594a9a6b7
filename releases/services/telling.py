"""From an event to the people who are told of it: whom something waits for, whose wish has ended, whose
model went back. Who did it is told nothing; who may see nothing of it is not asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from django.conf import settings
from django.utils import timezone

from registry import notices, policies
from registry.events import Kind as RegistryKind
from registry.models import Event, Notice, Person, PolicyProposal
from registry.principals import Access
from registry.selectors import access, policy_choices
from registry.transactions import write
from releases import selectors
from releases.events import Kind
from releases.models import Release
from releases.selectors import turns

Why = Notice.Why
WAITING = frozenset(
    {
        Kind.RELEASE_IN_REVIEW,
        Kind.RELEASE_APPROVED,
        Kind.RETIREMENT_ASKED,
        Kind.GATE_FINISHED,
        Kind.ROLLOUT_DECIDED,
        Kind.OVERRIDE_ASKED,
        RegistryKind.POLICY_PROPOSED,
    }
)
ENDED = frozenset(
    {
        Kind.RELEASE_REJECTED,
        Kind.RELEASE_LIVE,
        Kind.RELEASE_ROLLED_BACK,
        Kind.RELEASE_TRIAL_ENDED,
        Kind.RELEASE_WITHDRAWN,
        Kind.RELEASE_RETIRED,
        RegistryKind.POLICY_CONFIRMED,
        RegistryKind.POLICY_REJECTED,
    }
)
RETURNED = frozenset({Kind.RELEASE_ROLLED_BACK, Kind.BREAKER_TRIPPED})
KINDS = WAITING | ENDED | RETURNED
CONFIRM = "confirm or reject the change"


def concerns(event: Event) -> bool:
    """Whether anybody could be told of this event."""
    if event.kind == Kind.GATE_FINISHED:
        return bool(event.facts["outcome"] == "errored")
    if event.kind == Kind.ROLLOUT_DECIDED:
        return bool(event.facts["verdict"] == "propose")
    if event.kind == Kind.BREAKER_TRIPPED:
        return bool(event.facts.get("stays"))
    return event.kind in KINDS


def tell(event: Event) -> int:
    """Write down for each person what they are told of the event; for how many. Twice is once."""
    now, mails = timezone.now(), settings.SMTP is not None
    rows = [
        Notice(person=person, event=event, why=why, made_at=now, due=mails)
        for why, person in _concerned(event)
        if person.actor != event.actor and _may_be_told(person, event)
    ]
    with write():
        Notice.objects.bulk_create(rows, ignore_conflicts=True)
    return len({row.person_id for row in rows})


def subject_of(event: Event) -> Release | PolicyProposal:
    """What an event that people are told of is about."""
    return subjects_of([event])[event.seq]


def subjects_of(events: Collection[Event]) -> dict[int, Release | PolicyProposal]:
    """The same for many of them, by their numbers, with as many queries as for one."""
    of_releases = {e.seq: int(e.subject.partition("/")[2]) for e in events if "proposal" not in e.facts}
    of_policies = {e.seq: e.facts["proposal"] for e in events if "proposal" in e.facts}
    releases = selectors.lines().prefetch_related(None).in_bulk(of_releases.values())
    asked = PolicyProposal.objects.select_related("model", "proposed_by").in_bulk(of_policies.values())
    about: dict[int, Release | PolicyProposal] = {seq: releases[pk] for seq, pk in of_releases.items()}
    return about | {seq: asked[pk] for seq, pk in of_policies.items()}


def _concerned(event: Event) -> Iterator[tuple[str, Person]]:
    about = subject_of(event)
    if event.kind in WAITING:
        yield from ((Why.WAITS, person) for person in _whose_turn(about))
    if event.kind in ENDED:
        yield from ((Why.ENDED, person) for person in _who_asked(about))
    if event.kind in RETURNED:
        yield Why.RETURNED, about.model.created_by


def doable(about: Release | PolicyProposal) -> Callable[[Access], str]:
    """What somebody with that access can do for it now, or nothing."""
    if isinstance(about, PolicyProposal):
        return lambda asker: "" if policy_choices(about, asker).get("confirm", "no") else CONFIRM
    facts = selectors.facts(about)
    return lambda asker: turns.what(facts, asker)


def _whose_turn(about: Release | PolicyProposal) -> list[Person]:
    what = doable(about)
    return [person for person, asker in notices.holders(about.model) if what(asker)]


def _who_asked(about: Release | PolicyProposal) -> set[Person]:
    """Who opened the release, and who started its rollouts; who proposed the policy."""
    if isinstance(about, PolicyProposal):
        return {about.proposed_by}
    started = Event.objects.filter(kind=Kind.ROLLOUT_STARTED, subject=about.subject)
    names = [actor.removeprefix("person/") for actor in started.values_list("actor", flat=True)]
    return {about.opened_by, *Person.objects.filter(username__in=names)}


def _may_be_told(person: Person, event: Event) -> bool:
    return person.is_active and not person.is_machine and may_see(person, event)


def may_see(person: Person, event: Event) -> bool:
    """Whether the person may see, now, what the event is about."""
    return not policies.refuse_view(access(person, None, subject_of(event).model))
