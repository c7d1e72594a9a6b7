"""A version joins a rollout that is under way, as one more of those that are tried in it."""

from __future__ import annotations

from django.utils import timezone

from registry import model_policy
from registry.errors import BadInput, NotAllowed
from registry.models import ApiToken, Person
from registry.selectors import access
from registry.transactions import write
from releases import policies, selectors
from releases.errors import Frozen, NothingOpen
from releases.events import Kind
from releases.lifecycle import Action, State, target
from releases.models import Arm, Release, Rollout, Stage
from releases.rollout import joined, staging, written
from releases.rollout.designs.design import Design
from releases.rollout.switching import switches
from releases.services import freezing, moving, steering
from releases.services.transitions import advance
from releases.traffic import evidence


def join_rollout(
    release: Release,
    *,
    by: Person,
    token: ApiToken | None = None,
    grounds: str = "",
    share: float | None = None,
) -> Release:
    """An approved release takes part in the rollout that is open where it goes. Nodes load and verify its
    version first; then it has its share of the units, which were the live version's.

    share  of the units, where shares are fixed; half of what the live version has without it.

    Raises IllegalTransition, NotAllowed, NothingOpen, Frozen, and BadInput for what cannot be.
    """
    with write():
        release = selectors.release(release.pk, by, token)
        _check(release, by, token)
        rollout, actor = _open_beside(release), (token or by).actor
        freezing.go_through([release], by=actor)
        design, standing = staging.design_of(rollout), staging.standing_of(rollout)
        _check_compared(design, release)
        arm, now = str(release.version.number), timezone.now()
        asks = model_policy.parse(release.policy).mode == "propose"
        made, stands = joined.joined(design, standing, arm, share=share, asks=asks, now=now.timestamp())
        if len(design.challengers) == 1:
            evidence.tell_of_any(rollout.pk, int(design.challengers[0]))
        rollout.design, rollout.standing = written.to_json(made), written.to_json(stands)
        rollout.looks += 1
        rollout.save(update_fields=["design", "standing", "looks"])
        _keep_shares(rollout, made, stands.stage)
        Arm.objects.create(rollout=rollout, release=release, role=Arm.Role.CHALLENGER)
        said = moving.said(grounds, by)
        moving.lapse(rollout, by=actor)
        shares = dict(stands.shares or made.stages[stands.stage].shares)
        told = {"version": int(arm), "stage": stands.stage, "shares": shares, **said}
        switches.tell(rollout, Kind.ROLLOUT_JOINED, actor=actor, **told)
        where = {"rollout": rollout.pk, "beside": rollout.release.version.number}
        answer = advance(release, Action.START_ROLLOUT, actor=actor, **where, **said)
        if rollout.switches.exists():
            moving.lead_into(rollout, made, stands, by=actor, grounds=said.get("grounds", ""))
        return answer


def _check(release: Release, by: Person, token: ApiToken | None) -> None:
    target(State(release.state), Action.START_ROLLOUT)
    facts = selectors.facts(release)
    if reason := policies.refuse_join(access(by, token, release.model), facts):
        if reason == policies.NOTHING_TO_JOIN:
            raise NothingOpen(reason)
        raise (Frozen if reason == policies.refuse_forward(facts) else NotAllowed)(reason)


def _open_beside(release: Release) -> Rollout:
    """The rollout that is open there, locked. Raises NothingOpen."""
    open_one = Rollout.objects.filter(
        model=release.model, environment=release.environment, closed_at=None, origin__isnull=False
    ).first()
    if open_one is None:
        raise NothingOpen(policies.NOTHING_TO_JOIN)
    rollout = steering.locked(open_one)
    if switches.open_ones().filter(rollout=rollout).exists():
        raise NothingOpen("Shares are moving right now: try again in a few seconds.")
    return rollout


def _check_compared(design: Design, release: Release) -> None:
    """What answers are compared by has to be there."""
    outputs = {spec["name"] for spec in release.version.signature["outputs"]}
    if missing := [name for name in design.compare if name not in outputs]:
        raise BadInput(f"The version has no output {missing[0]!r}, by which this rollout compares answers.")


def _keep_shares(rollout: Rollout, design: Design, since: int) -> None:
    for stage in Stage.objects.filter(rollout=rollout, place__gte=since):
        stage.shares = dict(design.stages[stage.place].shares)
        stage.save(update_fields=["shares"])
