"""A release as one transaction over all nodes: prepare → commit closed → verify → open, or back by itself.

Each phase is work that may run twice: the phase is a column, moved only from the phase it was in,
in the transaction that writes the route. A kill anywhere leaves a phase that another worker goes on with.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace

from django.conf import settings
from django.utils import timezone

from formats.heartbeat import Heartbeat
from formats.plan import ModelPlan
from registry.events import record
from registry.storage import open_verified
from registry.stores import artifact_store
from registry.transactions import write
from releases import plans
from releases.errors import NodesFailed
from releases.events import Kind
from releases.lifecycle import Action
from releases.models import Release, Rollout
from releases.rollout import verification
from releases.rollout.publishing import (
    heartbeats,
    internal_token,
    planned,
    publish,
    revise_route,
)
from releases.services.rollouts import begin_reverting, restore, told_of
from releases.services.transitions import advance
from scoring.crashpoints import crashpoint
from scoring.runtime import rehearsal

ACTOR = "system/rollouts"
POLL_S = 0.05
REHEARSAL_SLACK = 3
Phase = Rollout.Phase


class Turned(Exception):
    """The rollout has left this worker's phase: somebody rolled it back, or another worker went on."""


def advance_rollout(release_id: int) -> None:
    """Take a release's open rollout as far as it goes. Safe to repeat and to run beside itself."""
    while True:
        rollout = _open_rollout(release_id)
        if rollout is None:
            return
        try:
            _PHASES[Phase(rollout.phase)](rollout)
        except NodesFailed as error:
            begin_reverting(rollout, str(error), actor=ACTOR)
        except Turned:
            continue


def give_up(release_id: int, reason: str) -> bool:
    """A step failed three times for a reason nobody foresaw: the rollout turns back by itself.

    False when it is turning back already: that has no alternative and is tried until it works.
    """
    rollout = _open_rollout(release_id)
    if rollout is None:
        return True
    return begin_reverting(rollout, f"A step failed again and again: {reason}"[:500], actor=ACTOR)


def _open_rollout(release_id: int) -> Rollout | None:
    return (
        Rollout.objects.filter(release=release_id, closed_at=None)
        .select_related(
            "release__version", "previous__version", "returns_to__version", "model", "environment"
        )
        .first()
    )


def _prepare(rollout: Rollout) -> None:
    """Every node fetches, checks, loads, warms and answers the end-to-end set itself. Clients see nothing."""
    number, version = rollout.arriving.version.number, planned(rollout.arriving)
    salt = secrets.token_bytes(16)
    revision = _revise_once(
        rollout,
        "prepared",
        lambda now, next_: plans.prepared(now, version, revision=next_, salt=salt),
        f"version {number} is loaded and checked, open to nobody",
    )
    publish(rollout.environment)
    crashpoint("saga.prepared")

    def loaded(node: Heartbeat) -> bool:
        state = node.of(rollout.model.name)
        if number in state.failed:
            raise NodesFailed(f"{node.node} could not load version {number}: {state.failed[number]}")
        return number in state.ready and state.revision >= revision

    workers = max((len(node.slots) for node in _nodes_of(rollout)), default=1)
    nodes = _await_nodes(rollout, loaded, settings.PREPARE_TIMEOUT_S + rehearsal_s(rollout.arriving, workers))
    _move(rollout, Phase.COMMITTING, nodes=nodes)


def rehearsal_s(release: Release, workers: int) -> float:
    """What the end-to-end rows may take in each worker, by the latency at proof, on a node that is busier."""
    measured = release.gate_runs.filter(gate="benchmark").values_list("evidence", flat=True).first()
    p50_ms = (measured or {}).get("p50_ms", {}).get("value") or 0.0
    rows = min(release.version.end_to_end_set.rows, rehearsal.MOST_ROWS)
    return float(REHEARSAL_SLACK * rows * workers * p50_ms / 1000)


