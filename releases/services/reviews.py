"""Signatures: one person, one slot, grounds in words, bound to the evidence as it stands."""

from __future__ import annotations

from django.db import IntegrityError

from registry.errors import BadInput, NotAllowed
from registry.events import grounds as keep_grounds
from registry.events import record
from registry.models import ApiToken, Person
from registry.selectors import access
from registry.services.wording import on_grounds
from registry.transactions import write
from releases import policies, selectors
from releases.errors import SlotTaken
from releases.events import Kind
from releases.lifecycle import Action
from releases.models import Release, Review
from releases.services.transitions import advance


def give_review(
    release: Release, *, slot: str, verdict: str, grounds: str, by: Person, token: ApiToken | None = None
) -> Release:
    """Sign one slot. The last approval approves the release, one refusal rejects it.

    Raises BadInput, NotAllowed with the reason, SlotTaken when somebody was faster.
    """
    if verdict not in Review.Verdict.values:
        raise BadInput("Write approve or reject.", field="verdict")
    words = on_grounds(grounds)
    try:
        with write():
            return _sign(release.pk, slot, verdict, words, by, token)
    except IntegrityError as error:
        raise SlotTaken(f"This review cannot be taken: {error}") from error


def _sign(pk: int, slot: str, verdict: str, words: str, by: Person, token: ApiToken | None) -> Release:
    release = selectors.release(pk, by)
    facts = selectors.facts(release)
    if reason := policies.refuse_review(access(by, token, release.model), facts, slot):
        raise NotAllowed(reason)
    kept = keep_grounds(words, by)
    Review.objects.create(
        release=release,
        slot=slot,
        verdict=verdict,
        person=by,
        grounds=kept,
        version_digest=release.version.digest,
        evidence_digest=release.evidence_digest,
    )
    record(
        Kind.REVIEW_GIVEN,
        release.subject,
        actor=by.actor,
        model=release.model.name,
        version=release.version.number,
        slot=slot,
        verdict=verdict,
        grounds=kept.digest,
        evidence=release.evidence_digest,
    )
    if verdict == Review.Verdict.REJECT:
        return advance(release, Action.REJECT, actor=by.actor, slot=slot, grounds=kept.digest)
    if set(facts.open_slots) == {slot}:
        return advance(release, Action.APPROVE, actor=by.actor, slot=slot, evidence=release.evidence_digest)
    return release
