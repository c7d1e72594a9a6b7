"""Plans on their way to the nodes: never back, and never held up by a database that is gone."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
from msgspec.structs import replace

from formats.plan import RoutingPlan
from formats.serving import Serving
from registry.models import Installation
from registry.services.installation import installation_name
from releases import dataplane, plans
from releases.models import Route
from releases.rollout import publishing
from releases.services import measuring
from releases.tasks import REACTIONS
from tests import makers


@pytest.fixture
def client(redis_url):
    return redis.Redis.from_url(redis_url)


@pytest.fixture
def send(client, tmp_path):
    """Publish a plan; what Redis and the file hold then."""
    name = f"e{uuid.uuid4().hex[:12]}"
    path = tmp_path / "plans" / "p.json"

    def publish(installation, sequence):
        made = RoutingPlan(name, sequence, 1.0, {}, installation=installation)
        dataplane.publish(client, path, json.dumps({"payload": json.dumps(made.to_json())}), made)
        held = [json.loads(each)["payload"] for each in (client.get(f"assay:{name}:plan"), path.read_text())]
        return {(plan["installation"], plan["sequence"]) for plan in map(json.loads, held)}

    publish.environment = name
    return publish


def test_a_slow_publisher_does_not_overwrite_a_newer_plan(send):
    assert send("a", 5) == {("a", 5)}
    assert send("a", 4) == {("a", 5)}


def test_a_database_made_anew_overwrites_its_predecessors_plan(send, client):
    send("a", 500)
    assert dataplane.published_sequence(client, send.environment, "a") == 500
    assert dataplane.published_sequence(client, send.environment, "b") == 0
    assert send("b", 3) == {("b", 3)}
    assert dataplane.published_sequence(client, send.environment) == 3


def test_two_installations_on_one_redis_hear_of_each_other(redis_url):
    client = redis.Redis.from_url(f"{redis_url}?db=7")
    ours, theirs, gone = (uuid.uuid4().hex for _ in range(3))
    dataplane.say_here(client, gone, 1_000.0)
    dataplane.say_here(client, ours, 2_000.0)
    assert dataplane.others_here(client, ours, 2_001.0) == []

    dataplane.say_here(client, theirs, 2_030.0)
    assert dataplane.others_here(client, ours, 2_031.0) == [theirs]
    assert dataplane.others_here(client, theirs, 2_031.0) == [ours]
    dataplane.say_here(client, ours, 90_000.0)
    assert client.zrange("assay:installations", 0, -1) == [ours.encode()]
    client.delete("assay:installations")


@pytest.mark.django_db
def test_every_plan_names_its_database():
    plan = publishing.build(makers.environment())

    assert plan.installation == installation_name() == Installation.objects.get().name
    assert len(plan.installation) == 32
    assert replace(plan, installation="") != plan


@pytest.mark.django_db
def test_a_plan_says_what_the_policies_of_its_models_allow_a_reward_to_be():
    environment = makers.environment()
    catalogue = {"reward": {"kind": "bounded", "direction": "higher", "low": -1, "high": 5}}
    for name, policy in (("stars", {"metrics": catalogue}), ("letters", {})):
        model = makers.model(name, policy=policy)
        publishing.revise_route(
            model,
            environment,
            lambda now, revision: plans.nothing(revision=revision, salt=b"salt"),
            actor="system/test",
            why="",
        )

    entries = publishing.build(environment).models
    assert (entries["stars"].reward, entries["letters"].reward) == ((-1.0, 5.0), None)
    assert Route.objects.get(model__name="stars").entry["reward"] is None
    confirmed = SimpleNamespace(kind="policy.confirmed", subject="model/stars", facts={})
    assert "publish_plan" in {wanted.kind for wanted in REACTIONS[confirmed.kind](confirmed)}


@pytest.mark.django_db
def test_a_version_is_proven_and_served_as_the_policy_of_its_release_says():
    """Prepacking changes the last bits: what is proven must be what is served."""
    for prepack in (True, False):
        policy = {"serving": {"prepack": prepack, "cache_mb": 2, "log_share": 0.25, "batching": True}}
        release = makers.prove(
            makers.release(makers.version(makers.model(policy=policy)), state="validating"), batchable=True
        )
        files = dict.fromkeys(("model", "extractor"), Path("/nowhere"))

        served = publishing.planned(release)
        assert served.serving == Serving(batching=True, prepack=prepack, cache_mb=2, log_share=0.25)
        assert served.batching
        assert measuring._subject(release, files).version.serving == Serving(prepack=prepack)
