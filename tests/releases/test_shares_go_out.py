"""Weights that change go out as a small document of their model, and whoever cannot read it gets a plan."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import closing

import pytest
import redis
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings as product
from msgspec.structs import replace

from formats import plan as formats_plan
from formats import shares
from formats.heartbeat import Heartbeat, NodeModel
from formats.shares import shares_path
from registry.models import Event, Job
from registry.services.dispatching import dispatch
from registry.services.installation import installation_name
from releases import dataplane, plans, selectors, tasks
from releases.events import Kind
from releases.rollout import publishing
from tests import makers
from tests.scoring import models
from tests.scoring.nodes import Node, Store, arms, model

pytestmark = pytest.mark.django_db


class Place:
    """An environment with one model, whose entry the test revises."""

    def __init__(self, redis_url, folder, versions):
        self.client = redis.Redis.from_url(redis_url)
        self.environment = makers.environment(f"e{uuid.uuid4().hex[:12]}")
        self.model = makers.model()
        self.versions = versions
        self.key = f"assay:{self.environment.name}:plan"
        self.file = folder / f"{self.environment.name}.json"

    def revise(self, revise, stage=None):
        return publishing.revise_route(
            self.model, self.environment, revise, actor="system/rollouts", why="a test", stage=stage
        )

    def opened(self, share=0.25, stage=None):
        entry = model(0, self.versions, arms((2, share), (1, 1 - share)))
        return self.revise(lambda now, revision: replace(entry, revision=revision), stage)

    def reshared(self, share, stage=None):
        """What a bandit does."""
        split = arms((2, share), (1, 1 - share))
        return self.revise(lambda now, revision: replace(now, revision=revision, arms=split), stage)

    def told(self):
        """The shares in Redis, as nodes read them, by sequence."""
        key = product.PLAN_KEY().public_key()
        keys = {formats_plan.key_id(key): key}
        return {
            int(entry.partition(b"-")[0]): shares.parse(formats_plan.verify(fields[b"shares"], keys))
            for entry, fields in self.client.xrange(f"{self.key}:shares")
        }

    def plan(self):
        return json.loads(json.loads(self.client.get(self.key))["payload"])

    def in_file(self):
        return [
            json.loads(json.loads(line)["payload"])
            for line in shares_path(self.file).read_text().splitlines()
        ]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def place(redis_url, settings, tmp_path, store):
    settings.REDIS_URL = redis_url
    settings.PLAN_FILE = tmp_path / "plan.json"
    dataplane.client.cache_clear()
    yield Place(redis_url, tmp_path, [store.version(n, models.constant(float(n))) for n in (1, 2)])
    dataplane.client.cache_clear()


def test_a_route_says_since_when_nothing_but_weights_has_changed(place):
    routes = [place.opened(), place.reshared(0.5), place.reshared(0.75)]
    routes.append(place.revise(lambda now, revision: replace(now, revision=revision, fallback=1)))
    routes.append(place.reshared(0.1))
    routes.append(place.revise(lambda now, revision: plans.taken_offline(now, revision=revision)))
    routes.append(place.revise(lambda now, revision: replace(now, revision=revision)))
    assert [route.changes for route in routes] == [None, 1, 1, None, 4, None, None]
    said = Event.objects.filter(kind=Kind.ROUTE_REVISED).order_by("seq")
    assert [event.facts.get("changes") for event in said] == [None, 1, 1, None, 4, None, None]


def test_weights_alone_go_out_signed_and_the_plan_stays(place):
    place.opened()
    publishing.publish_news(place.environment)
    plan = place.client.get(place.key)
    place.reshared(0.4)
    route = place.reshared(0.5)
    publishing.publish_news(place.environment)

    assert place.client.get(place.key) == plan
    assert list(place.told()) == [route.event_id]
    said = place.told()[route.event_id]
    assert (said.installation, said.model) == (installation_name(), place.model.name)
    assert (said.revision, said.changes, said.sequence) == (3, 1, route.event_id)
    assert [arm.weight for arm in said.arms] == [arm.weight for arm in arms((2, 0.5), (1, 0.5))]
    assert [each["revision"] for each in place.in_file()] == [3]
    assert len(place.client.xrange(f"{place.key}:shares")[0][1][b"shares"]) < 1000

    publishing.publish_news(place.environment)
    publishing.ensure_published(place.environment)
    assert (place.client.get(place.key), list(place.told())) == (plan, [route.event_id])
    last = place.reshared(0.6)
    publishing.ensure_published(place.environment)
    assert list(place.told()) == [route.event_id, last.event_id]
    assert [each["revision"] for each in place.in_file()] == [4]


def test_the_next_plan_has_them_and_takes_their_place(place):
    place.opened()
    publishing.publish(place.environment)
    place.reshared(0.5)
    publishing.publish_news(place.environment)
    publishing.publish(place.environment)

    entry = place.plan()["models"][place.model.name]
    assert (entry["revision"], place.told()) == (2, {})
    later = place.reshared(0.6)
    publishing.publish_news(place.environment)
    assert place.told()[later.event_id].changes == 1, (
        "a node may have the plan, or the one before and the shares"
    )


def test_what_is_more_than_weights_takes_a_plan_and_so_do_a_great_many_of_them(place, monkeypatch):
    place.opened()
    publishing.publish(place.environment)
    whole = place.revise(lambda now, revision: replace(now, revision=revision, fallback=1))
    place.reshared(0.5)  # sent first by whoever is faster, it must not hide the other
    publishing.publish_news(place.environment)
    assert place.plan()["sequence"] >= whole.event_id
    assert place.told() == {}

    monkeypatch.setattr(publishing, "MOST_SHARES", 2)
    for share in (0.1, 0.2):
        place.reshared(share)
    publishing.publish_news(place.environment)
    assert len(place.told()) == 1
    place.reshared(0.3)
    publishing.publish_news(place.environment)
    assert place.told() == {}
    assert place.plan()["models"][place.model.name]["revision"] == 6


def test_a_redis_that_was_emptied_or_has_lost_shares_has_them_again_with_the_next_tick(place):
    place.opened()
    publishing.publish(place.environment)
    route = place.reshared(0.5)
    publishing.publish_news(place.environment)
    place.client.delete(f"{place.key}:shares")
    publishing.ensure_published(place.environment)
    assert list(place.told()) == [route.event_id]

    place.client.delete(f"{place.key}:shares", place.key, f"{place.key}:sequence")
    publishing.ensure_published(place.environment)
    assert place.plan()["models"][place.model.name]["revision"] == 2


def test_a_slow_sender_overwrites_nothing_newer(place):
    place.opened()
    publishing.publish(place.environment)
    slow = place.reshared(0.5)
    envelopes = {
        slow.event_id: publishing._shares(place.environment, selectors.routes_after(place.environment, 0)[-1])
    }
    newer = place.reshared(0.6)
    publishing.publish_news(place.environment)
    before = place.in_file()
    dataplane.publish_shares(
        place.client, place.file, place.environment.name, installation_name(), envelopes, told=0
    )
    assert list(place.told()) == [newer.event_id]
    assert place.in_file() == before


def test_the_job_of_a_route_sends_what_has_changed(place, monkeypatch):
    for step, whole in ((place.opened, True), (lambda: place.reshared(0.5), False)):
        route = step()
        dispatch(tasks.REACTIONS)
        job = Job.objects.get(event=route.event, kind="publish_plan")
        tasks.WORK[job.kind](job)
        assert (place.plan()["sequence"] >= route.event_id) is whole
        assert (route.event_id in place.told()) is not whole


def beat(place, revision, *, node="n1", at=None, pattern="*"):
    state = {place.model.name: NodeModel(revision)}
    return Heartbeat(node, at=time.time() if at is None else at, models=state, pattern=pattern)


def test_a_node_that_does_not_follow_shares_gets_a_plan(place, monkeypatch):
    """As one of the release before, which knows none, or one that has not heard."""
    place.opened()
    publishing.publish(place.environment)
    place.reshared(0.5)
    publishing.publish_news(place.environment)

    def caught_up(*beats):
        publishing.catch_up(place.environment, beats)
        return not place.told()

    assert not caught_up(beat(place, 1)), "it has had no time yet"
    monkeypatch.setattr(publishing, "HEARD_WITHIN_S", -1.0)
    assert not caught_up(beat(place, 2))
    assert not caught_up(beat(place, 2), beat(place, 1, node="silent", at=0.0))
    assert not caught_up(beat(place, 2), beat(place, 1, node="of others", pattern="other-*"))
    assert caught_up(beat(place, 2), beat(place, 1, node="old"))
    assert place.plan()["models"][place.model.name]["revision"] == 2


def ask(client, name):
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.0]}
    path, token = f"/v2/models/{name}/infer", publishing.internal_token()
    return client.call("POST", path, {"inputs": [tensor]}, auth=token)[2]


def test_a_real_node_follows_what_the_control_plane_sends_and_one_restarted_too(
    place, tmp_path, redis_url, store
):
    public = tmp_path / "plan.pub"
    key = product.PLAN_KEY().public_key()
    public.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    extra = ["--redis", redis_url, "--plan-key", str(public), "--environment", place.environment.name]
    node = Node(tmp_path, store, extra=extra)
    name = place.model.name
    place.opened(0.0)
    publishing.publish(place.environment)
    node.start()
    try:
        node.wait_revision(name, 1)
        for revision, share, answers in ((2, 1.0, "2"), (3, 0.0, "1"), (4, 1.0, "2")):
            place.reshared(share)
            publishing.publish_news(place.environment)
            node.wait_revision(name, revision)
            with closing(node.client()) as client:
                assert ask(client, name)["model_version"] == answers
        assert node.facts()["sequence"] == place.plan()["sequence"]
        node.kill()
        node.start()
        node.wait_revision(name, 4)
    finally:
        node.stop()


def test_a_revision_says_since_which_its_stage_has_these_weights(place):
    release = makers.release(makers.version(place.model), environment=place.environment.name)
    rollout = makers.rollout(release)
    stage, other = (rollout.stages.create(place=number, kind="bandit") for number in (0, 1))
    first = place.opened(0.25, stage)
    revised = [place.reshared(share, of) for share, of in ((0.5, stage), (0.25, stage), (0.25, other))]
    at = first.revision
    assert [route.spell for route in (first, *revised)] == [at, at + 1, at, at + 3]
    assert place.reshared(0.5).spell is None, "of no stage"
