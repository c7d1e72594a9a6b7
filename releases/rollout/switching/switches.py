"""The row of a switch: moved only from the phase it was in, in the transaction that writes the route."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from formats.plan import ModelPlan, PlannedVersion
from registry.events import record
from registry.models import Event
from registry.transactions import write
from releases import plans
from releases.events import Kind
from releases.models import Rollout, Stage, Switch
from releases.rollout.publishing import entry_of, publish, revise_route
from scoring.crashpoints import crashpoint

ACTOR = "system/rollouts"
Phase = Switch.Phase


class Turned(Exception):
    """The switch has left this worker's phase: somebody turned it back, or another worker went on."""


def open_ones() -> QuerySet[Switch]:
    """The switches that are under way."""
    return Switch.objects.filter(ended_at=None, rollout__closed_at=None)


def as_it_stands(switch: Switch) -> Switch | None:
    """The row now, with all that a phase asks of it; None when it has ended."""
    return (
        open_ones()
        .filter(pk=switch.pk)
        .select_related(
            "rollout__release__version",
            "rollout__returns_to__version",
            "rollout__model",
            "rollout__environment",
            "rollout__origin",
            "before",
            "stage",
        )
        .first()
    )


def still_in_phase(switch: Switch) -> None:
    """Raises Turned."""
    if not open_ones().filter(pk=switch.pk, phase=switch.phase).exists():
        raise Turned


def revise_once(
    switch: Switch,
    step: str,
    revise: Callable[[ModelPlan | None, int], ModelPlan],
    why: str,
    *,
    within_s: float | None = None,
    stage: Stage | None = None,
) -> int:
    """The revision of this step, written once and sent out, with the time by which nodes must have followed.

    Raises Turned.
    """
    rollout = switch.rollout
    with write():
        row = open_ones().select_for_update().filter(pk=switch.pk, phase=switch.phase).first()
        if row is None:
            raise Turned
        if getattr(row, step) is None:
            route = revise_route(
                rollout.model, rollout.environment, revise, actor=ACTOR, why=why, stage=stage
            )
            row.due = timezone.now() + timedelta(seconds=within_s or settings.SWITCH_TIMEOUT_S)
            setattr(row, step, route.revision)
            row.save(update_fields=[step, "due"])
    switch.due = row.due
    setattr(switch, step, getattr(row, step))
    publish(rollout.environment)
    return int(getattr(row, step))


def move(switch: Switch, phase: Phase, **found: object) -> None:
    """To the next phase, from the one this worker was in. Raises Turned."""
    with write():
        moved = (
            open_ones()
            .filter(pk=switch.pk, phase=switch.phase)
            .update(phase=phase, phase_since=timezone.now(), due=None, **found)
        )
        if not moved:
            raise Turned
        tell(switch.rollout, Kind.ROLLOUT_MOVED, actor=ACTOR, phase=str(phase), **found)
    crashpoint("switch.moved")


def end(switch: Switch) -> None:
    """The switch is over; the stage that it led into begins, unless it went back. Raises Turned."""
    now = timezone.now()
    ended = (
        open_ones()
        .filter(pk=switch.pk, phase=switch.phase)
        .update(phase=Phase.DONE, phase_since=now, due=None, ended_at=now)
    )
    if not ended:
        raise Turned
    if switch.stage is not None and not switch.went_back:
        Stage.objects.filter(pk=switch.stage.pk).update(begun_at=now)


def tell(rollout: Rollout, kind: Kind, *, actor: str, **facts: object) -> Event:
    """Record what became of a rollout; of a way back each event says besides where to."""
    where = {"returns_to": rollout.returns_to.version.number} if rollout.returns_to else {}
    return record(
        kind,
        rollout.release.subject,
        actor=actor,
        model=rollout.model.name,
        rollout=rollout.pk,
        **where,
        **facts,
    )


def aim_of(switch: Switch) -> ModelPlan:
    """The entry that it leads to."""
    return ModelPlan.from_json(switch.aim)


def arriving(switch: Switch) -> list[PlannedVersion]:
    """What clients or whoever names it will be answered by, and were not before."""
    return plans.arriving(entry_of(switch.before), aim_of(switch))
