"""Plans on their way to the nodes: never back, and never held up by a database that is gone."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace

import pytest
import redis

from registry.models import Installation
from registry.services.installation import installation_name
from releases import dataplane
from releases.services import publishing
from scoring.plans import RoutingPlan
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


@pytest.mark.django_db
def test_every_plan_names_its_database():
    plan = publishing.build(makers.environment())

    assert plan.installation == installation_name() == Installation.objects.get().name
    assert len(plan.installation) == 32
    assert replace(plan, installation="") != plan
