"""A world in which rollouts by stages go on: a live version, an approved one, and a node that follows."""

from __future__ import annotations

import io
import json
import time
import uuid
from contextlib import suppress
from datetime import timedelta

import redis
from django.utils import timezone

from formats.plan import ModelPlan
from registry.models import Role
from registry.services import jobs
from registry.stores import artifact_store
from registry.transactions import write
from releases import plans, selectors
from releases.lifecycle import State
from releases.models import NodeReport, Rollout, Stage, Switch, UnitCount
from releases.rollout import gathering, publishing
from releases.services import advancing, deciding, rollouts
from tests import makers, spoken

SHORT = {
    "kind": "canary",
    "stages": [
        {"kind": "shadow", "min": "0s", "max": "1h"},
        {"kind": "split", "share": 0.05, "min": "10s", "max": "1h", "ends": "clean"},
        {"kind": "split", "share": 0.5, "min": "10s", "max": "1h", "ends": "promotable"},
    ],
}

BOUGHT = {"name": "bought", "kind": "bad_event", "direction": "higher"}


class World:
    """An environment of this test's own with a live version, an approved one, and a node that follows."""

    def __init__(self, redis_url):
        self.client = redis.Redis.from_url(redis_url)
        self.environment = makers.environment(f"e{uuid.uuid4().hex[:12]}")
        self.chloe = makers.person("chloe", Role.RELEASE_MANAGER)
        self.first = self._release(makers.version(), State.LIVE)
        publishing_now(self.first)

    def _release(self, version, state, **facts):
        head = json.dumps({"atol": 0.5, "rtol": 0.0}).encode() + b"\n"
        kept = artifact_store().put(io.BytesIO(head))
        return makers.release(
            version,
            state=state,
            environment=self.environment.name,
            answers={"sha256": kept.digest, "size": kept.size},
            **facts,
        )

    def approved(self, strategy=SHORT, **facts):
        return self._release(makers.version(self.first.model), State.APPROVED, strategy=strategy, **facts)

    def follow(self, **said):
        """The node has done all that the routes say."""
        entry = self.entry()
        told = {"revision": entry.revision, "ready": sorted(entry.versions), **said}
        beat = {"node": "n1", "boot": "b", "at": time.time(), "models": {self.first.model.name: told}}
        spoken.say(self.client, self.environment.name, "n1", json.dumps(beat))

    def entry(self):
        return ModelPlan.from_json(selectors.route(self.first.model, self.environment).entry)

    def settle(self, release):
        """Nodes follow until no switch is open."""
        for _ in range(20):
            if not Switch.objects.filter(ended_at=None).exists():
                return
            self.follow()
            with suppress(jobs.NotYet):
                advancing.advance_rollout(release.pk)
        raise AssertionError("the switch does not end")

    def started(self, strategy=SHORT):
        release = self.approved(strategy)
        rollouts.start_rollout(release, by=self.chloe)
        self.settle(release)
        return Rollout.objects.get(release=release)

    def playing(self, strategy, number=2):
        """The same, where a bandit plays: past its shadow, which found nothing against `number`."""
        rollout = self.started(strategy)
        if strategy["stages"][0]["kind"] == "shadow":
            told(rollout, 0, 1, "paired", 20_000, about=number)
            self.look(rollout, later=5)
            self.settle(rollout.release)
            rollout.refresh_from_db()
        return rollout

    def counted(self, rollout):
        return gathering.counts_of(rollout, publishing.heartbeats(self.environment), timezone.now())

    def look(self, rollout, later=0.0):
        """What is decided so many seconds from now, by when the node has told what it counted."""
        now = timezone.now() + timedelta(seconds=later)
        NodeReport.objects.update_or_create(rollout=rollout, node="n1", defaults={"until": now})
        return deciding.decide(rollout.pk, publishing.heartbeats(self.environment), now)


def several(world, *, kind="ab_test", others=1, **more):
    """Several versions on trial beside the live one, units shared out among them: the rollout and its
    releases, that which has opened it, of the highest number, first."""
    beside = [world.approved({"kind": "canary"}) for _ in range(others)]
    against = [each.version.number for each in beside]
    strategy = {"kind": kind, "against": against, "metrics": [BOUGHT], "shadow": False, **more}
    first = world.approved(strategy)
    rollouts.start_rollout(first, by=world.chloe)
    world.settle(first)
    return Rollout.objects.get(release=first), [first, *beside]


def publishing_now(release):
    with write():
        publishing.revise_route(
            release.model,
            release.environment,
            lambda now, revision: plans.alone(
                publishing.planned(release), revision=revision, salt=bytes(16), warm=()
            ),
            actor="system/test",
            why="it is live",
        )


def told(rollout, place, version, kind, units, *, about=0, value=0, node="n1", revision=None):
    """So many units of a stage, as nodes told of them."""
    stage = Stage.objects.get(rollout=rollout, place=place)
    newest = stage.routes.order_by("-revision").first()
    UnitCount.objects.create(
        stage=stage, revision=revision or newest.revision, version=version, kind=kind, about=about,
        value=value, node=node, units=units,
    )  # fmt: skip


def at_split(world):
    rollout = world.started()
    told(rollout, 0, 1, "paired", 6000, about=2)
    world.look(rollout, later=5)
    world.settle(rollout.release)
    rollout.refresh_from_db()
    return rollout
