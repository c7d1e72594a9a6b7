"""Whose answer was rewarded: kept with each reward, whatever door it came by and whenever it was stored."""

from __future__ import annotations

import json
import time
import uuid
from datetime import timedelta
from unittest.mock import patch

import pytest
import redis
from django.conf import settings as configured
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registry.events import record
from registry.models import RegisteredModel
from registry.transactions import write
from releases.events import Kind
from releases.models import FeedbackBatch, FeedbackShipment, Reward, Route
from releases.traffic import feedback, owners
from scoring import request_ids
from scoring.request_ids import BY_NAME, KEPT, RequestId, model_tag
from tests import makers
from tests.releases import going

pytestmark = pytest.mark.django_db
LARGE = 2**64 - 5


def answered(model="m", version=1, revision=1, arm=0, unit=LARGE, counter=0) -> str:
    said = RequestId(model_tag(model), version, revision, arm, unit, int(time.time() * 1000), counter)
    return request_ids.make(configured.REQUEST_KEY(), said)


def route(model, environment, *versions, revision=1, fallback=None, age=timedelta(hours=1)):
    arms = [{"version": version, "weight": 1, "reason": "champion"} for version in versions]
    with write():
        event = record(Kind.ROUTE_REVISED, f"route/{environment.name}/{model.name}", actor="system/test")
    then = timezone.now() - age
    with patch.object(timezone, "now", lambda: then):
        Route.objects.create(
            model=model,
            environment=environment,
            revision=revision,
            entry={"arms": arms, "fallback": fallback},
            event=event,
        )


class Shipping:
    def __init__(self, url):
        self.client = redis.Redis.from_url(url)
        self.environment = makers.environment(f"e{uuid.uuid4().hex[:12]}")

    def send(self, sequence, *items, boot="b"):
        at = time.time()
        body = {"node": "n", "boot": boot, "after": 0, "sequence": sequence}
        told = {**body, "items": [{**item, "at": at} for item in items]}
        self.client.xadd(f"assay:{self.environment.name}:feedback", {"batch": json.dumps(told)})

    def ingest(self):
        return feedback.ingest(self.environment)


@pytest.fixture
def shipping(broker):
    return Shipping(broker)


@pytest.fixture
def model():
    return makers.model("m")


def owner(row):
    return row.environment_id, row.arm, row.unit


def test_a_reward_that_a_node_ships_is_its_environments(shipping, model):
    other = makers.environment("elsewhere")
    for environment in (shipping.environment, other):
        route(model, environment, 1, 2)
    shipping.send(1, {"request_id": answered(version=2, arm=1), "reward": 1})
    assert shipping.ingest() == 1

    assert owner(Reward.objects.get()) == (shipping.environment.pk, 1, -5)


def test_a_reward_of_a_unit_that_kept_its_version_is_of_the_revision_that_gave_it(shipping, model):
    """The id does not say at which place the version stood there."""
    route(model, shipping.environment, 3, 2, 1, revision=4)
    route(model, shipping.environment, 2, 1, revision=5)
    shipping.send(1, {"request_id": answered(version=2, revision=4, arm=KEPT), "reward": 1})
    shipping.send(2, {"request_id": answered(version=9, revision=4, arm=KEPT, counter=1), "reward": 1})
    assert shipping.ingest() == 2

    kept, unknown = Reward.objects.order_by("version")
    assert (kept.environment_id, kept.revision, kept.arm) == (shipping.environment.pk, 4, KEPT)
    assert unknown.environment_id is None


@pytest.mark.parametrize(
    ("here", "there", "found"),
    [
        ({"versions": (1,)}, {"versions": (2,)}, "here"),
        ({"versions": (2,)}, {"versions": (1,)}, "there"),
        ({"versions": (2,), "fallback": 1}, {"versions": (2,)}, "here"),
        ({"versions": (1,), "age": timedelta(days=2)}, {"versions": (1,)}, "there"),
        ({"versions": (1,)}, {"versions": (1,), "age": -timedelta(hours=1)}, "here"),
        ({"versions": (2, 1)}, {"versions": ()}, None),
    ],
    ids=[
        "by version",
        "by version there",
        "the fallback",
        "the last one then",
        "not yet there",
        "no such arm",
    ],
)
def test_over_rest_the_route_of_its_revision_tells_the_environment(model, here, there, found):
    keys = {None: None}
    for name, facts in (("here", here), ("there", there)):
        environment = makers.environment(name)
        keys[name] = environment.pk
        route(model, environment, *facts.pop("versions"), **facts)
    (told,) = feedback.take([{"request_id": answered(), "reward": 1}], actor="person/x")

    assert told.status == "accepted"
    assert owner(Reward.objects.get()) == (keys[found], 0, -5)


