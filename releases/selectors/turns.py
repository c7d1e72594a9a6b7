"""Whose turn it is: the releases for which a person can do something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.utils import timezone

from registry.models import BuilderKey, Membership, PersonKey, VersionUploader
from registry.principals import Access
from releases import policies
from releases.guards import DATA_GATES
from releases.lifecycle import Action, State
from releases.models import Arm, AskedSlot, FreezeOverride, GateRun, Proposal, Release, Review, Rollout
from releases.selectors.policy_facts import asking_back
from releases.selectors.releases import lines

if TYPE_CHECKING:
    from registry.models import Person


def awaiting(person: Person, most: int) -> tuple[list[Release], bool]:
    """Releases for which this person can probably do something, the longest waiting first, at most so many;
    and whether there are more. What they may really do is for the policies to say.

    Each state is read from the longest waiting on, and only as far as needed.
    """
    held: dict[str, list[int | None]] = {}
    for role, model in Membership.objects.filter(person=person).values_list("role", "model"):
        held.setdefault(role, []).append(model)
    found: list[tuple[datetime, int]] = []
    for state, could in _steps_open_to(person, held):
        rows = Release.objects.filter(could, state=state).order_by("state_since", "pk")
        found += rows.values_list("state_since", "pk")[: most + 1]
    keys = [pk for _, pk in sorted(found)]
    rows = (
        lines()
        .filter(pk__in=keys[:most])
        .prefetch_related(None)
        .prefetch_related(
            Prefetch("gate_runs", GateRun.objects.filter(outcome=GateRun.Outcome.ERRORED).defer("evidence")),
            Prefetch("reviews", Review.objects.select_related("person")),
            "version__uploaders__person",
        )
    )
    return sorted(rows, key=lambda row: (row.state_since, row.pk)), len(keys) > most


def what(facts: policies.Facts, asker: Access) -> str:
    """What a release waits for this person to do, or nothing."""
    if facts.state == State.IN_REVIEW:
        mine = [slot for slot in facts.open_slots if not policies.refuse_review(asker, facts, slot)]
        return f"sign the {' or '.join(mine)} review" if mine else ""
    if facts.override_asked_by and not policies.refuse_override(asker, facts):
        return f"agree to the override of the freeze that {facts.override_asked_by} asks for"
    if facts.state == State.APPROVED and not policies.refuse_action(Action.START_ROLLOUT, asker, facts):
        return "start the rollout"
    if facts.asks_for and not policies.refuse_steering("accept_proposal")(asker, facts):
        return "answer what its rollout asks"
    if facts.state == State.LIVE:
        return _while_live(facts, asker)
    if facts.opened_by == asker.username and _is_ready_to_submit(asker, facts):
        return "submit it, or withdraw it"
    if not policies.refuse_retry(asker, facts):
        return "run the errored gates again"
    return ""


def _while_live(facts: policies.Facts, asker: Access) -> str:
    if facts.asks_back and not policies.refuse_action(Action.ROLL_BACK, asker, facts):
        return "roll it back, or leave it: it is worse than what was live before"
    if facts.retire_asked_by and not policies.refuse_action(Action.RETIRE, asker, facts):
        return f"agree with {facts.retire_asked_by} to take the model offline"
    return ""


def _is_ready_to_submit(asker: Access, facts: policies.Facts) -> bool:
    return facts.state == State.DRAFT and not policies.refuse_action(Action.SUBMIT, asker, facts)


def _steps_open_to(person: Person, held: Mapping[str, list[int | None]]) -> Iterator[tuple[State, Q]]:
    """Each state in which releases wait for people, with those that could wait for this one."""

    def where(*roles: str) -> Q | None:
        models = {model for role in roles for model in held.get(role, ())}
        return None if not models else Q() if None in models else Q(model__in=models)

    slots = [
        models & _unsigned(slot)
        for slot, role in policies.SLOT_ROLES.items()
        if (models := where(role)) is not None
    ]
    if slots:
        yield State.IN_REVIEW, reduce(or_, slots) & ~_by_or_signed_by(person) & ~_in_vain()
    if (models := where("release_manager")) is not None:
        taken = Rollout.objects.filter(
            model=OuterRef("model"), environment=OuterRef("environment"), closed_at=None
        )
        yield State.APPROVED, models & Q(~Exists(taken)) & ~_in_vain()
        yield State.ROLLING_OUT, models & Q(Exists(_asking()))
    if (models := where("release_manager", "approver")) is not None:
        asked = FreezeOverride.objects.filter(
            release=OuterRef("pk"), agreed_at=None, until__gt=timezone.now()
        ).exclude(asked_by=person)
        for state in (State.APPROVED, State.ROLLING_OUT):
            yield state, models & Q(Exists(asked))
    if (models := where("release_manager", "approver")) is not None:
        back = asking_back().filter(rollout__release=OuterRef("pk"))
        yield State.LIVE, models & (Q(retire_asked_by__isnull=False) | Q(Exists(back)))
    if (models := where("contributor", "release_manager")) is not None:
        errored = GateRun.objects.filter(release=OuterRef("pk"), outcome=GateRun.Outcome.ERRORED)
        yield State.VALIDATING, models & Q(Exists(errored))
        # Nobody has handed it to anybody: it waits for whoever opened it.
        yield State.DRAFT, models & Q(opened_by=person)


def _asking() -> QuerySet[Arm]:
    """Of several releases that take part in a rollout which asks something, the first that is still in it."""
    inside = Arm.objects.filter(role=Arm.Role.CHALLENGER, left_at=None)
    asks = Proposal.objects.filter(rollout=OuterRef("rollout"), outcome=Proposal.Outcome.OPEN)
    earlier = inside.filter(rollout=OuterRef("rollout"), pk__lt=OuterRef("pk"))
    mine = inside.filter(release=OuterRef("pk"), rollout__closed_at=None)
    return mine.filter(Exists(asks), ~Exists(earlier))


def _in_vain() -> Q:
    """What anybody signs or starts here leads nowhere: the version is live already, or never will be."""
    same = Release.objects.filter(version=OuterRef("version"), environment=OuterRef("environment"))
    failed = GateRun.objects.filter(
        release__version=OuterRef("version"), gate__in=DATA_GATES, outcome=GateRun.Outcome.FAILED
    )
    return Q(Exists(same.filter(state=State.LIVE))) | Q(Exists(failed))


def _unsigned(slot: str) -> Q:
    """The policy wants this slot, and nobody has signed it for the evidence that stands now."""
    signed = Review.objects.filter(
        release=OuterRef("pk"), evidence_digest=OuterRef("evidence_digest"), slot=slot, verdict="approve"
    )
    asked = AskedSlot.objects.filter(release=OuterRef("pk"), slot=slot)
    return Q(~Exists(signed), Exists(asked))


def _by_or_signed_by(person: Person) -> Q:
    """Four eyes: who uploaded or built it, or has signed it, has nothing more to sign."""
    mine = Q(Exists(VersionUploader.objects.filter(version=OuterRef("version"), person=person)))
    known = PersonKey.objects.filter(person=person, key=OuterRef("key"))
    mine |= Q(Exists(BuilderKey.objects.filter(Exists(known), version=OuterRef("version"))))
    signed = Review.objects.filter(
        release=OuterRef("pk"), evidence_digest=OuterRef("evidence_digest"), person=person
    )
    return mine | Q(Exists(signed))
