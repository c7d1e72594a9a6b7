"""A rollout by stages whose units are told of, and the flushes that tell of them."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from django.utils import timezone

from formats.evidence import Fact
from registry.events import record
from registry.transactions import write
from releases.dataplane import Batch
from releases.events import Kind as EventKind
from releases.models import Rollout, Route, Stage, UnitCount
from releases.rollout.designs.design import Asked, Design, Kind, weights
from releases.rollout.designs.metrics import GUARDRAILS
from releases.rollout.strategies import STRATEGIES
from releases.rollout.strategies.base import Standing
from releases.rollout.written import to_json
from tests import makers

OLD, NEW, OTHER = 7, 8, 9
FIRST = 10
"""The revision of the first stage; each of the others has the next one."""
SALT = bytes(range(16))


def design(kind: Kind = Kind.CANARY, challengers=(NEW,), metrics=GUARDRAILS, **asked: Any) -> Design:
    names = tuple(map(str, challengers))
    stages = STRATEGIES[kind].preset(Asked(names, str(OLD), **asked))
    return Design(kind, str(OLD), names, stages, metrics)


def going(plan: Design | None = None, environment: str = "production", begun_at: datetime | None = None):
    """A rollout with a route for every stage of its design, as if each of them had begun."""
    plan, begun = plan or design(), begun_at or timezone.now()
    rollout = makers.rollout(makers.release(environment=environment))
    rollout.salt, rollout.closed_at = SALT.hex(), None
    rollout.design, rollout.standing = to_json(plan), to_json(Standing(begun=begun.timestamp()))
    rollout.save()
    for place, stage in enumerate(plan.stages):
        row = Stage.objects.create(rollout=rollout, place=place, kind=stage.kind, begun_at=begun)
        route(rollout, row, FIRST + place, weights(stage.shares, plan.arms))
    return rollout


def route(rollout: Rollout, stage: Stage, revision: int, weighted) -> Route:
    arms = [{"version": int(arm), "weight": weight, "reason": "x"} for arm, weight in weighted if weight]
    with write():
        event = record(EventKind.ROUTE_REVISED, "route/x/m", actor="system/test")
    return Route.objects.create(
        model=rollout.model,
        environment=rollout.environment,
        revision=revision,
        entry={"arms": arms},
        event=event,
        stage=stage,
    )


def batch(node: str = "n1", *, to: float | None = None, sequence: int = 1, **told: Any) -> Batch:
    """A flush with these members under the numbers of rollouts (`r7={...}`)."""
    rollouts = {name.removeprefix("r"): member for name, member in told.items()}
    body = {"from": 0.0, "to": time.time() if to is None else to, "rollouts": rollouts}
    return Batch("1-1", node, "b1", 0, sequence, body)


def tells(rollout: Rollout, *facts: Fact, node: str = "n1", **more: Any) -> Batch:
    member = {"facts": [list(fact) for fact in facts]} if facts else {}
    return batch(node, **{f"r{rollout.pk}": member}, **more)


def counted(rollout: Rollout) -> dict[tuple[Any, ...], int]:
    """(place of the stage, revision, version, kind, about, value, node) -> units."""
    names = ("stage__place", "revision", "version", "kind", "about", "value", "node", "units")
    rows = UnitCount.objects.filter(stage__rollout=rollout).values_list(*names)
    return {tuple(place): units for *place, units in rows if units}


def kept(rollout: Rollout) -> set[tuple[Any, ...]]:
    return set(rollout.facts.values_list("kind", "about", "unit", "revision", "version", "value", "node"))
