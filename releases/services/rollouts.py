"""Decisions about traffic: start a rollout, roll back, retire. What follows is work for `advancing`."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from django.utils import timezone

from formats.plan import ModelPlan, PlannedRollout
from registry.errors import BadInput, NotAllowed
from registry.events import record
from registry.models import ApiToken, Person
from registry.selectors import access
from registry.transactions import write
from releases import plans, policies, selectors
from releases.errors import CannotReturn, Frozen, NotApproved, NothingToRestore, RolloutOpen
from releases.events import Kind
from releases.lifecycle import Action, State, target
from releases.models import Arm, Release, Rollout, Route, Stage
from releases.rollout import before, returns, staging, written
from releases.rollout.designs.design import Design
from releases.rollout.publishing import entry_of, planned, revise_route
from releases.rollout.strategies.base import Standing
from releases.rollout.switching import saga, switches
from releases.services import freezing, moving, steering
from releases.services.transitions import advance


def start_rollout(
    release: Release, *, by: Person, token: ApiToken | None = None, grounds: str = ""
) -> Release:
    """Open a rollout for an approved release. Raises IllegalTransition, NotAllowed, RolloutOpen,
    Frozen."""
    with write():
        release = selectors.release(release.pk, by, token)
        _check(Action.START_ROLLOUT, release, by, token)
        if Rollout.objects.filter(
            model=release.model, environment=release.environment, closed_at=None
        ).exists():
            raise RolloutOpen(policies.ANOTHER_ROLLOUT)
        previous = selectors.champion(release.model, release.environment)
        said = moving.said(grounds, by)
        design = staging.design_for(release, previous)
        others = _others(release, design)
        begin = begin_stages if staging.is_by_stages(design) else _begin_alone
        rollout = begin(release, release, previous, (token or by).actor, said, design, others)
        record(
            Kind.ROLLOUT_STARTED,
            release.subject,
            actor=(token or by).actor,
            model=release.model.name,
            rollout=rollout.pk,
            strategy=release.strategy,
            replaces=previous.version.number if previous else None,
            stages=[str(stage.kind) for stage in design.stages],
            beside=[each.version.number for each in others],
        )
        for each in others:
            where = {"rollout": rollout.pk, "beside": release.version.number}
            advance(each, Action.START_ROLLOUT, actor=(token or by).actor, **where, **said)
        return advance(release, Action.START_ROLLOUT, actor=(token or by).actor, rollout=rollout.pk, **said)


def _others(release: Release, design: Design) -> list[Release]:
    """The releases that take part beside it. Raises NotApproved where one may not, as it says of itself."""
    others = staging.beside(release, design) if staging.is_by_stages(design) else []
    known = selectors.facts_of(others)
    for each in others:
        if reason := policies.refuse_part(known[each.pk]):
            raise NotApproved(f"Version {each.version.number} cannot take part: {reason}")
    return others


def roll_back(
    release: Release,
    *,
    by: Person,
    token: ApiToken | None = None,
    grounds: str = "",
    to: int | None = None,
    everything: bool = False,
) -> Release:
    """Take a release out of traffic: a rollout turns back, a live release gives way to an earlier version.

    to          the number of a version that was live here before; without it the one just before.
    everything  of a rollout in which several versions take part all of them; else this one alone leaves it.

    What the nodes have loaded answers again at once: the decision is one transaction, and the plan that
    carries it out follows within a second. Any other is loaded and verified first, by a switch.
    Raises IllegalTransition, NothingToRestore, CannotReturn, RolloutOpen, NotAllowed.
    """
    release = selectors.release(release.pk, by, token)
    _check_way_back(release, by, token)
    back = _way_back(release, to)  # asks the store and the nodes, so before anything is locked
    with write():
        release = selectors.release(release.pk, by, token)
        _check_way_back(release, by, token)
        actor, said = (token or by).actor, moving.said(grounds, by)
        if release.state == State.ROLLING_OUT:
            steering.turn_back(release, by=actor, reason="rolled back by hand", everything=everything, **said)
            release.refresh_from_db(fields=["state", "state_since"])
            return release
        if back is None or not selectors.returnable(release).filter(pk=back.release.pk).exists():
            raise CannotReturn("What is live here has just changed: look again.")
        if back.loaded:
            return restore(release, back.release, actor=actor, **said)
        return _start_return(release, back.release, actor, said)


def _check_way_back(release: Release, by: Person, token: ApiToken | None) -> None:
    target(State(release.state), Action.ROLL_BACK)
    if reason := policies.refuse_way_back(selectors.facts(release)):
        raise (NothingToRestore if reason == policies.NOTHING_TO_RESTORE else RolloutOpen)(reason)
    _check(Action.ROLL_BACK, release, by, token)


def _way_back(release: Release, to: int | None) -> returns.Return | None:
    """Where a live release goes back to; nothing for one that is on its way, for what answers now stays."""
    if release.state != State.LIVE:
        if to is not None:
            raise BadInput("A rollout goes back to what answers now: leave to out.", field="to")
        return None
    back = returns.before(release) if to is None else returns.to_version(release, to)
    if back is None:
        raise NothingToRestore(
            f"No version was live here before version {release.version.number}: say which one to go back to."
        )
    if back.refusal:
        raise CannotReturn(f"Version {back.number} cannot answer again. {back.refusal}", version=back.number)
    return back


def _start_return(release: Release, back: Release, actor: str, said: dict[str, str]) -> Release:
    """The way back as a rollout of its own: the live release stays live until the other has arrived."""
    moving.end_aa(release, reason=moving.GIVES_WAY, by=actor)
    rollout = _begin(release, back, release, actor, said)
    switches.tell(
        rollout,
        Kind.ROLLOUT_STARTED,
        actor=actor,
        strategy=release.strategy,
        replaces=release.version.number,
        **said,
    )
    return release


def _begin(
    release: Release,
    arriving: Release,
    previous: Release | None,
    actor: str,
    said: dict[str, str],
    design: Design | None = None,
) -> Rollout:
    """A rollout of one stage, in which all units come to what arrives, and the switch that leads there."""
    standing = selectors.route(release.model, release.environment)
    rollout = _opened(release, arriving, previous, standing)
    shares = {str(arriving.version.number): 1.0}
    stage = Stage.objects.create(rollout=rollout, place=0, kind=Stage.Kind.SPLIT, shares=shares)
    told = None if design is None else _to_be_watched(rollout, design)
    aim = plans.opened_to_all(
        entry_of(standing), planned(arriving), salt=bytes.fromhex(rollout.salt), rollout=told
    )
    saga.begin(rollout, aim, stage=stage, decided_by=actor, grounds=said.get("grounds", ""))
    return rollout


def _begin_alone(
    release: Release,
    arriving: Release,
    previous: Release | None,
    actor: str,
    said: dict[str, str],
    design: Design,
    others: Sequence[Release] = (),
) -> Rollout:
    """All units come to a version at once. Raises Frozen."""
    freezing.go_through([release], by=actor)
    return _begin(release, arriving, previous, actor, said, design)


def _to_be_watched(rollout: Rollout, design: Design) -> PlannedRollout | None:
    """What nodes tell of, so that it can be held against the time before; nothing where there was none."""
    if not design.baseline:
        return None
    now = timezone.now().timestamp()
    rollout.design, rollout.standing = (
        written.to_json(design),
        written.to_json(Standing(begun=now, since=now)),
    )
    rollout.save(update_fields=["design", "standing"])
    return staging.told(rollout, design, design.stages[0])


def begin_stages(
    release: Release,
    arriving: Release,
    previous: Release | None,
    actor: str,
    said: dict[str, str],
    design: Design,
    others: Sequence[Release] = (),
) -> Rollout:
    """A rollout that is judged on its way, and the switch that leads into its first stage."""
    standing = selectors.route(release.model, release.environment)
    rollout = _opened(release, arriving, previous, standing, others)
    now = timezone.now().timestamp()
    begun = Standing(begun=now, since=now)
    rollout.origin, rollout.design = standing, written.to_json(design)
    rollout.standing = written.to_json(begun)
    rollout.save(update_fields=["origin", "design", "standing"])
    Stage.objects.bulk_create(staging.rows_of(rollout, design))
    if not staging.waits(design, now):
        moving.enter(rollout, design, begun, by=actor, **said)
    return rollout


def _opened(
    release: Release,
    arriving: Release,
    previous: Release | None,
    standing: Route | None,
    others: Sequence[Release] = (),
) -> Rollout:
    rollout = Rollout.objects.create(
        release=release,
        previous=previous,
        returns_to=None if arriving == release else arriving,
        model=release.model,
        environment=release.environment,
        salt=secrets.token_bytes(16).hex(),
        before_progress=before.progress(standing),
    )
    for each in (arriving, *others) if arriving != previous else ():  # which stands beside itself
        Arm.objects.create(rollout=rollout, release=each, role=Arm.Role.CHALLENGER)
    if previous is not None:
        Arm.objects.create(rollout=rollout, release=previous, role=Arm.Role.CHAMPION)
    return rollout


def restore(release: Release, back: Release, *, actor: str, **facts: object) -> Release:
    """Vacate, then occupy: the live release is rolled back and an earlier one is live again."""
    with write():
        moving.end_aa(release, reason=moving.GIVES_WAY, by=actor)
        rolled_back = advance(release, Action.ROLL_BACK, actor=actor, restores=back.version.number, **facts)
        advance(back, Action.RESTORE, actor=actor, after=release.version.number)
        version = planned(back)
        revise_route(
            release.model,
            release.environment,
            lambda now, revision: plans.returned_to(version, now or _nothing(), revision=revision),
            actor=actor,
            why=f"version {release.version.number} was rolled back to version {back.version.number}",
        )
        return rolled_back


def retire(release: Release, *, by: Person, token: ApiToken | None = None, grounds: str = "") -> Release:
    """Take the model offline. The first call asks, a second person's call does it."""
    with write():
        release = selectors.release(release.pk, by, token)
        _check(Action.RETIRE, release, by, token)
        said = moving.said(grounds, by)
        if not selectors.facts(release).retire_asked_by:
            record(Kind.RETIREMENT_ASKED, release.subject, actor=by.actor, model=release.model.name, **said)
            release.retire_asked_by = by
            release.save(update_fields=["retire_asked_by"])
            return release
        retired = advance(release, Action.RETIRE, actor=by.actor, **said)
        revise_route(
            release.model,
            release.environment,
            lambda now, revision: plans.taken_offline(now or _nothing(), revision=revision),
            actor=by.actor,
            why="the model was retired",
        )
        return retired


def _check(action: Action, release: Release, by: Person, token: ApiToken | None) -> None:
    target(State(release.state), action)
    facts = selectors.facts(release)
    if reason := policies.refuse_action(action, access(by, token, release.model), facts):
        raise (Frozen if reason == policies.refuse_forward(facts) else NotAllowed)(reason)


def _nothing() -> ModelPlan:
    return plans.nothing(revision=0, salt=bytes(16))
