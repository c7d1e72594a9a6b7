"""Looks at rollouts by stages: what was counted becomes a decision, and what is decided is done.

The decision is a pure function of what is stored (`rollout.strategies`). It is recorded with all of that in
the transaction that carries it out, so it can be computed again from the log. Whoever writes the standing has
seen the one before: of two that look at once one does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from formats.heartbeat import Heartbeat
from registry.models import Event
from registry.transactions import write
from releases import plans, selectors
from releases.events import Kind
from releases.lifecycle import Action
from releases.models import Decision as DecisionRow
from releases.models import EvidencePoint, Proposal, Release, Rollout, Stage
from releases.rollout import gathering, history, staging, written
from releases.rollout.counts import Counts
from releases.rollout.designs.design import Design
from releases.rollout.outcomes import cohorts
from releases.rollout.publishing import entry_of, revise_route
from releases.rollout.stored import Stored
from releases.rollout.strategies import STRATEGIES, bandit, steps
from releases.rollout.strategies.base import Decision, Standing, Verdict
from releases.rollout.switching import switches
from releases.services import freezing, moving

EVERY_S = 2
"""What nodes tell comes every five seconds; looking oftener would see nothing new."""
FORWARD = (Verdict.MOVE, Verdict.PROMOTE)
AGAIN_AFTER_S = 6 * 3600
"""What was dismissed is not asked again in the same stage for so long: a person has just said no."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a rollout: all that its decision was made of, and the decision."""

    design: Design
    counts: Counts
    before: Standing
    now: float
    decision: Decision

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)


@dataclass(frozen=True, slots=True)
class Held:
    """What a look has seen by which nothing is done; `told` is the next point of its curves."""

    look: Look
    standing: Standing
    told: dict[str, Any] | None


def whose_turn(rollouts: QuerySet[Rollout], now: datetime) -> Iterator[int]:
    """Those of which a tick looks at now: not all of them at once."""
    for pk in rollouts.values_list("pk", flat=True):
        if (pk + int(now.timestamp())) % EVERY_S == 0:
            yield pk


def decide(pk: int, beats: Sequence[Heartbeat], now: datetime) -> Decision | None:
    """Look at one rollout and do what follows; None where it is over or somebody else has just looked."""
    rollout = opened(pk)
    if rollout is None:
        return None
    if _is_due(rollout, now):
        _begin(rollout, now)
        return None
    cohorts.sum_of(rollout, now, cohorts.AT_EACH_LOOK_S)
    look = looked(rollout, beats, now)
    if rollout.sample:
        _tell_sample(rollout)
    if _acts(rollout, look) or proposal_changes(rollout, look, newest_proposal(rollout)):
        return _carry_out(rollout, look)
    hold(rollout, look)
    return _held(rollout, look.decision)


def _held(rollout: Rollout, decision: Decision) -> Decision:
    """Where a freeze alone keeps a decision from being carried out, it says so."""
    freeze = freezing.holds(_passing(rollout, decision)) if decision.verdict in FORWARD else None
    return decision if freeze is None else replace(decision, verdict=Verdict.HOLD, reason=f"{freeze}.")


def _is_due(rollout: Rollout, now: datetime) -> bool:
    """Whether the time has come for which somebody started it, and nothing has begun yet."""
    design = staging.design_of(rollout)
    if design.start_at is None or staging.waits(design, now.timestamp()) or rollout.paused_at is not None:
        return False
    return not rollout.switches.exists() and not freezing.holds(selectors.passing(rollout))


def _begin(rollout: Rollout, now: datetime) -> None:
    design = staging.design_of(rollout)
    begun = Standing(begun=now.timestamp(), since=now.timestamp())
    with write():
        if keep(rollout, begun):
            moving.enter(rollout, design, begun, by=switches.ACTOR)
            switches.tell(rollout, Kind.ROLLOUT_BEGUN, actor=switches.ACTOR, planned=design.start_at)


def opened(pk: int) -> Rollout | None:
    """An open rollout by stages, with all that looking and moving ask of it."""
    rows = open_ones().filter(pk=pk)
    return rows.select_related(
        "release__version", "previous__version", "model", "environment", "origin"
    ).first()


def open_ones() -> QuerySet[Rollout]:
    """The open rollouts by stages."""
    return Rollout.objects.filter(closed_at=None, origin__isnull=False)