def test_what_was_stored_before_is_completed_from_its_id(model):
    environment = makers.environment("here")
    route(model, environment, 1)
    for counter, unit in enumerate((7, LARGE)):
        feedback.take([{"request_id": answered(unit=unit, counter=counter), "reward": 1}], actor="person/x")
    Reward.objects.update(environment=None, arm=None, unit=None)

    assert owners.complete() == 2
    assert [owner(row) for row in Reward.objects.order_by("pk")] == [
        (environment.pk, 0, 7),
        (environment.pk, 0, -5),
    ]
    assert owners.complete() == 0


def test_a_model_of_the_release_before_is_found_and_gets_its_tag(model):
    RegisteredModel.objects.filter(pk=model.pk).update(tag=None)
    (told,) = feedback.take([{"request_id": answered(), "reward": 1}], actor="person/x")

    assert told.status == "accepted"
    assert RegisteredModel.objects.get(pk=model.pk).tag == model_tag("m").hex()


def test_no_batch_asks_for_more_when_there_are_more_models_and_batches(shipping, model):
    route(model, shipping.environment, 1)

    def asked(sequence):
        shipping.send(sequence, {"request_id": answered(counter=sequence), "reward": 1})
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert shipping.ingest() == 1
        return [query["sql"] for query in queries.captured_queries]

    first = asked(1)
    for number in range(30):
        makers.model(f"other-{number}")
    for sequence in range(2, 12):
        asked(sequence)
    last = asked(12)

    assert len(last) == len(first)
    rows = sum("other-" in sql for sql in last)
    assert rows == 0
    assert FeedbackShipment.objects.get().sequence == 12


def test_what_the_release_before_took_in_without_a_mark_is_not_counted_again(shipping, model):
    FeedbackBatch.objects.create(node="n", boot="b", sequence=1, items=1, counted=1)
    shipping.send(1, {"request_id": answered(), "reward": 1})
    shipping.send(2, {"request_id": answered(counter=2), "reward": 1})
    shipping.ingest()

    assert Reward.objects.count() == 1
    assert FeedbackShipment.objects.get().sequence == 2


def test_a_reward_knows_the_rollout_whose_weights_chose_its_answer(shipping):
    found = going.going({"kind": "ab_test", "shadow": False})
    model, before = found.rollout.model, found.revision - 1
    plain = Route.objects.filter(model=model).exclude(stage=None)
    assert plain.count() == 1
    route(model, found.rollout.environment, 1, revision=before + 90)
    chosen = answered(model.name, going.NEW, found.revision, 0)
    other = answered(model.name, 1, before + 90, 0)
    by_name = answered(model.name, going.NEW, found.revision, BY_NAME)
    told = feedback.take([{"request_id": each, "reward": 1} for each in (chosen, other, by_name)], actor="a")
    assert [one.status for one in told] == ["accepted", "accepted", "invalid"]
    assert Reward.objects.get(request=chosen).rollout == found.rollout
    assert Reward.objects.get(request=other).rollout is None
    assert Reward.objects.get(request=chosen).came_at is not None


def test_a_reward_that_waited_on_its_node_came_when_the_node_was_told(shipping, model):
    at = time.time() - 5000
    item = {"request_id": answered(), "reward": 1, "at": at}
    body = {"node": "n", "boot": "b", "after": 0, "sequence": 1, "items": [item]}
    shipping.client.xadd(f"assay:{shipping.environment.name}:feedback", {"batch": json.dumps(body)})
    answer = request_ids.make(
        configured.REQUEST_KEY(), RequestId(model_tag("m"), 1, 1, 0, 7, int(at * 1000), 0)
    )
    item["request_id"] = answer
    body |= {"sequence": 2, "after": 1}
    shipping.client.xadd(f"assay:{shipping.environment.name}:feedback", {"batch": json.dumps(body)})
    shipping.ingest()
    assert Reward.objects.get(request=answer).came_at.timestamp() == pytest.approx(at, abs=0.001)
