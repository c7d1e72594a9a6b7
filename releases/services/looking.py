"""Looks at all open rollouts in the turn of a tick, at about what it costs to look at a few.

What they are decided by is read for many together. A look by which nothing is done, as nearly all are, is
over with that. Where something is to be done, or anything is amiss, the rollout is looked at once more by
itself: what was read with the others may be a second old by then.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Max, OuterRef, Subquery
from django.utils import timezone

from formats.heartbeat import Heartbeat
from releases.models import Environment, EvidencePoint, Proposal, Rollout
from releases.rollout import staging, stored
from releases.rollout.designs.design import Design
from releases.rollout.outcomes import cohorts
from releases.rollout.strategies.base import Verdict
from releases.services import deciding
from releases.services.deciding import Held

TOGETHER = 100
"""Bounds what a tick holds in memory, and for how long it writes what was seen."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Beside:
    """What a look asks for beside the counts, by rollout."""

    asked: Mapping[int, Proposal]
    points: Mapping[int, EvidencePoint]


def look_at_all(environment: Environment, beats: Sequence[Heartbeat]) -> None:
    """Look at the open rollouts whose turn it is. The trouble of one delays no other."""
    now = timezone.now()
    mine = deciding.open_ones().filter(environment=environment).order_by("pk")
    due = list(deciding.whose_turn(mine, now))
    for start in range(0, len(due), TOGETHER):
        for pk in _look(due[start : start + TOGETHER], beats, now):
            try:
                deciding.decide(pk, beats, now)
            except Exception:
                log.exception("rollout %s could not be looked at, and is with the next tick", pk)


def _look(some: Sequence[int], beats: Sequence[Heartbeat], now: datetime) -> Sequence[int]:
    """Look at these together, keep what was seen, and say which are to be looked at alone."""
    try:
        seen = _seen(some, beats, now)
        with transaction.atomic():
            for rollout, held in seen.values():
                if held is not None:
                    deciding.keep_held(rollout, held)
    except Exception:
        log.exception("%d rollouts could not be looked at together, and are one by one", len(some))
        return some
    return [pk for pk in some if pk not in seen]


def _seen(
    some: Sequence[int], beats: Sequence[Heartbeat], now: datetime
) -> dict[int, tuple[Rollout, Held | None]]:
    """The rollouts about which nothing is to be done, with what is to be kept of the look, if anything."""
    rows = deciding.open_ones().filter(pk__in=some).select_related("model")
    rollouts = {each.pk: each for each in rows}
    designs = _designs(rollouts.values())
    known, beside = stored.read(designs), _beside(designs)
    found = {}
    for pk in designs:
        rollout = rollouts[pk]
        try:
            look = deciding.looked(rollout, beats, now, known[pk])
            if look.decision.verdict in (Verdict.HOLD, Verdict.PROPOSE) and not deciding.proposal_changes(
                rollout, look, beside.asked.get(pk)
            ):
                found[pk] = rollout, deciding.held(rollout, look, beside.points.get(pk))
        except Exception as trouble:
            log.debug("rollout %s is looked at alone, which says more: %r", pk, trouble)
    return found


def _designs(rollouts: Collection[Rollout]) -> dict[int, Design]:
    """Of those that are like most: under way, with every unit told of, and nothing to sum at each look."""
    found = {}
    for rollout in rollouts:
        try:
            design = staging.design_of(rollout)
        except Exception as trouble:
            log.debug("rollout %s is looked at alone, which says more: %r", rollout.pk, trouble)
            continue
        if not rollout.sample and design.start_at is None and not cohorts.at_each_look(design):
            found[rollout.pk] = design
    return found


def _beside(rollouts: Collection[int]) -> _Beside:
    newest = Proposal.objects.filter(rollout__in=rollouts).order_by().values("rollout")
    asked = Proposal.objects.filter(pk__in=newest.annotate(newest=Max("pk")).values("newest"))
    points = EvidencePoint.objects.filter(rollout=OuterRef("pk")).order_by("-at", "-pk").values("pk")[:1]
    last = Rollout.objects.filter(pk__in=rollouts).order_by().values_list(Subquery(points))
    return _Beside(
        {each.rollout_id: each for each in asked.select_related("stage")},
        {each.rollout_id: each for each in EvidencePoint.objects.filter(pk__in=last)},
    )