def looked(rollout: Rollout, beats: Sequence[Heartbeat], now: datetime, known: Stored | None = None) -> Look:
    """What its strategy says now, of what is stored or what was read of that. Writes nothing."""
    design = known.design if known is not None else staging.design_of(rollout)
    standing = staging.standing_of(rollout)
    counts = gathering.counts_of(rollout, beats, now, known)
    decision = STRATEGIES[design.kind].decide(design, counts, standing, now.timestamp())
    return Look(design, counts, standing, now.timestamp(), decision)


def _acts(rollout: Rollout, look: Look) -> bool:
    """A way back waits for nothing; whatever else until the switch is over, and nobody has paused it; what
    brings a stage to clients waits for the end of a freeze."""
    decision = look.decision
    if decision.verdict is Verdict.ROLL_BACK:
        return True
    if decision.verdict in (Verdict.HOLD, Verdict.PROPOSE):
        return False
    if rollout.paused_at is not None or switches.open_ones().filter(rollout=rollout).exists():
        return False
    is_step = decision.verdict in FORWARD and _is_step(look)
    return not (is_step and freezing.holds(_passing(rollout, decision)))


def _passing(rollout: Rollout, decision: Decision) -> list[Release]:
    return selectors.passing(rollout, decision.arm if decision.verdict is Verdict.PROMOTE else "")


def newest_proposal(rollout: Rollout) -> Proposal | None:
    return Proposal.objects.filter(rollout=rollout).select_related("stage").order_by("-pk").first()


def proposal_changes(rollout: Rollout, look: Look, asked: Proposal | None) -> bool:
    """Whether something else is to be asked for than `asked`, the newest proposal, or nothing any more."""
    is_open = asked is not None and asked.outcome == Proposal.Outcome.OPEN
    if look.decision.verdict is not Verdict.PROPOSE:
        return is_open
    if asked is not None and _is_same(asked, look):
        dismissed = asked.outcome == Proposal.Outcome.DISMISSED and asked.closed_at is not None
        return not is_open and not (
            dismissed and (look.at - (asked.closed_at or look.at)).total_seconds() < AGAIN_AFTER_S
        )
    return not switches.open_ones().filter(rollout=rollout).exists()


def _is_same(asked: Proposal, look: Look) -> bool:
    proposed = (str(look.decision.proposed), look.decision.arm, look.before.stage)
    return (asked.verdict, asked.arm, asked.stage.place) == proposed


def hold(rollout: Rollout, look: Look) -> None:
    if what := held(rollout, look, history.newest(rollout)):
        keep_held(rollout, what)


def held(rollout: Rollout, look: Look, newest: EvidencePoint | None) -> Held | None:
    """What is to be kept of a look by which nothing is done: what was seen, and a point of its curves where
    it is time for one after the `newest`; None where nothing is new."""
    told = history.news(rollout, newest, partial(_found, look, acts=False), look.at)
    standing = only_seen(look)
    return Held(look, standing, told) if told or written.to_json(standing) != rollout.standing else None


def keep_held(rollout: Rollout, what: Held) -> None:
    with transaction.atomic() if what.told else nullcontext():
        if keep(rollout, what.standing) and what.told:
            history.keep(rollout, what.told, stage=what.look.before.stage, now=what.look.at, decided=False)


def _found(look: Look, *, acts: bool) -> dict[str, Any]:
    """With the shares that stand after it: those of a proposal stand when a person has said yes."""
    decision, standing = look.decision, look.decision.standing if acts else look.before
    weights = decision.weights if acts else steps.weights_at(look.design, look.before)
    shares = bandit.given(look.design, look.counts, standing, weights)
    return history.found(look.design, look.counts, decision, shares)


def _carry_out(rollout: Rollout, look: Look) -> Decision | None:
    """The decision, its event and what follows of it, or nothing."""
    decision = look.decision
    with write():
        acts = _acts(rollout, look)
        if not keep(rollout, decision.standing if acts else only_seen(look)):
            return None
        told = _found(look, acts=acts)
        history.keep(rollout, told, stage=look.before.stage, now=look.at, decided=_is_step(look))
        moving.lapse(rollout, by=switches.ACTOR)
        if decision.verdict is Verdict.PROPOSE:
            _propose(rollout, look, record(rollout, look))
        elif acts:
            record(rollout, look)
            act(rollout, look.design, decision, stage=look.before.stage, by=switches.ACTOR)
    return decision


