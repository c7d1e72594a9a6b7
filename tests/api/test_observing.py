"""Nodes, traffic and logged answers over REST."""

from __future__ import annotations

import io
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.test import override_settings

from registry.models import Artifact, Event, Role, VersionFile
from registry.stores import artifact_store
from releases import plans
from releases.lifecycle import State
from releases.models import PredictionSegment, Route
from releases.traffic import counters, predictions
from tests import makers, spoken
from tests.api.conftest import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(broker):
    """An environment of this test's own, with a Redis that carries what its nodes say."""
    client = redis.Redis.from_url(broker)
    yield client, makers.environment(f"e{uuid.uuid4().hex[:12]}")
    client.close()


@pytest.fixture
def digits(robot):
    return makers.model("digits", robot)


def nodes(caller, environment):
    answer = caller.get(f"/environments/{environment.name}/nodes")
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert told["problem"] == ""
    return {node["name"]: node for node in told["nodes"]}


def test_nodes_are_told_with_what_they_lack(ci, digits, place):
    client, environment = place
    Route.objects.create(
        model=digits,
        environment=environment,
        revision=5,
        entry=plans.nothing(revision=5, salt=bytes(16)).to_json(),
        event=an_event(),
    )
    good = {"digits": {"revision": 5, "ready": [1, 2], "loading": [], "failed": {}}}
    behind = {"digits": {"revision": 4, "ready": [1], "loading": [2], "failed": {}}}
    broken = {"digits": {"revision": 4, "ready": [1], "loading": [], "failed": {"2": "no such artifact"}}}
    spoken.beat(client, environment.name, "good", models=good)
    spoken.beat(client, environment.name, "behind", models=behind)
    spoken.beat(client, environment.name, "broken", models=broken, restarts=3)
    spoken.beat(client, environment.name, "late", models=good, ago=20)
    spoken.beat(client, environment.name, "stale", models=good, stale=True)
    spoken.beat(client, environment.name, "young", models=behind, ready=False)
    spoken.flush(client, environment.name, "good", 1, {("digits", 2, "champion"): [0.002] * 9}, errors=1)
    spoken.flush(client, environment.name, "lost", 1, {("digits", 2, "champion"): [0.002]})
    counters.ingest(environment)

    told = nodes(ci, environment)
    assert {name: node["state"] for name, node in told.items()} == {
        "good": "ready", "behind": "catching_up", "broken": "failed", "late": "late",
        "lost": "gone", "stale": "stale", "young": "starting",
    }  # fmt: skip
    assert told["broken"]["models"] == [
        {"name": "digits", "revision": 4, "wanted": 5, "ready": [1], "loading": [],
         "failed": {"2": "no such artifact"}, "given_up": {}}
    ]  # fmt: skip
    assert told["broken"]["restarts"] == 3
    assert told["behind"]["models"][0]["loading"] == [2]
    assert (told["good"]["traffic"]["requests"], told["good"]["traffic"]["error_rate"]) == (10, 0.1)
    assert told["good"]["traffic"]["p99_ms"] == pytest.approx(2, rel=0.07)
    assert told["late"]["traffic"]["p99_ms"] is None


def an_event():
    return Event.objects.order_by("-seq").first()


def test_a_model_that_one_may_not_see_is_not_named(robot, digits, place, token_of):
    client, environment = place
    makers.model("secret", robot)
    failed = {"secret": {"revision": 1, "ready": [], "loading": [], "failed": {"1": "secret is broken"}}}
    spoken.beat(client, environment.name, "n1", models=failed)

    told = token_of(robot, "score", models=[digits]).get(f"/environments/{environment.name}/nodes")
    assert told.json()["nodes"][0]["state"] == "failed"
    assert "secret" not in told.content.decode()


def test_without_redis_the_answer_says_so(ci, production):
    with override_settings(REDIS_URL="unix:///nowhere.sock"):
        told = ci.get("/environments/production/nodes").json()
    assert told["nodes"] == []
    assert "ConnectionError" in told["problem"]
    assert ci.get("/environments/nowhere/nodes").status_code == 404


def test_traffic_is_told_by_version_and_arm(ci, digits, place):
    client, environment = place
    cells = {("digits", 2, "champion"): [0.001] * 90, ("digits", 3, "canary:0.05"): [0.004] * 5}
    spoken.flush(client, environment.name, "n1", 1, cells)
    spoken.flush(client, environment.name, "n1", 2, {("digits", 3, "internal"): [0.1]})
    two_hours_ago = datetime.now(UTC).timestamp() - 7200
    spoken.flush(client, environment.name, "n1", 3, {("digits", 1, "champion"): [0.1]}, at=two_hours_ago)
    counters.ingest(environment)

    arms = ci.get("/models/digits/traffic").json()["arms"]
    assert [(arm["version"], arm["arm"], arm["requests"]) for arm in arms] == [
        (3, "canary", 5), (2, "champion", 90),
    ]  # fmt: skip
    assert arms[0]["p50_ms"] == pytest.approx(4, rel=0.07)
    assert arms[0]["environment"] == environment.name
    assert len(ci.get("/models/digits/traffic", {"minutes": 240}).json()["arms"]) == 3
    assert len(ci.get("/models/digits/traffic", {"version": 2}).json()["arms"]) == 1
    assert ci.get("/models/digits/traffic", {"environment": "elsewhere"}).json()["arms"] == []
    assert ci.get("/models/digits/traffic", {"minutes": 0}).status_code == 422


