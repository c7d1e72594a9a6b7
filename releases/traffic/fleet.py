"""The scoring nodes as they last spoke, beside what they should have in force and what they were asked."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Max

from formats.heartbeat import Heartbeat, Worker
from releases import dataplane, selectors
from releases.models import Environment, NodeTraffic
from releases.traffic import series
from releases.traffic.series import Observed
from releases.traffic.spans import MINUTE

_STRANGE = "It also says what is not understood here: %s. It may be of another version of Assay."
_UNREADABLE = (
    "What it says is not understood here (%s): it is of another version of Assay, or no node of this one."
    " It counts for no release."
)


@dataclass(frozen=True, slots=True)
class Model:
    """One model on a node: the revision in force against the one wanted, and its versions there.

    `failed` could not be loaded, `given_up` is loaded and asked no more; both with the reason.
    """

    name: str
    revision: int
    wanted: int
    ready: tuple[int, ...] = ()
    loading: tuple[int, ...] = ()
    failed: Mapping[int, str] = field(default_factory=dict)
    given_up: Mapping[int, str] = field(default_factory=dict)

    @property
    def behind(self) -> bool:
        return self.revision < self.wanted


@dataclass(frozen=True, slots=True)
class Node:
    """`state` is ready, starting, catching_up, failed, given_up, stale, late, unreadable or gone;
    `at` is when it last spoke."""

    name: str
    environment: str
    state: str
    sentence: str
    at: datetime
    observed: Observed
    address: str = ""
    started_at: datetime | None = None
    sequence: int = -1
    wanted_sequence: int = 0
    models: tuple[Model, ...] = ()
    workers: tuple[Worker, ...] = ()
    restarts: int = 0
    memory_bytes: int = 0
    spool_bytes: int = 0
    log_dropped: int = 0
    log_problem: str = ""

    @property
    def rate(self) -> float:
        """Requests a second in the last whole minute."""
        return self.observed.points[-2].rate


@dataclass(frozen=True, slots=True)
class Known:
    """All nodes of some environments. Where Redis is away, `problem` says so and none is known."""

    nodes: tuple[Node, ...] = ()
    problem: str = ""


def known(environments: Collection[Environment], visible: Collection[str] | None = None) -> Known:
    """Every node that has spoken in the last minute or counted in the last hour, by name.

    visible  names of the models to tell of; None for all.
    """
    client = dataplane.connect(settings.REDIS_URL)
    try:
        found = [node for each in environments for node in _of(client, each, visible)]
    except dataplane.Unreachable as trouble:
        return Known(problem=f"{type(trouble).__name__}: {str(trouble)[:200]}")
    finally:
        client.close()
    return Known(tuple(found))


def _of(client: Any, environment: Environment, visible: Collection[str] | None) -> list[Node]:
    beats = dataplane.heartbeats(client, environment.name, settings.REQUEST_KEY())
    sequence = dataplane.published_sequence(client, environment.name)
    wanted = {row.model.name: row.revision for row in selectors.current_routes(environment)}
    counted = _last_counted(environment)
    names = sorted({beat.node for beat in beats} | set(counted))
    observed = series.of_nodes(environment, names)
    spoken = {beat.node: beat for beat in beats}
    return [
        _node(spoken[name], environment, sequence, wanted, observed[name], visible)
        if name in spoken
        else _gone(name, environment, counted[name], observed[name])
        for name in names
    ]


def _last_counted(environment: Environment) -> dict[str, datetime]:
    """When the nodes that counted in the last hour did so last."""
    since = datetime.now(UTC) - timedelta(hours=1)
    rows = NodeTraffic.objects.filter(environment=environment, span=MINUTE, at__gte=since)
    return dict(rows.values_list("node").annotate(last=Max("at")).values_list("node", "last"))


def _gone(name: str, environment: Environment, last: datetime, observed: Observed) -> Node:
    sentence = "It has stopped or is cut off: it has said nothing for a minute or more."
    return Node(name, environment.name, "gone", sentence, last, observed)


def _node(
    beat: Heartbeat,
    environment: Environment,
    sequence: int,
    wanted: Mapping[str, int],
    observed: Observed,
    visible: Collection[str] | None,
) -> Node:
    if not beat.at:
        sentence = _UNREADABLE % ", ".join(beat.strange or ("when it spoke",))
        return Node(beat.node, environment.name, "unreadable", sentence, datetime.now(UTC), observed)
    models = tuple(_model(name, beat, wanted) for name in sorted({*beat.models, *wanted}))
    state, sentence = _state(beat, models, visible, time.time())
    return Node(
        name=beat.node,
        environment=environment.name,
        state=state,
        sentence=f"{sentence} {_STRANGE % ', '.join(beat.strange)}" if beat.strange else sentence,
        at=datetime.fromtimestamp(beat.at, UTC),
        observed=observed,
        address=beat.address,
        started_at=datetime.fromtimestamp(beat.started_at, UTC) if beat.started_at else None,
        sequence=beat.sequence,
        wanted_sequence=sequence,
        models=tuple(m for m in models if visible is None or m.name in visible),
        workers=beat.workers,
        restarts=beat.restarts,
        memory_bytes=beat.memory_bytes,
        spool_bytes=beat.spool_bytes,
        log_dropped=beat.log_dropped,
        log_problem=beat.log_problem,
    )


def _model(name: str, beat: Heartbeat, wanted: Mapping[str, int]) -> Model:
    told = beat.of(name)
    return Model(
        name=name,
        revision=told.revision,
        wanted=wanted.get(name, told.revision),
        ready=tuple(sorted(told.ready - told.broken.keys())),
        loading=tuple(sorted(told.loading)),
        failed=dict(sorted(told.failed.items())),
        given_up={number: trip.why for number, trip in sorted(told.broken.items())},
    )


def _state(
    beat: Heartbeat, models: Collection[Model], visible: Collection[str] | None, now: float
) -> tuple[str, str]:
    """The worst that is true of a node, and what it means for clients."""

    def named(model: Model) -> str:
        return model.name if visible is None or model.name in visible else "a model that you may not see"

    failed = [m for m in models if m.failed]
    given_up = [(m, number) for m in models for number in m.given_up]
    behind = [m for m in models if m.behind]
    if not beat.alive(now):
        return "late", "It has not spoken for more than 10 seconds and counts for no release."
    if given_up:
        model, number = given_up[0]
        return "given_up", f"It runs version {number} of {named(model)} no more: it failed by its own fault."
    if beat.stale:
        return "stale", "It answers from its last plan: nobody confirms it any more."
    if failed:
        return "failed", f"It could not make a version of {named(failed[0])} ready."
    if not beat.ready:
        return "starting", "It loads what its plan names and takes no clients through a load balancer yet."
    if behind:
        return "catching_up", f"It has yet to follow revision {behind[0].wanted} of {named(behind[0])}."
    return "ready", "It follows the newest plan."
