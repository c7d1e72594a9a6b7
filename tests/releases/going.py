"""A rollout with its stages, routes and units, as rows: what is judged by what became of units."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Max
from django.utils import timezone

from formats.evidence import FactKind
from formats.plan import WHOLE, Arm
from registry.events import record
from registry.model_policy import parse as policy
from registry.transactions import write
from releases.events import Kind
from releases.lifecycle import State
from releases.models import Release, Reward, Rollout, Route, Stage, UnitFact, UnitOutcome
from releases.rollout import spells
from releases.rollout.counts import Counts
from releases.rollout.designs.design import Design
from releases.rollout.documents import document
from releases.rollout.outcomes import cohorts
from releases.rollout.outcomes.reading import outcomes_of
from releases.rollout.written import to_json
from releases.traffic.owners import signed
from scoring.routing import splitter, unit_hasher
from tests import makers

BASE, NEW, THIRD = 1, 2, 3
START = datetime(2026, 11, 1, 10, tzinfo=UTC)
"""When the rollout begins, on the hour."""
BOUGHT = {"kind": "bad_event", "direction": "higher", "window_hours": 2}


def after(**passed: float) -> datetime:
    return START + timedelta(**passed)


@dataclass
class Going:
    """A rollout that goes on, of version 2 (and 3) beside the live version 1."""

    rollout: Rollout
    design: Design
    revision: int

    @property
    def place_of(self) -> Callable[[str], int]:
        return unit_hasher(bytes.fromhex(self.rollout.salt))

    def weigh(
        self,
        weights: Mapping[int, float],
        stage: int = 0,
        contexts: Mapping[int, list[int]] | None = None,
        **told: Any,
    ) -> int:
        """Other weights go out, and what else nodes are told; under which revision."""
        self.revision += 1
        numbers = [int(arm) for arm in self.design.arms]
        whole = {number: round(weights.get(number, 0) * WHOLE) for number in numbers[:-1]}
        whole[numbers[-1]] = WHOLE - sum(whole.values())
        parts = {number: {"contexts": each} for number, each in (contexts or {}).items()}
        arms = [
            {"version": number, "weight": whole[number], "reason": "split", **parts.get(number, {})}
            for number in numbers
        ]
        with write():
            subject = f"route/{self.rollout.environment.name}/{self.rollout.model.name}"
            event = record(Kind.ROUTE_REVISED, subject, actor="system/test")
        of, entry = self.rollout.stages.get(place=stage), {"arms": arms, "rollout": self._told(told)}
        Route.objects.create(
            model=self.rollout.model,
            environment=self.rollout.environment,
            revision=self.revision,
            entry={**entry, "fallback": None},
            event=event,
            stage=of,
            spell=spells.first_alike(of, entry) or self.revision,
        )
        return self.revision

    def _told(self, told: Mapping[str, Any]) -> dict[str, Any]:
        *challengers, baseline = [int(arm) for arm in self.design.arms]
        return {"id": self.rollout.pk, "baseline": baseline, "challengers": challengers, **told}

    def arm_of(self, unit: str) -> int:
        """Who answers a unit by the weights that stand."""
        route = Route.objects.get(model=self.rollout.model, revision=self.revision)
        arms = [Arm(**arm) for arm in route.entry["arms"]]
        return arms[splitter(arms)(self.place_of(unit))].version

    def see(self, unit: str, at: datetime, version: int, **facts: Any) -> UnitFact:
        """It is told of a unit that a version answered it, or what `facts` say."""
        return UnitFact.objects.create(
            **{"kind": str(FactKind.SEEN), "revision": self.revision, "node": "n1"} | facts,
            rollout=self.rollout,
            unit=signed(self.place_of(unit)),
            version=version,
            at=at,
        )

    def differ(self, unit: str, at: datetime, version: int, about: int = NEW, **facts: Any) -> UnitFact:
        return self.see(unit, at, version, kind=str(FactKind.DIFFERED), about=about, **facts)

    def tell(
        self, unit: str, value: float, at: datetime, metric: str = "bought", **facts: Any
    ) -> UnitOutcome:
        return UnitOutcome.objects.create(
            rollout=self.rollout,
            metric=metric,
            unit=signed(self.place_of(unit)),
            value=value,
            at=at,
            came_at=facts.pop("came_at", at),
            **facts,
        )

    def reward(self, unit: str, value: float, at: datetime, version: int, **facts: Any) -> Reward:
        return Reward.objects.create(
            **{"request": secrets.token_hex(32), "revision": self.revision, "came_at": at} | facts,
            model=self.rollout.model,
            environment=self.rollout.environment,
            rollout=self.rollout,
            version=version,
            arm=0,
            unit=signed(self.place_of(unit)),
            scored_at=at,
            reward=value,
        )

    def sum(self, now: datetime) -> int:
        return cohorts.sum_of(self.rollout, now)

    def known(self) -> Counts:
        return outcomes_of(self.rollout, self.design, spells.by_revision(self.rollout, self.design))


def releases(versions: Iterable[int] = (BASE, NEW)) -> list[Release]:
    """The first one live, the others approved."""
    of = makers.model("digits")
    made = [makers.version(of) for _ in versions]
    return [makers.release(each, State.LIVE if each.number == BASE else State.APPROVED) for each in made]


def going(
    strategy: Mapping[str, Any],
    metrics: Mapping[str, Any] | None = None,
    others: Iterable[Release] = (),
    weights: Mapping[int, float] | None = None,
) -> Going:
    """A rollout by that strategy, with the model's `metrics`, at its first split."""
    made = list(others) or releases()
    design = document.parse(
        strategy,
        challenger=str(NEW),
        baseline=str(BASE),
        catalogue=policy({"metrics": metrics or {"bought": BOUGHT}}).metrics,
    )
    rollout = Rollout.objects.create(
        release=made[1],
        previous=made[0],
        model=made[0].model,
        environment=made[0].environment,
        salt=secrets.token_hex(16),
        design=to_json(design),
    )
    Rollout.objects.filter(pk=rollout.pk).update(opened_at=START)
    rollout.refresh_from_db()
    for place, stage in enumerate(design.stages):
        Stage.objects.create(
            rollout=rollout, place=place, kind=stage.kind, shares=dict(stage.shares), begun_at=timezone.now()
        )
    newest = Route.objects.filter(model=rollout.model).aggregate(Max("revision"))["revision__max"]
    found = Going(rollout, design, newest or 0)
    found.weigh(weights or {NEW: 0.5})
    return found