def test_the_numbers_of_the_charts_are_told_point_by_point(ci, digits, place):
    client, environment = place
    minute = datetime.now(UTC).timestamp() // 60 * 60
    spoken.flush(
        client, environment.name, "n1", 1, {("digits", 2, "champion"): [0.004] * 9}, errors=1, at=minute
    )
    shadow = {("digits", 3, "mirror"): [0.1] * 5, ("digits", 3, "internal"): [0.1]}
    spoken.flush(client, environment.name, "n1", 2, shadow, at=minute)
    spoken.flush(client, environment.name, "n1", 3, {("digits", 1, "champion"): [0.1]}, at=minute - 7200)
    counters.ingest(environment)

    def lines(**asked):
        return ci.get("/models/digits/traffic/lines", asked).json()

    hour = lines()
    (line,) = hour["lines"]
    assert (hour["span"], hour["step_seconds"], hour["counted_since"]) == ("1h", 60, None)
    assert (line["environment"], len(line["points"])) == (environment.name, 60)
    (asked,) = [point for point in line["points"] if point["requests"]]
    assert (asked["requests"], asked["errors"], asked["error_rate"]) == (10, 1, 0.1)
    assert asked["p99_ms"] == pytest.approx(4, rel=0.07)
    assert line["points"][0]["p99_ms"] is None
    assert [(arm["version"], arm["arm"]) for arm in hour["arms"]] == [(3, "mirror"), (2, "champion")]
    for span, points in (("15m", 15), ("6h", 180), ("24h", 144), ("7d", 168), ("30d", 180), ("90d", 90)):
        (line,) = lines(span=span)["lines"]
        told = sum(point["requests"] for point in line["points"])
        assert (span, len(line["points"]), told) == (span, points, 10 if span == "15m" else 11)
    assert lines(version=1)["lines"] == []
    assert lines(environment="elsewhere")["lines"] == []
    assert ci.get("/models/digits/traffic/lines", {"span": "91d"}).status_code == 422


def test_versions_that_went_live_or_back_are_told_beside_the_numbers(ci, digits, place):
    client, environment = place
    spoken.flush(client, environment.name, "n1", 1, {("digits", 1, "champion"): [0.004]})
    counters.ingest(environment)
    makers.release(makers.version(digits), State.LIVE, environment=environment.name)
    makers.release(makers.version(digits), State.IN_REVIEW, environment=environment.name)
    elsewhere = makers.version(makers.model("other"))
    makers.release(elsewhere, State.LIVE, environment=environment.name)

    (line,) = ci.get("/models/digits/traffic/lines").json()["lines"]
    assert [(m["version"], m["kind"]) for m in line["happened"]] == [(1, "release.live")]


def test_the_metric_over_versions_is_told(ci, digits):
    makers.version(digits)
    told = ci.get("/models/digits/metric").json()
    assert (told["metric"], told["others"], told["earlier"], told["later"]) == ("accuracy", 0, None, None)
    assert told["measures"] == [
        {"version": 1, "low": 0.9, "high": 1.0, "claimed": None, "value": None, "lower": None, "upper": None,
         "outcome": "", "state": "", "failed": False, "live_in": []}
    ]  # fmt: skip
    assert ci.get("/models/digits/metric", {"upto": 0}).status_code == 422


# ---- logged answers


def stored(client, environment, content=b"columns", *, at=None, sequence=1):
    digest = artifact_store().put(io.BytesIO(content)).digest
    moment = (at or datetime.now(UTC)).timestamp() * 1000
    segment = {
        "model": "digits", "version": 2, "from_ms": moment - 60_000, "to_ms": moment, "requests": 3,
        "rows": 5, "digest": digest, "size": len(content),
    }  # fmt: skip
    spoken.flush(client, environment.name, "n1", sequence, {}, segments=[segment])
    return digest


def test_logged_answers_are_listed_and_read_back_by_those_who_answer_for_them(digits, place):
    client, environment = place
    digest = stored(client, environment)
    spoken.flush(client, environment.name, "n1", 2, {}, segments=[{"model": "digits", "digest": "../x"}])
    assert counters.ingest(environment) == 2
    auditor = Caller(person=makers.person("", Role.AUDITOR))

    [line] = auditor.get("/models/digits/predictions").json()["results"]
    assert (line["digest"], line["size"], line["requests"], line["rows"]) == (digest, 7, 3, 5)
    answer = auditor.get(line["url"].removeprefix("/api/v1"))
    assert b"".join(answer.streaming_content) == b"columns"
    assert answer.headers["ETag"] == f'"{digest}"'
    assert "attachment" in answer.headers["Content-Disposition"]
    assert auditor.get(f"/models/digits/predictions/{'0' * 64}").status_code == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.CONTRIBUTOR, Role.TECHNICAL, Role.APPROVER])
def test_nobody_else_reads_what_clients_sent(digits, place, role):
    client, environment = place
    digest = stored(client, environment)
    counters.ingest(environment)
    other = Caller(person=makers.person("", role))

    assert other.get("/models/digits/predictions").status_code == 403
    assert other.get(f"/models/digits/predictions/{digest}").status_code == 403


def test_logged_answers_go_when_their_time_is_over_and_their_bytes_with_them(digits, place, settings):
    client, environment = place
    settings.PREDICTION_LOG_DAYS = 10
    old = stored(client, environment, b"old", at=datetime.now(UTC) - timedelta(days=11))
    young = stored(client, environment, b"young", sequence=2)
    shared = stored(client, environment, b"model", at=datetime.now(UTC) - timedelta(days=11), sequence=3)
    counters.ingest(environment)
    Artifact.objects.create(digest=shared, size=5)
    VersionFile.objects.create(
        version=makers.version(digits), key="profile", name="profile.json", artifact_id=shared
    )

    assert predictions.forget_old() == 2
    assert [segment.digest for segment in PredictionSegment.objects.all()] == [young]
    there = {digest: artifact_store().exists(digest) for digest in (old, young, shared)}
    assert there == {old: False, young: True, shared: True}
