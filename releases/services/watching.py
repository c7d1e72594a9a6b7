"""Looks for a day at what went to everybody at once: nothing is left to compare it with, and a way back is.

The rollout is over and holds no place: its release is live, and another rollout may start, which ends the
watch. What is seen is held against the day before (`strategies.watching`), which is no comparison: so it goes
back by itself for failures of its own alone, and only where no policy wants to be asked.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.utils import timezone

from formats.heartbeat import Heartbeat
from formats.plan import ModelPlan
from registry.transactions import write
from releases import plans, selectors
from releases.lifecycle import State
from releases.models import Environment, Release, Rollout
from releases.rollout import staging, written
from releases.rollout.publishing import entry_of, revise_route
from releases.rollout.strategies.base import Decision, Verdict
from releases.rollout.switching import switches
from releases.services import deciding
from releases.services.rollouts import restore

WATCHED = timedelta(days=1)
"""Each hour of a day is in it once, as in what it is held against."""
log = logging.getLogger(__name__)


def begin(rollout: Rollout, now: datetime) -> None:
    """From now on it is watched, inside the write that ends it; unless nothing was live before."""
    if rollout.by_stages or not rollout.design:
        return
    standing = replace(
        staging.standing_of(rollout),
        since=now.timestamp(),
        ended=Verdict.PROMOTE,
        kept=str(rollout.release.version.number),
    )
    Rollout.objects.filter(pk=rollout.pk).update(
        standing=written.to_json(standing), looks=rollout.looks + 1, watched_until=now + WATCHED
    )


def look_at_all(environment: Environment, beats: Sequence[Heartbeat]) -> None:
    """Look at those whose turn it is, each for itself."""
    now = timezone.now()
    watched = Rollout.objects.filter(environment=environment, watched_until__isnull=False)
    for pk in deciding.whose_turn(watched, now):
        try:
            look(pk, beats, now)
        except Exception:
            log.exception("rollout %s could not be watched, and is with the next tick", pk)


def look(pk: int, beats: Sequence[Heartbeat], now: datetime) -> Decision | None:
    """Look at one and do what follows; None where its watch is over."""
    rollout = _watched(pk)
    if rollout is None or rollout.watched_until is None:
        return None
    if now >= rollout.watched_until or not _is_its_own(rollout, _standing(rollout)):
        _end(rollout)
        return None
    found = deciding.looked(rollout, beats, now)
    if found.decision.verdict is Verdict.ROLL_BACK and _way_back(rollout) is not None:
        _go_back(rollout, found)
    elif found.decision.verdict is Verdict.PROPOSE and not rollout.decisions.exists():
        with write():
            if deciding.keep(rollout, deciding.only_seen(found)):
                deciding.record(rollout, found)
    else:
        deciding.hold(rollout, found)
    return found.decision


def _watched(pk: int) -> Rollout | None:
    rows = Rollout.objects.filter(pk=pk, closed_at__isnull=False)
    return rows.select_related("release__version", "model", "environment").first()


def _standing(rollout: Rollout) -> ModelPlan | None:
    return entry_of(selectors.route(rollout.model, rollout.environment))


def _is_its_own(rollout: Rollout, entry: ModelPlan | None) -> bool:
    """Whether clients are answered as it left them; else there is nothing to watch any more."""
    told = entry.rollout if entry else None
    return rollout.release.state == State.LIVE and told is not None and told.id == rollout.pk


def _way_back(rollout: Rollout) -> Release | None:
    """What answered before, while nobody is on the way to something else."""
    others = Rollout.objects.filter(model=rollout.model, environment=rollout.environment, closed_at=None)
    return None if others.exists() else selectors.restorable(rollout.release)


def _go_back(rollout: Rollout, found: deciding.Look) -> None:
    """What answered before answers again at once, for all nodes have it."""
    with write():
        back = _way_back(rollout)
        if back is None or not deciding.keep(rollout, found.decision.standing):
            return
        deciding.record(rollout, found)
        Rollout.objects.filter(pk=rollout.pk).update(watched_until=None)
        restore(rollout.release, back, actor=switches.ACTOR, reason=found.decision.reason)


def _end(rollout: Rollout) -> None:
    """Nodes need not tell of units any more."""
    with write():
        if not Rollout.objects.filter(pk=rollout.pk, watched_until__isnull=False).update(watched_until=None):
            return
        entry = _standing(rollout)
        if entry is not None and _is_its_own(rollout, entry):
            revise_route(
                rollout.model,
                rollout.environment,
                lambda now, revision: plans.unwatched(now or entry, revision=revision),
                actor=switches.ACTOR,
                why="the watch after the switch is over",
            )