def act(
    rollout: Rollout, design: Design, decision: Decision, *, stage: int, by: str, grounds: str = ""
) -> None:
    """Begin what a decision says, inside the surrounding write; `stage` is where the rollout stood before."""
    said = {"grounds": grounds} if grounds else {}
    if decision.verdict is Verdict.MOVE and decision.standing.stage == stage:
        moving.reshare(rollout, design, decision.standing, by=by, why=decision.reason)
    elif decision.verdict is Verdict.MOVE:
        moving.enter(rollout, design, decision.standing, by=by, **said)
    elif decision.verdict is Verdict.PROMOTE:
        moving.conclude(rollout, decision.arm or design.challengers[0], by=by, **said)
    else:
        leave(rollout, design, decision.standing, decision.verdict, reason=decision.reason, by=by, **said)


def leave(
    rollout: Rollout,
    design: Design,
    standing: Standing,
    verdict: Verdict,
    *,
    reason: str,
    by: str,
    faulty: Sequence[str] | None = None,
    **said: str,
) -> None:
    """What the standing has out leaves, for a fault or lost without one; all of it where nobody is left."""
    action = Action.ROLL_BACK if verdict is Verdict.ROLL_BACK else Action.END_TRIAL
    if standing.ended is not None and standing.kept == design.baseline:
        moving.give_back(rollout, action, reason=reason, by=by, faulty=faulty, **said)
    else:
        moving.take_out(rollout, design, standing, action, reason=reason, by=by, **said)


def _tell_sample(rollout: Rollout) -> None:
    """Once there are more units than are kept, nodes need not tell of those that would be left out here."""
    standing = selectors.route(rollout.model, rollout.environment)
    entry = entry_of(standing)
    if standing is None or entry is None or entry.rollout is None or entry.rollout.sample == rollout.sample:
        return
    if not switches.open_ones().filter(rollout=rollout).exists():
        with write():
            revise_route(
                rollout.model,
                rollout.environment,
                lambda now, revision: plans.sampled(now or entry, rollout.sample, revision=revision),
                actor=switches.ACTOR,
                why=f"of units one in {1 << rollout.sample} is told of",
                stage=standing.stage,
            )


def only_seen(look: Look) -> Standing:
    """What this look has seen, without what it would have done."""
    seen = look.decision.standing
    return replace(look.before, peaks=seen.peaks, onset=seen.onset)


def keep(rollout: Rollout, standing: Standing) -> bool:
    """Write the standing where it is another one; False where somebody else has looked meanwhile."""
    document = written.to_json(standing)
    mine = Rollout.objects.filter(pk=rollout.pk, looks=rollout.looks, closed_at=rollout.closed_at)
    if document == rollout.standing:
        return mine.exists()
    kept = mine.update(standing=document, looks=rollout.looks + 1, looked_at=timezone.now())
    if kept:
        rollout.standing, rollout.looks = document, rollout.looks + 1
    return bool(kept)


# ---- what is kept of a decision


def record(rollout: Rollout, look: Look) -> Event:
    """The event has all that it takes to decide again."""
    decision = look.decision
    return note(
        rollout,
        verdict=decision.verdict,
        arm=decision.arm,
        reason=decision.reason,
        stage=look.before.stage,
        by=switches.ACTOR,
        proposed=str(decision.proposed or ""),
        design=written.to_json(look.design),
        counts=written.to_json(look.counts),
        standing=written.to_json(look.before),
        now=look.now,
        decision=written.to_json(decision),
    )


def note(
    rollout: Rollout, *, verdict: Verdict, arm: str, reason: str, stage: int, by: str, **facts: object
) -> Event:
    """A decision's event and row, whoever made it, inside the surrounding write."""
    number = rollout.decisions.count() + 1
    said = {"number": number, "verdict": str(verdict), "arm": arm, "reason": reason, "stage": stage}
    event = switches.tell(rollout, Kind.ROLLOUT_DECIDED, actor=by, **said, **facts)
    DecisionRow.objects.create(
        rollout=rollout, number=number, verdict=verdict, arm=arm, reason=reason, decided_by=by, event=event
    )
    return event


def _is_step(look: Look) -> bool:
    """Shares that follow the evidence within a stage are decided every minute."""
    decision = look.decision
    return decision.verdict is not Verdict.MOVE or decision.standing.stage != look.before.stage


def _propose(rollout: Rollout, look: Look, event: Event) -> Proposal:
    decision = look.decision
    return Proposal.objects.create(
        rollout=rollout,
        stage=Stage.objects.get(rollout=rollout, place=look.before.stage),
        verdict=str(decision.proposed),
        arm=decision.arm,
        reason=decision.reason,
        evidence=[written.to_json(finding) for finding in decision.evidence],
        event=event,
    )