def _commit_closed(rollout: Rollout) -> None:
    """The new version answers by name, with weight 0."""
    number = rollout.arriving.version.number
    revision = _revise_once(
        rollout,
        "committed",
        lambda now, next_: plans.committed_closed(_standing(now), number, revision=next_),
        f"version {number} answers by name only",
    )
    publish(rollout.environment)
    crashpoint("saga.committed")
    _await_nodes(rollout, lambda node: node.of(rollout.model.name).revision >= revision)
    _move(rollout, Phase.VERIFYING)


def _verify(rollout: Rollout) -> None:
    """From outside, by name, every worker of every node, all reference answers."""
    number = rollout.arriving.version.number
    started = time.monotonic()
    rows = _call_nodes(rollout, f"/v2/models/{rollout.model.name}/versions/{number}/infer", most_rows=None)
    crashpoint("saga.verified")
    _move(rollout, Phase.OPENING, verified_rows=rows, verified_in_s=round(time.monotonic() - started, 3))


def _open(rollout: Rollout) -> None:
    """All traffic moves; the public endpoint is called as a client would; then the champion changes."""
    number = rollout.arriving.version.number
    revision = _revise_once(
        rollout,
        "opened",
        lambda now, next_: plans.opened_to_all(_standing(now), number, revision=next_),
        f"version {number} answers all clients",
    )
    publish(rollout.environment)
    crashpoint("saga.opened")
    _await_nodes(rollout, lambda node: node.of(rollout.model.name).revision >= revision)
    _call_nodes(rollout, f"/v2/models/{rollout.model.name}/infer", most_rows=5)
    with write():
        _close(rollout, Phase.OPENING, "opened to all")
        _arrived(rollout, revision)
        crashpoint("saga.promoting")


def _arrived(rollout: Rollout, revision: int) -> None:
    """Vacate, then occupy. A way back leaves nothing loaded of what it went away from."""
    if rollout.returns_to is not None:
        asked = rollout.progress["asked"]
        restore(rollout.release, rollout.returns_to, actor=asked["by"], **asked["said"])
        return
    if rollout.previous is not None:
        advance(rollout.previous, Action.SUPERSEDE, actor=ACTOR, by=rollout.release.version.number)
    advance(rollout.release, Action.PROMOTE, actor=ACTOR, revision=revision)


def _revert(rollout: Rollout) -> None:
    """What answered before answers again, under the next revision; the release is rolled back."""
    before = rollout.progress.get("before")
    earlier = ModelPlan.from_json(before) if before else None
    revision = _revise_once(
        rollout,
        "reverted",
        lambda now, next_: plans.reverted(earlier, _standing(now), revision=next_),
        rollout.reason,
    )
    publish(rollout.environment)
    crashpoint("saga.reverted")
    with suppress(NodesFailed):  # the plan is out and nodes converge on it; the decision stands without them
        _await_nodes(rollout, lambda node: node.of(rollout.model.name).revision >= revision)
    with write():
        _close(rollout, Phase.REVERTING, rollout.reason)
        _ended(rollout, revision)


def _ended(rollout: Rollout, revision: int) -> None:
    """A way back that turned around has changed nothing: the live release stays live."""
    if rollout.returns_to is None:
        advance(rollout.release, Action.ROLL_BACK, actor=ACTOR, reason=rollout.reason, revision=revision)


_PHASES: dict[Phase, Callable[[Rollout], None]] = {
    Phase.PREPARING: _prepare,
    Phase.COMMITTING: _commit_closed,
    Phase.VERIFYING: _verify,
    Phase.OPENING: _open,
    Phase.REVERTING: _revert,
}


def _revise_once(
    rollout: Rollout, step: str, revise: Callable[[ModelPlan | None, int], ModelPlan], why: str
) -> int:
    """The revision of this step, written once: its number is kept in the rollout's progress."""
    with write():
        row = Rollout.objects.select_for_update().get(pk=rollout.pk)
        if row.phase != rollout.phase or row.closed_at is not None:
            raise Turned
        if step not in row.progress:
            route = revise_route(rollout.model, rollout.environment, revise, actor=ACTOR, why=why)
            row.progress[step] = route.revision
            row.save(update_fields=["progress"])
        rollout.progress = row.progress
        return int(row.progress[step])


