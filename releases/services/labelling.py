"""Labels: an expert says which of two answers was right, without knowing whose they were, and may undo it."""

from __future__ import annotations

from django.utils import timezone

from registry.errors import BadInput, NotAllowed, NotFound
from registry.models import ApiToken, Person
from registry.selectors import access
from registry.transactions import write
from releases import policies
from releases.errors import AlreadyJudged, NothingOpen
from releases.events import Kind
from releases.models import Judgement, Rollout
from releases.rollout.labelling import cases
from releases.rollout.labelling.cases import Case
from releases.rollout.switching import switches
from releases.traffic.owners import signed

OVER = "There is nothing to label: this rollout compares nothing (any more)."
FIRST, SECOND, BOTH, NEITHER = ANSWERS = ("first", "second", "both", "neither")


def cases_for(rollout: Rollout, by: Person, token: ApiToken | None = None) -> list[Case]:
    """What is left to judge; of a rollout that is over nothing is. Raises NotAllowed."""
    _check(rollout, by, token)
    return cases.open_cases(rollout) if _is_open(rollout) else []


def give(rollout: Rollout, *, case: str, right: str, by: Person, token: ApiToken | None = None) -> Judgement:
    """Which answer was right, of the two as they were shown. Raises NotAllowed, BadInput,
    NotFound for a case that is not there (any more), AlreadyJudged."""
    if right not in ANSWERS:
        raise BadInput(f"Write one of {', '.join(ANSWERS)}.", field="right")
    found = next((each for each in cases_for(rollout, by, token) if each.key == case), None)
    if found is None:
        raise NotFound(
            f"There is no case {case[:64]!r} to judge: it has a label, or its time is over.", case=case
        )
    meant = _meant(found, right)
    with write():
        unit = signed(found.unit)
        known = Judgement.objects.filter(rollout=rollout, about=found.about, unit=unit, undone_at=None)
        if known.exists():
            raise AlreadyJudged("Somebody has judged this unit meanwhile.", case=case)
        actor = (token or by).actor
        told = {"about": found.about, "request": found.request, "right": str(meant)}
        event = switches.tell(rollout, Kind.LABEL_GIVEN, actor=actor, **told)
        return Judgement.objects.create(
            rollout=rollout,
            about=found.about,
            request=found.request,
            unit=unit,
            revision=found.revision,
            right=meant,
            by=actor,
            event=event,
        )


def undo(rollout: Rollout, *, by: Person, token: ApiToken | None = None) -> Judgement:
    """Take one's own last label back: the case can be judged again. Raises NotAllowed, NothingOpen."""
    _check(rollout, by, token)
    if not _is_open(rollout):
        raise NothingOpen(OVER)
    with write():
        actor = (token or by).actor
        last = Judgement.objects.filter(rollout=rollout, by=actor, undone_at=None).order_by("-pk").first()
        if last is None:
            raise NothingOpen("There is no label of yours to take back.")
        last.undone_at = timezone.now()
        last.save(update_fields=["undone_at"])
        switches.tell(rollout, Kind.LABEL_UNDONE, actor=actor, label=last.event_id, about=last.about)
        return last


def _meant(case: Case, right: str) -> Judgement.Right:
    if right in (BOTH, NEITHER):
        return Judgement.Right(right)
    return Judgement.Right.NEW if (right == FIRST) == case.new_first else Judgement.Right.OLD


def _check(rollout: Rollout, by: Person, token: ApiToken | None) -> None:
    if reason := policies.refuse_labels(access(by, token, rollout.model)):
        raise NotAllowed(reason)


def _is_open(rollout: Rollout) -> bool:
    return rollout.closed_at is None and rollout.by_stages
