"""From any routing entry to any other over all nodes: prepare → commit closed → verify → open, or back.

Each phase is work that may run twice: the phase is a column, moved only from the phase it was in, in the
transaction that writes the route. A kill anywhere leaves a phase that another worker goes on with. Nobody
waits here for longer than nodes take that have all they need: what takes them longer raises `jobs.NotYet`,
and `hasten` says, once a tick and of all switches, which can go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from formats.heartbeat import Heartbeat
from formats.plan import WHOLE, ModelPlan
from registry.services import jobs
from registry.transactions import write
from releases import plans, selectors
from releases.errors import NodesFailed
from releases.events import Kind
from releases.models import Environment, Rollout, Stage, Switch
from releases.rollout import trials
from releases.rollout.publishing import entry_of
from releases.rollout.switching import nodes, switches
from releases.rollout.switching.switches import ACTOR, Phase, Turned
from scoring import routing
from scoring.crashpoints import crashpoint

JOB = "advance_rollout"
ROWS_AT_THE_DOOR = 5
"""By name all rows have been asked before: at the public door it is the way that is looked at."""


@dataclass(frozen=True, slots=True)
class Ends:
    """What follows from the end of a switch, inside its transaction; with the revision that stands then.

    `spared` says of a version that the nodes failed with whether the switch has ended so that others go on.
    """

    opened: Callable[[Switch, int], None]
    turned_back: Callable[[Switch, int], None]
    spared: Callable[[Switch, NodesFailed], bool]


def begin(
    rollout: Rollout,
    aim: ModelPlan,
    *,
    stage: Stage | None,
    decided_by: str,
    grounds: str = "",
    concludes: bool = True,
) -> Switch:
    """Start a switch from what stands to `aim`. What follows is work for `go_on`.

    Where everything that `aim` names is loaded and verified already, only the shares are to move.
    """
    standing = selectors.route(rollout.model, rollout.environment)
    arrives = plans.arriving(entry_of(standing), aim) or not standing
    return Switch.objects.create(
        rollout=rollout,
        stage=stage,
        before=standing,
        aim=aim.to_json(),
        phase=Phase.PREPARING if arrives else Phase.OPENING,
        decided_by=decided_by,
        grounds=grounds,
        concludes=concludes,
    )


def go_on(switch: Switch, ends: Ends) -> None:
    """Take a switch as far as it goes. Safe to repeat and to run beside itself.

    Raises jobs.NotYet where nodes have yet to follow and need time for it.
    """
    while (now := switches.as_it_stands(switch)) is not None:
        try:
            _PHASES[Phase(now.phase)](now, ends)
        except NodesFailed as error:
            if not ends.spared(now, error):
                turn_back(now, str(error), actor=ACTOR)
        except Turned:
            continue


def turn_back(switch: Switch, reason: str, *, actor: str, **facts: object) -> bool:
    """Turn an open switch back; False when it has ended or turns back already. Safe to repeat."""
    rollout, now = switch.rollout, timezone.now()
    with write():
        turned = (
            switches.open_ones()
            .filter(pk=switch.pk)
            .exclude(phase=Phase.REVERTING)
            .update(turned_in=F("phase"), phase=Phase.REVERTING, phase_since=now, due=None, reason=reason)
        )
        if turned:
            Rollout.objects.filter(pk=rollout.pk).update(
                reason=reason, before_phase=Phase.REVERTING, before_since=now
            )
            switches.tell(rollout, Kind.ROLLOUT_REVERTING, actor=actor, reason=reason, **facts)
        return bool(turned)


def hasten(environment: Environment, beats: Sequence[Heartbeat]) -> None:
    """Wake the work on each switch that waits for nodes and need not any more, by one look at all of them."""
    waiting = switches.open_ones().filter(rollout__environment=environment, due__isnull=False)
    for switch in waiting.select_related("rollout__release", "rollout__model", "before"):
        if nodes.can_go_on(switch, beats):
            jobs.hasten(JOB, switch.rollout.release.subject)


# ---- the phases


def _prepare(switch: Switch, ends: Ends) -> None:
    """Every node fetches, checks, loads, warms and answers the end-to-end set itself. Clients see nothing."""
    aim = switches.aim_of(switch)
    switches.revise_once(
        switch,
        "prepared",
        lambda now, next_: plans.prepared(now, aim, revision=next_),
        f"{_named(switch)} is loaded and checked, open to nobody",
        within_s=settings.PREPARE_TIMEOUT_S + nodes.rehearsals_s(switch),
    )
    crashpoint("switch.prepared")
    switches.move(switch, Phase.COMMITTING, nodes=nodes.followed(switch))


def _commit_closed(switch: Switch, ends: Ends) -> None:
    """What arrives answers by name, with weight 0."""
    aim = switches.aim_of(switch)
    switches.revise_once(
        switch,
        "committed",
        lambda now, next_: plans.committed_closed(_standing(now), aim, revision=next_),
        f"{_named(switch)} answers by name only",
    )
    crashpoint("switch.committed")
    nodes.followed(switch)
    switches.move(switch, Phase.VERIFYING)


def _verify(switch: Switch, ends: Ends) -> None:
    """From outside, by name, every worker of every node, all reference answers."""
    started, model = time.monotonic(), switch.rollout.model.name
    rows = 0
    for version in switches.arriving(switch):
        rows += nodes.ask(switch, version, f"/v2/models/{model}/versions/{version.number}/infer")
    crashpoint("switch.verified")
    switches.move(
        switch, Phase.OPENING, verified_rows=rows, verified_in_s=round(time.monotonic() - started, 3)
    )


def _open(switch: Switch, ends: Ends) -> None:
    """Traffic moves; the public endpoint is called as a client would; then follows what `ends` says."""
    aim = switches.aim_of(switch)
    revision = switches.revise_once(
        switch,
        "opened",
        lambda now, next_: plans.opened(aim, revision=next_),
        _said_of(aim),
        stage=switch.stage,
    )
    crashpoint("switch.opened")
    nodes.followed(switch)
    path = f"/v2/models/{switch.rollout.model.name}/infer"
    for place, arm in enumerate(aim.arms):
        unit = "" if arm.weight == WHOLE else routing.unit_of(aim, place, trials.one_of(switch.stage))
        if unit is not None:
            nodes.ask(switch, aim.versions[arm.version], path, most_rows=ROWS_AT_THE_DOOR, unit=unit)
    with write():
        switches.end(switch)
        ends.opened(switch, revision)


def _revert(switch: Switch, ends: Ends) -> None:
    """What answered before answers again, under the next revision."""
    earlier = entry_of(switch.rollout.origin or switch.before)
    revision = switches.revise_once(
        switch,
        "reverted",
        lambda now, next_: plans.reverted(earlier, now, revision=next_),
        switch.reason,
    )
    crashpoint("switch.reverted")
    with suppress(NodesFailed):  # the plan is out and nodes converge on it; the decision stands without them
        nodes.followed(switch)
    with write():
        switches.end(switch)
        ends.turned_back(switch, revision)


_PHASES: dict[Phase, Callable[[Switch, Ends], None]] = {
    Phase.PREPARING: _prepare,
    Phase.COMMITTING: _commit_closed,
    Phase.VERIFYING: _verify,
    Phase.OPENING: _open,
    Phase.REVERTING: _revert,
}


def _named(switch: Switch) -> str:
    numbers = [str(version.number) for version in switches.arriving(switch)]
    return f"version {numbers[0]}" if len(numbers) == 1 else f"versions {', '.join(numbers)}"


def _said_of(aim: ModelPlan) -> str:
    """What clients are answered by."""
    if len(aim.arms) == 1:
        return f"version {aim.arms[0].version} answers all clients"
    told = [f"version {number} {share:.4g}" for number, share in plans.shares(aim).items()]
    return f"clients are shared out: {', '.join(told)}" if told else "no client is answered"


def _standing(now: ModelPlan | None) -> ModelPlan:
    if now is None:
        raise NodesFailed("The model has no route to go on from.")
    return now
