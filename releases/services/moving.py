"""What moves a rollout by stages, whoever decides it: into a stage, to its end, or back, or a version of it.

Each writes rows and events inside the decision's own transaction. On its way back nothing is asked of nodes:
what answers again is loaded, so the route that says so is written at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from formats.plan import ModelPlan
from registry.errors import BadInput
from registry.events import grounds as keep_grounds
from registry.models import Person
from registry.services.wording import MOST_CHARACTERS
from registry.transactions import write
from releases import dataplane, plans, selectors
from releases.errors import NothingOpen
from releases.events import Kind
from releases.lifecycle import Action
from releases.models import Arm, Environment, Proposal, Release, Rollout, Route, Stage, Switch
from releases.rollout import before, staging
from releases.rollout.designs.design import Design
from releases.rollout.publishing import entry_of, publish_news, revise_route
from releases.rollout.strategies.base import Standing
from releases.rollout.switching import saga, switches
from releases.services import freezing
from releases.services.transitions import advance

GIVES_WAY = "The version is rolled back: its A/A run has ended without a verdict."


def enter(rollout: Rollout, design: Design, standing: Standing, *, by: str, grounds: str = "") -> Switch:
    """Begin the switch that leads into the stage where the rollout stands now. Raises Frozen."""
    freezing.go_through(selectors.passing(rollout), by=by)
    return lead_into(rollout, design, standing, by, grounds)


def lead_into(rollout: Rollout, design: Design, standing: Standing, by: str, grounds: str = "") -> Switch:
    """Begin the switch to what the stage says where the rollout stands."""
    return saga.begin(
        rollout,
        staging.entry(rollout, design, standing, _standing_entry(rollout)),
        stage=Stage.objects.get(rollout=rollout, place=standing.stage),
        decided_by=by,
        grounds=grounds,
        concludes=False,
    )


def reshare(rollout: Rollout, design: Design, standing: Standing, *, by: str, why: str) -> Route:
    """Other shares within a stage, from this write on: what they name is loaded and verified already."""
    stage = Stage.objects.get(rollout=rollout, place=standing.stage)
    route = revise_route(
        rollout.model,
        rollout.environment,
        lambda now, revision: plans.opened(
            staging.entry(rollout, design, standing, now or _standing_entry(rollout)), revision=revision
        ),
        actor=by,
        why=why,
        stage=stage,
    )
    transaction.on_commit(partial(_publish, rollout.environment))
    return route


def conclude(rollout: Rollout, arm: str, *, by: str, grounds: str = "") -> Switch:
    """Begin the switch after which everybody is answered by that version, and the rollout is over.

    Raises Frozen.
    """
    freezing.go_through(selectors.passing(rollout, arm), by=by)
    aim = staging.all_to(rollout, arm, _standing_entry(rollout))
    return saga.begin(rollout, aim, stage=None, decided_by=by, grounds=grounds)


def give_back(
    rollout: Rollout,
    action: Action,
    *,
    reason: str,
    by: str,
    faulty: Collection[str] | None = None,
    **facts: object,
) -> None:
    """Everybody is answered as before the rollout, from this write on; what is under way ends.

    action  ROLL_BACK for a fault; END_TRIAL for versions that lost without one, and stay approved.
    faulty  of a fault the versions that have it, where not all have that are left.

    Raises NothingOpen where the rollout is over.
    """
    with write():
        if not Rollout.objects.select_for_update().filter(pk=rollout.pk, closed_at=None).exists():
            raise NothingOpen("This rollout is over already.")
        _end_switches(rollout, reason)
        earlier = entry_of(rollout.origin)
        route = revise_route(
            rollout.model,
            rollout.environment,
            lambda now, revision: plans.reverted(earlier, now, revision=revision),
            actor=by,
            why=reason,
        )
        said = {"reason": reason, "revision": route.revision, **facts}
        dismiss(rollout, action, by=by, said=said, faulty=faulty)
        close(rollout, reason, Stage.End.PASSED if rollout.is_aa else Stage.End.TURNED_BACK)
        transaction.on_commit(partial(_publish, rollout.environment))


def end_aa(release: Release, *, reason: str, by: str, **said: str) -> None:
    """An A/A run of a release, where there is one, ends before its time: what is in earnest goes first."""
    rollout = selectors.aa_of(release)
    if rollout is not None:
        give_back(rollout, Action.END_TRIAL, reason=reason, by=by, **dict[str, Any](said))


def take_out(
    rollout: Rollout,
    design: Design,
    standing: Standing,
    action: Action,
    *,
    reason: str,
    by: str,
    **facts: object,
) -> None:
    """The versions that the standing has out answer nobody from this write on, and the others go on.

    What is theirs goes to the live version at once; a switch that was to open them begins anew without them.
    Raises NothingOpen where the rollout is over.
    """
    with write():
        if not Rollout.objects.select_for_update().filter(pk=rollout.pk, closed_at=None).exists():
            raise NothingOpen("This rollout is over already.")
        out, baseline = {int(arm) for arm in standing.removed}, int(design.baseline)
        under_way = switches.open_ones().filter(rollout=rollout, concludes=False)
        anew = under_way.exists()
        _end(under_way, reason)
        stands = selectors.route(rollout.model, rollout.environment)
        route = revise_route(
            rollout.model,
            rollout.environment,
            lambda now, revision: plans.taken_out(_known(now), out, baseline, revision=revision),
            actor=by,
            why=reason,
            stage=stands.stage if stands else None,
        )
        said = {"reason": reason, "revision": route.revision, **facts}
        lapse(rollout, by=by)
        dismiss(rollout, action, by=by, said=said, only=standing.removed)
        if anew:  # which a freeze has let begin, or came after
            lead_into(rollout, design, standing, by)
        transaction.on_commit(partial(_publish, rollout.environment))


def dismiss(
    rollout: Rollout,
    action: Action,
    *,
    by: str,
    said: Mapping[str, object],
    only: Collection[str] | None = None,
    faulty: Collection[str] | None = None,
) -> None:
    """Versions that are still in a rollout leave it, all or these, each with an event of its own: those at
    fault by `action`, the others as tried without fault."""
    for arm in selectors.playing(rollout):
        number = str(arm.release.version.number)
        if only is not None and number not in only:
            continue
        is_faulty = faulty is None or number in faulty
        with write():
            Arm.objects.filter(pk=arm.pk).update(left_at=timezone.now())
            step = action if is_faulty else Action.END_TRIAL
            advance(arm.release, step, actor=by, rollout=rollout.pk, **said)


def _publish(environment: Environment) -> None:
    """At once; where nobody can be told now, the event of the route is dispatched none the less."""
    with suppress(dataplane.Unreachable):
        publish_news(environment)


def close(rollout: Rollout, reason: str, end: Stage.End) -> None:
    """The rollout is over, its stage, arms and open proposal with it. Raises switches.Turned where it is."""
    now = timezone.now()
    with write():
        open_one = Rollout.objects.filter(pk=rollout.pk, closed_at=None)
        if not open_one.update(closed_at=now, reason=reason, **before.closing()):
            raise switches.Turned
        begun = Stage.objects.filter(rollout=rollout, ended_at=None)
        begun.filter(begun_at__isnull=False).update(ended_at=now, end=end)
        if not rollout.by_stages:
            begun.update(ended_at=now, end=end)
        Arm.objects.filter(rollout=rollout, left_at=None).update(left_at=now)
        lapse(rollout, by=switches.ACTOR)
        switches.tell(rollout, Kind.ROLLOUT_FINISHED, actor=switches.ACTOR, reason=reason)


def lapse(rollout: Rollout, *, by: str) -> None:
    """What was asked for is not any more."""
    for proposal in Proposal.objects.filter(rollout=rollout, outcome=Proposal.Outcome.OPEN):
        close_proposal(rollout, proposal, Proposal.Outcome.LAPSED, by=by)


def close_proposal(
    rollout: Rollout, proposal: Proposal, outcome: Proposal.Outcome, *, by: str, **facts: object
) -> None:
    """An open proposal is over, inside the surrounding write."""
    proposal.outcome, proposal.closed_at = outcome, timezone.now()
    proposal.save(update_fields=["outcome", "closed_at"])
    said = {"proposal": proposal.event_id, "verdict": proposal.verdict, "outcome": str(outcome)}
    switches.tell(rollout, Kind.PROPOSAL_CLOSED, actor=by, **said, **facts)


def said(grounds: str, by: Person) -> dict[str, str]:
    """What an event says of somebody's words, which are kept beside it. Raises BadInput."""
    if len(grounds) > MOST_CHARACTERS:
        raise BadInput(f"Say it in at most {MOST_CHARACTERS:,} characters.", field="grounds")
    return {"grounds": keep_grounds(grounds.strip(), by).digest} if grounds.strip() else {}


def _end_switches(rollout: Rollout, reason: str) -> None:
    _end(switches.open_ones().filter(rollout=rollout), reason)


def _end(under_way: QuerySet[Switch], reason: str) -> None:
    """A worker in the midst of one finds at its next step that it is over."""
    now = timezone.now()
    under_way.update(
        turned_in=F("phase"), phase=Switch.Phase.DONE, phase_since=now, due=None, ended_at=now, reason=reason
    )


def _standing_entry(rollout: Rollout) -> ModelPlan:
    return _known(entry_of(selectors.route(rollout.model, rollout.environment)))


def _known(entry: ModelPlan | None) -> ModelPlan:
    if entry is None:
        raise NothingOpen("The model has no route that a rollout could go on from.")
    return entry
