"""Rollouts as the release before keeps them, while both serve: this file goes with its columns.

That release knows a rollout without stages and switches, and goes on with one of ours from its beginning, for
every step may run twice. So may we with one of its.
"""

from __future__ import annotations

from typing import Any

from django.db.models import F
from django.utils import timezone

from registry.models import Event
from registry.transactions import write
from releases import plans
from releases.events import Kind
from releases.models import Arm, Release, Rollout, Route, Stage, Switch
from releases.rollout.publishing import entry_of, planned
from releases.rollout.switching.switches import Phase

_AT_ONCE = 500
"""Rows rewritten in one transaction, beside a release before that still serves."""


def progress(standing: Route | None) -> dict[str, Any]:
    """What it needs to take up a rollout: what answered when this began."""
    entry = entry_of(standing)
    return {"before": entry.to_json() if entry and entry.arms else None}


def closing() -> dict[str, Any]:
    """What it reads of a rollout that is over."""
    return {"before_phase": Phase.DONE, "before_since": timezone.now()}


def adopt(rollout: Rollout) -> Switch:
    """The last switch of a rollout; made out of what stands there where that release has begun it, and turned
    back where that has turned back ours."""
    with write():
        rollout.refresh_from_db(fields=["before_phase", "before_progress", "closed_at", "reason"])
        last = rollout.switches.order_by("-pk").first() or _made(rollout)
        if rollout.before_phase == Phase.REVERTING:
            last.rollout.switches.filter(pk=last.pk, ended_at=None).exclude(phase=Phase.REVERTING).update(
                turned_in=F("phase"), phase=Phase.REVERTING, due=None, reason=rollout.reason
            )
        return last


def complete() -> int:
    """Make rows of what only that release knows, and end what it has ended; so many at a time, how many.

    It knows none by stages: such a one without a switch waits for its time.
    """
    unknown = Rollout.objects.filter(switches=None, origin=None).select_related(
        "release__version", "returns_to__version", "previous__version", "model", "environment"
    )
    found = list(unknown.order_by("-pk")[:_AT_ONCE])
    for rollout in found:
        adopt(rollout)
    over = Switch.objects.filter(ended_at=None, rollout__closed_at__isnull=False)
    over.update(phase=Phase.DONE, due=None, ended_at=timezone.now())
    return len(found)


def _made(rollout: Rollout) -> Switch:
    told, number = rollout.switch, rollout.arriving.version.number
    stage = Stage.objects.create(
        rollout=rollout,
        place=0,
        kind=Stage.Kind.SPLIT,
        shares={str(number): 1.0},
        ended_at=rollout.closed_at,
        end=(Stage.End.TURNED_BACK if told.went_back else Stage.End.PASSED) if rollout.closed_at else "",
    )
    _arm(rollout, rollout.arriving, Arm.Role.CHALLENGER)
    if rollout.previous is not None:
        _arm(rollout, rollout.previous, Arm.Role.CHAMPION)
    told.stage, told.before = stage, _stood(rollout)
    told.decided_by, told.grounds = _decided(rollout)
    if rollout.closed_at is None:
        _from_its_beginning(told)
    told.save()
    return told


def _from_its_beginning(switch: Switch) -> None:
    rollout = switch.rollout
    aim = plans.opened_to_all(entry_of(switch.before), planned(rollout.arriving), salt=bytes(16))
    switch.aim = aim.to_json()
    switch.prepared = switch.committed = switch.opened = switch.reverted = switch.verified_rows = None
    if switch.phase != Phase.REVERTING:
        switch.phase = Phase.PREPARING


def _arm(rollout: Rollout, release: Release, role: Arm.Role) -> None:
    Arm.objects.create(rollout=rollout, release=release, role=role, left_at=rollout.closed_at)


def _stood(rollout: Rollout) -> Route | None:
    """The route that answered when it began."""
    if entry := rollout.before_progress.get("before"):
        routes = Route.objects.filter(model=rollout.model, environment=rollout.environment)
        return routes.filter(revision=entry["revision"]).first()
    return None


def _decided(rollout: Rollout) -> tuple[str, str]:
    """Who wanted it, and the digest of the grounds."""
    if asked := rollout.before_progress.get("asked"):
        return str(asked["by"]), str(asked["said"].get("grounds", ""))
    begun = Event.objects.filter(
        kind__in=(Kind.ROLLOUT_STARTED, Kind.RELEASE_ROLLING_OUT),
        subject=rollout.release.subject,
        facts__rollout=rollout.pk,
    )
    event = begun.order_by("-seq").first()
    return (event.actor, event.facts.get("grounds", "")) if event else ("", "")
