"""Rollouts by stages as the services and nodes leave them, in the small world: rows alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from formats.plan import WHOLE
from registry.events import record
from registry.models import Event
from registry.transactions import write
from releases.events import Kind
from releases.lifecycle import Action
from releases.models import (
    ANY,
    Arm,
    CohortSum,
    Decision,
    EvidencePoint,
    NodeReport,
    Proposal,
    Release,
    Rollout,
    Route,
    Stage,
    Switch,
    UnitCount,
    WeighedSum,
)
from releases.rollout import written
from releases.rollout.counts import Sums
from releases.rollout.designs.design import Design
from releases.rollout.documents.document import parse
from releases.rollout.strategies import steps
from releases.rollout.strategies.base import Finding, Standing
from releases.services.transitions import advance
from tests.web import world as worlds

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Staged:
    """A rollout with its release and its design."""

    rollout: Rollout
    release: Release
    design: Design


def build(
    world: worlds.World,
    kind: str = "canary",
    stage: int = 0,
    number: int = 6,
    beside: tuple[int, ...] = (),
    **more: Any,
) -> Staged:
    """One of a new version beside the live one, and of those `beside` it, a minute into that stage."""
    releases = []
    for each in (*beside, number):
        made = worlds.version(world.model, world.people, each)
        releases.append(worlds.approved(made, world.people, 0.98, 0.962))
    *others, release = releases
    release.strategy = {"kind": kind, **({"against": list(beside)} if beside else {}), **more}
    release.save(update_fields=["strategy"])
    live = world.live
    design = parse(release.strategy, challenger=str(number), baseline=str(live.version.number))
    now = datetime.now(UTC)
    standing = Standing(
        begun=(now - 20 * MINUTE * (stage + 1)).timestamp(), since=(now - MINUTE).timestamp(), stage=stage
    )
    with write():
        rollout = Rollout.objects.create(
            release=release,
            previous=live,
            model=world.model,
            environment=release.environment,
            design=written.to_json(design),
            standing=written.to_json(standing),
            looks=12,
            looked_at=now,
        )
        rollout.origin = _route(rollout, 9, {str(live.version.number): WHOLE}, "opened")
        rollout.save(update_fields=["origin"])
        for each in (release, *others):
            guest = {} if each == release else {"beside": number}
            actor = world.people["chloe"].actor
            advance(each, Action.START_ROLLOUT, actor=actor, rollout=rollout.pk, **guest)
        roles = [(each, Arm.Role.CHALLENGER) for each in (release, *others)]
        for release_of, role in (*roles, (live, Arm.Role.CHAMPION)):
            Arm.objects.create(rollout=rollout, release=release_of, role=role)
        for place, each in enumerate(design.stages):
            _stage(rollout, design, place, stage, each, now)
    release.refresh_from_db()
    return Staged(rollout, release, design)


def _stage(rollout: Rollout, design: Design, place: int, at: int, each: Any, now: datetime) -> None:
    begun = now - MINUTE - 20 * MINUTE * (at - place)
    row = Stage.objects.create(
        rollout=rollout,
        place=place,
        kind=each.kind,
        shares=dict(each.shares),
        pair_share=each.pair,
        min_dwell_s=int(each.least_seconds),
        max_dwell_s=None if each.most_seconds is None else int(each.most_seconds),
        begun_at=begun if place <= at else None,
        ended_at=begun + 20 * MINUTE if place < at else None,
        end="passed" if place < at else "",
    )
    if place > at:
        return
    weights = dict(steps.weights_at(design, Standing(stage=place)))
    event = _route(rollout, 10 + place, weights, f"stage {place + 1} begins", row).event
    Switch.objects.create(
        rollout=rollout,
        stage=row,
        phase=Switch.Phase.DONE,
        decided_by=event.actor,
        concludes=False,
        nodes={"node-1": "ready"},
        ended_at=now,
    )
    if place:
        reason = f"Stage {place + 1} begins."
        decision(rollout, "move", reason, event=event, number=place)


def _route(
    rollout: Rollout, revision: int, weights: Mapping[str, int], why: str, stage: Stage | None = None
) -> Route:
    arms = [
        {"version": int(arm), "weight": weight, "reason": why} for arm, weight in weights.items() if weight
    ]
    return Route.objects.create(
        model=rollout.model,
        environment=rollout.environment,
        revision=revision,
        entry={"revision": revision, "salt": "00" * 16, "arms": arms, "versions": _loaded(weights)},
        event=_event(rollout, why),
        stage=stage,
    )


def _loaded(arms: Mapping[str, int]) -> dict[str, object]:
    """As much as an entry has to say of them."""
    bytes_of = {"sha256": "0" * 64, "size": 1}
    told = {"digest": "0" * 64, "model": bytes_of, "signature": {"inputs": [], "outputs": []}}
    return {arm: {"number": int(arm), "staged": not weight, **told} for arm, weight in arms.items()}


def _event(rollout: Rollout, told: str, actor: str = "system/rollouts") -> Event:
    facts = {"rollout": rollout.pk, "phase": told}
    subject, model = rollout.release.subject, rollout.model.name
    return record(Kind.ROLLOUT_MOVED, subject, actor=actor, model=model, **facts)


def decision(rollout: Rollout, verdict: str, reason: str, **facts: Any) -> Decision:
    """One more, by the rollout itself unless `decided_by` says who."""
    by = facts.pop("decided_by", "system/rollouts")
    with write():
        facts.setdefault("event", None)
        facts["event"] = facts["event"] or _event(rollout, reason, by)
        facts.setdefault("number", rollout.decisions.count() + 1)
        return Decision.objects.create(
            rollout=rollout, verdict=verdict, reason=reason, decided_by=by, **facts
        )


def counted(staged: Staged, place: int, told: Mapping[tuple[str, int, int, int], int]) -> None:
    """(kind, version, about, value) -> units, told by one node at that stage."""
    stage = staged.rollout.stages.get(place=place)
    for (kind, version, about, value), units in told.items():
        UnitCount.objects.create(
            stage=stage, revision=10 + place, version=version, kind=kind, about=about, value=value,
            node="node-1", units=units,
        )  # fmt: skip
    NodeReport.objects.update_or_create(
        rollout=staged.rollout, node="node-1", defaults={"until": datetime.now(UTC)}
    )


def pairs(staged: Staged, units: int, differing: int, new: int, old: int) -> None:
    """What a shadow has seen: pairs, and errors of one version alone."""
    live, about = int(staged.design.baseline), int(staged.design.challengers[0])
    told = {("paired", live, about, 0): units, ("differed", live, about, 0): differing}
    told |= {("alone/errors", live, about, 1): new, ("alone/errors", live, about, 0): old}
    counted(staged, 0, told)


def answered(staged: Staged, place: int, units: tuple[int, int], errors: tuple[int, int]) -> None:
    """What clients met at a stage: of the new version, and of the live one."""
    arms = (int(staged.design.challengers[0]), int(staged.design.baseline))
    told = {("seen", arm, 0, 0): many for arm, many in zip(arms, units, strict=True)}
    told |= {("errors", arm, 0, 0): many for arm, many in zip(arms, errors, strict=True)}
    counted(staged, place, told)


def proposal(staged: Staged, verdict: str, reason: str, evidence: tuple[Finding, ...] = ()) -> Proposal:
    """It asks a person."""
    with write():
        return Proposal.objects.create(
            rollout=staged.rollout,
            stage=staged.rollout.stages.get(place=0),
            verdict=verdict,
            arm=staged.design.challengers[0],
            reason=reason,
            evidence=[written.to_json(each) for each in evidence],
            event=_event(staged.rollout, reason),
        )


def bought(
    staged: Staged,
    place: int,
    units: tuple[int, int],
    good: tuple[int, int],
    changed: bool = False,
    even: bool = False,
    context: int = ANY,
) -> None:
    """What became of units of the new version and of the live one, by the metric that is no guardrail."""
    metric = next(each.name for each in staged.design.metrics if not each.guardrail)
    hour = int(datetime.now(UTC).timestamp()) // 3600 - 48
    for arm, of, many in zip(staged.design.arms, units, good, strict=True):
        told = {
            "rollout": staged.rollout, "metric": metric, "changed": changed, "version": int(arm), "units": of,
            "sums": asdict(Sums.of([1.0] * many)),
        }  # fmt: skip
        if not even and context == ANY:
            WeighedSum.objects.create(revision=10 + place, **told)
        CohortSum.objects.create(hour=hour, even=even, context=context, **told)


def points(staged: Staged, many: int = 40, **more: Any) -> None:
    """What looks have left in the last forty minutes: evidence that it is safe grows, none is against it."""
    new, old = staged.design.challengers[0], staged.design.baseline
    now = datetime.now(UTC)
    EvidencePoint.objects.bulk_create(
        EvidencePoint(
            **{"effects": {}} | more,
            rollout=staged.rollout,
            at=now - 40 * MINUTE * (many - n) / many,
            stage=min(n * 3 // many, len(staged.design.stages) - 1),
            evidence={
                f"safe/errors/{new}": [5.2 * n / many, 4.605],
                f"worse/errors/{new}": [(n % 9) * 0.3 - 1, 6.033],
                f"safe/timeouts/{new}": [4.1 * n / many, 4.605],
                f"safe_in_pairs/errors/{new}": [min(0.5 * n, 5.0), 4.605],
                "unbalanced/units/": [-0.5, 7.6],
            },
            shares={new: round(0.5 * n / many, 4), old: round(1 - 0.5 * n / many, 4)},
            decided=n % 13 == 12,
        )
        for n in range(many)
    )


def over(staged: Staged, verdict: Any, kept: str, reason: str) -> None:
    """It has ended by that verdict."""
    standing = written.from_json(Standing, staged.rollout.standing)
    staged.rollout.standing = written.to_json(replace(standing, ended=verdict, kept=kept))
    staged.rollout.closed_at = datetime.now(UTC)
    staged.rollout.save()
    decision(staged.rollout, str(verdict), reason)
