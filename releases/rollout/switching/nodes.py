"""What a switch asks of the nodes: that they follow its step, and that they answer as at proof."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.utils import timezone

from formats.heartbeat import Heartbeat
from formats.plan import PlannedVersion
from registry.services import jobs
from registry.storage import open_verified
from registry.stores import artifact_store
from releases.errors import NodesFailed
from releases.models import Arm, Release, Switch
from releases.rollout import quorum
from releases.rollout.publishing import heartbeats, internal_token
from releases.rollout.switching import verification
from releases.rollout.switching.switches import Phase, arriving, still_in_phase
from scoring.runtime import rehearsal

POLL_S = 0.05
"""Nodes answer within some 100 ms, and the switch goes on when the last one has."""
PATIENCE_S = 2.0
"""How long a worker looks out for nodes that have all they need: they follow a plan in tenths of a second,
and a tick, which comes once a second, should find waiting only what really waits."""
REHEARSAL_SLACK = 3
"""Reference rows are run by a node that answers clients meanwhile, and was idle at proof."""
_STEPS = {
    Phase.PREPARING: "prepared",
    Phase.COMMITTING: "committed",
    Phase.OPENING: "opened",
    Phase.REVERTING: "reverted",
}
"""The column that keeps the revision which a phase writes."""


def wanted_of(switch: Switch) -> quorum.Wanted:
    """What the nodes are to say before the phase in which it stands is over."""
    phase = Phase(switch.phase)
    numbers = frozenset(version.number for version in arriving(switch))
    return quorum.Wanted(
        model=switch.rollout.model.name,
        revision=getattr(switch, _STEPS[phase]),
        loaded=numbers if phase == Phase.PREPARING else frozenset(),
        sound=numbers if phase != Phase.REVERTING else frozenset(),
    )


def followed(switch: Switch) -> dict[str, str]:
    """The nodes, when every live one has followed the phase's revision; one that is silent is named so.

    Raises NodesFailed when one never will, or the time is over; jobs.NotYet when it takes its time; Turned.
    """
    wanted, until = wanted_of(switch), time.monotonic() + PATIENCE_S
    beats = heartbeats(switch.rollout.environment)
    while not (nodes := quorum.judge(wanted, beats, time.time())):
        if timezone.now() >= _due(switch):
            raise quorum.late(wanted, beats, time.time())
        if time.monotonic() >= until:
            raise jobs.NotYet(_due(switch))
        still_in_phase(switch)
        time.sleep(POLL_S)
        beats = heartbeats(switch.rollout.environment, [node.node for node in beats] or None)
    return nodes


def _due(switch: Switch) -> datetime:
    return switch.due or timezone.now()


def rehearsals_s(switch: Switch) -> float:
    """What the rehearsals of all that arrives may take on the node with the most workers."""
    nodes = quorum.serving(heartbeats(switch.rollout.environment), switch.rollout.model.name)
    workers = max((len(node.slots) for node in nodes), default=1)
    arms = Arm.objects.filter(
        rollout=switch.rollout_id,
        release__version__number__in=[version.number for version in arriving(switch)],
    )
    return sum(rehearsal_s(arm.release, workers) for arm in arms.select_related("release__version"))


def rehearsal_s(release: Release, workers: int) -> float:
    """What the end-to-end rows may take in each worker, by the latency at proof, on a node that is busier."""
    measured = release.gate_runs.filter(gate="benchmark").values_list("evidence", flat=True).first()
    p50_ms = (measured or {}).get("p50_ms", {}).get("value") or 0.0
    rows = min(release.version.end_to_end_set.rows, rehearsal.MOST_ROWS)
    return float(REHEARSAL_SLACK * rows * workers * p50_ms / 1000)


def ask(
    switch: Switch, version: PlannedVersion, path: str, most_rows: int | None = None, unit: str = ""
) -> int:
    """Ask every worker of every live node, as `unit` where it is named; how many reference rows each
    answered. Raises NodesFailed.
    """
    if version.answers is None:
        raise NodesFailed("The proof left no reference answers to verify with.", version=version.number)
    with open_verified(artifact_store(), version.answers.sha256, version.answers.size) as stream:
        answers = verification.Answers.parse(stream.read().splitlines())
    asked = replace(answers, rows=answers.rows[:most_rows])
    for node in quorum.serving(heartbeats(switch.rollout.environment), switch.rollout.model.name):
        if node.alive(time.time()):
            target = verification.Target(
                node.node, node.address, node.slots, path, internal_token(), version.told, unit
            )
            if problems := verification.verify_node(target, asked):
                raise NodesFailed(f"Verification from outside failed: {problems[0]}", version=version.number)
    return len(asked.rows)


def can_go_on(switch: Switch, beats: Sequence[Heartbeat]) -> bool:
    """Whether a switch that waits need not wait any more, for better or worse."""
    try:
        return bool(quorum.judge(wanted_of(switch), beats, time.time())) or _due(switch) <= timezone.now()
    except NodesFailed:
        return True
