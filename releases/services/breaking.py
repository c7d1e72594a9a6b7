"""A version that a node has given up goes back by itself: what heartbeats say becomes a decision, once.

Each trip of a breaker has a name of its own, kept in its event; the state of the release does the rest.
So it does not matter how often a heartbeat is read, nor by how many workers.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from formats.heartbeat import Heartbeat
from registry.events import record
from registry.transactions import write
from releases import selectors
from releases.events import Kind
from releases.lifecycle import State
from releases.models import Environment, Release, Rollout
from releases.services import steering
from releases.services.rollouts import restore

ACTOR = "system/breaker"


@dataclass(frozen=True, slots=True)
class Trip:
    """One version that one node runs no more. `name` tells it from every other trip."""

    node: str
    model: str
    number: int
    digest: str
    why: str
    name: str
    evidence: Mapping[str, Any]

    def sentence(self) -> str:
        return f"Node {self.node} gave up version {self.number}: {self.why}."


def watch(environment: Environment, beats: Iterable[Heartbeat]) -> None:
    """React to every trip that a live node tells of."""
    now = time.time()
    for node in beats:
        if node.alive(now):
            for trip in trips(node):
                react(environment, trip)


def trips(node: Heartbeat) -> Iterator[Trip]:
    """What a node has given up."""
    for model, state in node.models.items():
        for number, told in state.broken.items():
            yield Trip(
                node=node.node,
                model=model,
                number=number,
                digest=told.digest,
                why=told.why,
                name=f"{node.node}/{node.boot}/{model}/{number}/{told.at:.3f}",
                evidence=told.evidence,
            )


def react(environment: Environment, trip: Trip) -> bool:
    """Take the version out of traffic where something can take its place; False when nothing was to do."""
    if _served(environment, trip) is None:
        return False
    with write():
        release = _served(environment, trip)
        if release is None or _other_rollout(release):
            return False
        previous = selectors.restorable(release) if release.state == State.LIVE else None
        stays = release.state == State.LIVE and previous is None
        event = record(
            Kind.BREAKER_TRIPPED,
            release.subject,
            actor=ACTOR,
            model=trip.model,
            version=trip.number,
            node=trip.node,
            why=trip.why,
            trip=trip.name,
            stays=stays,
            **trip.evidence,
        )
        release.trips.create(name=trip.name, stays=stays, event=event)
        if release.state == State.ROLLING_OUT:
            steering.turn_back(release, by=ACTOR, reason=trip.sentence())
        elif previous is not None:
            restore(release, previous, actor=ACTOR, reason=trip.sentence())
    return True


def _served(environment: Environment, trip: Trip) -> Release | None:
    """The release that has the version in traffic, unless this trip is told of it already."""
    release = (
        Release.objects.select_related("model", "environment", "version")
        .filter(
            environment=environment,
            model__name=trip.model,
            version__number=trip.number,
            version__digest=trip.digest,
            state__in=[State.ROLLING_OUT, State.LIVE],
        )
        .first()
    )
    if release is None:
        return None
    return None if release.trips.filter(name=trip.name).exists() else release


def _other_rollout(release: Release) -> bool:
    """Another version is on its way to replace this one: when that has arrived or not, we look again."""
    rollouts = Rollout.objects.filter(
        model=release.model_id, environment=release.environment_id, closed_at=None
    )
    mine = selectors.open_rollout_of(release)
    if mine is not None:
        return rollouts.exclude(pk=mine.pk).exists()
    return rollouts.exclude(release=release, returns_to=None).exists()