def _move(rollout: Rollout, phase: Phase, **found: object) -> None:
    """To the next phase, from the one this worker was in."""
    with write():
        moved = Rollout.objects.filter(pk=rollout.pk, phase=rollout.phase, closed_at=None).update(
            phase=phase, phase_since=timezone.now(), progress={**rollout.progress, **found}
        )
        if not moved:
            raise Turned
        record(
            Kind.ROLLOUT_MOVED,
            rollout.release.subject,
            actor=ACTOR,
            model=rollout.model.name,
            rollout=rollout.pk,
            phase=str(phase),
            **told_of(rollout),
            **found,
        )
    crashpoint("saga.moved")


def _close(rollout: Rollout, phase: Phase, reason: str) -> None:
    closed = Rollout.objects.filter(pk=rollout.pk, phase=phase, closed_at=None).update(
        phase=Phase.DONE, phase_since=timezone.now(), closed_at=timezone.now(), reason=reason
    )
    if not closed:
        raise Turned
    record(
        Kind.ROLLOUT_FINISHED,
        rollout.release.subject,
        actor=ACTOR,
        model=rollout.model.name,
        rollout=rollout.pk,
        reason=reason,
        **told_of(rollout),
    )


def _await_nodes(
    rollout: Rollout, done: Callable[[Heartbeat], bool], timeout_s: float | None = None
) -> dict[str, str]:
    """Wait until every live node is `done`; a node that falls silent leaves the quorum and is named.

    Raises NodesFailed when none is alive, or the time is over; Turned when the rollout was rolled back.
    """
    deadline = time.monotonic() + (timeout_s or settings.SWITCH_TIMEOUT_S)
    while True:
        known = _nodes_of(rollout)
        alive = [node for node in known if node.alive(time.time())]
        _refuse_broken(rollout, alive)
        waiting = [node.node for node in alive if not done(node)]
        if alive and not waiting:
            silent = {node.node: "silent" for node in known if node not in alive}
            return silent | {node.node: "ready" for node in alive}
        if time.monotonic() > deadline:
            late = ", ".join(waiting) or "no scoring node is alive"
            raise NodesFailed(f"The nodes did not follow in time: {late}.")
        _still_in_phase(rollout)
        time.sleep(POLL_S)


def _nodes_of(rollout: Rollout) -> list[Heartbeat]:
    """The nodes that serve the rollout's model."""
    return [node for node in heartbeats(rollout.environment) if node.serves(rollout.model.name)]


def _refuse_broken(rollout: Rollout, nodes: Iterable[Heartbeat]) -> None:
    """A version that a node has given up goes no further; on the way back it holds up nobody."""
    if rollout.phase == Phase.REVERTING:
        return
    number = rollout.arriving.version.number
    for node in nodes:
        if told := node.of(rollout.model.name).broken.get(number):
            raise NodesFailed(f"{node.node} gave up version {number}: {told.why}")


def _still_in_phase(rollout: Rollout) -> None:
    if not Rollout.objects.filter(pk=rollout.pk, phase=rollout.phase, closed_at=None).exists():
        raise Turned


def _call_nodes(rollout: Rollout, path: str, *, most_rows: int | None) -> int:
    """Ask every worker of every live node; how many reference rows each answered. Raises NodesFailed."""
    version = planned(rollout.arriving)
    if version.answers is None:
        raise NodesFailed("The proof left no reference answers to verify with.")
    with open_verified(artifact_store(), version.answers.sha256, version.answers.size) as stream:
        answers = verification.Answers.parse(stream.read().splitlines())
    asked = replace(answers, rows=answers.rows[:most_rows])
    for node in _nodes_of(rollout):
        if node.alive(time.time()):
            target = verification.Target(
                node.node, node.address, node.slots, path, internal_token(), version.number
            )
            if problems := verification.verify_node(target, asked):
                raise NodesFailed(f"Verification from outside failed: {problems[0]}")
    return len(asked.rows)


def _standing(now: ModelPlan | None) -> ModelPlan:
    if now is None:
        raise NodesFailed("The model has no route to go on from.")
    return now
