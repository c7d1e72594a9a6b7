"""Plans, heartbeats and feedback over a real Valkey, and what a node does without it."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import closing

import pytest
from msgspec import structs

from formats import seals
from scoring.request_ids import RequestId, make, model_tag
from tests.scoring import models
from tests.scoring.load import Load
from tests.scoring.nodes import REQUEST_KEY, Node, model, plan, wait_for
from tests.scoring.valkey import ACKED, COUNTERS, FEEDBACK


@pytest.fixture
def node(tmp_path, store, valkey):
    node = Node(tmp_path, store, extra=["--redis", valkey.url]).start()
    yield node
    if not node.ended():
        node.stop()


def follows(valkey, name, revision):
    def reached() -> bool:
        facts = valkey.heartbeat()
        return bool(facts) and facts["models"].get(name, {}).get("revision") == revision

    wait_for(reached, f"{name} at {revision}")


def test_a_plan_in_redis_is_followed_and_the_heartbeat_says_so(valkey, node, store):
    one, two = store.version(1, models.constant(1.0)), store.version(2, models.constant(2.0))
    valkey.publish(plan(1, {"m": model(1, [one])}))
    follows(valkey, "m", 1)
    valkey.publish(plan(2, {"m": model(2, [two, one])}))
    follows(valkey, "m", 2)

    facts = valkey.heartbeat()
    told = valkey.client.get("assay:production:node:n1")
    assert seals.holds(told.encode(), REQUEST_KEY, "assay:production:node:n1"), "a node seals what it says"
    assert facts["node"] == "n1"
    assert facts["environment"] == "production"
    assert facts["sequence"] == 2
    assert facts["models"]["m"] == {"revision": 2, "ready": [1, 2], "loading": [], "failed": {}}
    assert [worker["sequence"] for worker in facts["workers"]] == [2, 2]
    assert facts["stale"] is False
    assert 0 < valkey.client.ttl("assay:production:node:n1") <= 60
    with closing(node.client()) as client:
        assert client.infer("m")[2]["model_version"] == "2"
    node.stop()
    assert valkey.heartbeat() is None


def test_scoring_goes_on_without_redis_also_after_a_restart(valkey, node, store):
    served = {"m": model(1, [store.version(1, models.constant(1.0))])}
    valkey.publish(plan(5, served))
    follows(valkey, "m", 1)
    with Load(node, "m", clients=2) as load:
        wait_for(lambda: len(load.seen) > 20, "traffic")
        valkey.kill()
        seen = len(load.seen)
        wait_for(lambda: len(load.seen) > seen + 200, "traffic without Valkey")
    assert load.failures == []

    node.stop()
    node.start()
    node.wait_revision("m", 1)
    with closing(node.client()) as client:
        assert client.infer("m")[2]["model_version"] == "1"
    wait_for(lambda: node.facts()["stale"], "the node to call itself stale")

    valkey.start()
    valkey.publish(plan(6, {"m": model(2, [store.version(2, models.constant(2.0))])}))
    follows(valkey, "m", 2)
    wait_for(lambda: not node.facts()["stale"], "the node to be fresh again")


def test_feedback_is_durable_shipped_once_and_forgotten_when_counted(valkey, node, store):
    valkey.publish(plan(1, {"m": model(1, [store.version(1, models.constant(1.0))])}))
    follows(valkey, "m", 1)
    now = int(time.time() * 1000)
    late = make(REQUEST_KEY, RequestId(model_tag("m"), 1, 1, 0, 7, now - 8 * 86_400_000, 1))
    internal = make(REQUEST_KEY, RequestId(model_tag("m"), 1, 1, 254, 7, now, 1))
    with closing(node.client()) as client:
        mine = client.infer("m")[2]["parameters"]["request_id"]
        items = [
            {"request_id": mine, "reward": 0.5},
            {"request_id": late, "reward": 1},
            {"request_id": internal, "reward": 1},
            {"request_id": "nonsense", "label": "cat"},
            {"request_id": mine},
            {"request_id": mine, "reward": 1, "label": "cat"},
        ]
        status, _, answer = client.call("POST", "/feedback", items)
        assert status == 202
        statuses = [item["status"] for item in answer["items"]]
        assert statuses == ["accepted", "late", "invalid", "invalid", "invalid", "invalid"]
        assert client.call("POST", "/feedback", {"request_id": mine, "label": 3})[0] == 202
        assert client.call("POST", "/feedback", {"request_id": mine}, auth=None)[0] == 401
        refused = client.call("POST", "/feedback", b'{"request_id":"a","request_id":"b","reward":1}')
        assert refused[0] == 400

    wait_for(lambda: valkey.client.xlen(FEEDBACK) == 2, "both batches")
    batches = [json.loads(fields["batch"]) for _, fields in valkey.client.xrange(FEEDBACK)]
    assert [batch["sequence"] for batch in batches] == [1, 2]
    assert [[{k: v for k, v in i.items() if k != "at"} for i in batch["items"]] for batch in batches] == [
        [{"request_id": mine, "reward": 0.5}],
        [{"request_id": mine, "label": 3}],
    ]
    spool = node.data / "spool" / batches[0]["boot"]
    assert list(spool.glob("*.jsonl"))
    valkey.client.hset(ACKED, f"n1:{batches[0]['boot']}", 2)
    wait_for(lambda: not list(spool.glob("*.jsonl")), "the spool to be emptied")


def test_a_reward_beyond_the_range_in_the_plan_is_refused_and_not_stored(valkey, node, store):
    one = store.version(1, models.constant(1.0))
    entry = model(1, [one])
    valkey.publish(plan(1, {"m": structs.replace(entry, reward=(0.0, 5.0)), "free": entry}))
    for name in ("m", "free"):
        follows(valkey, name, 1)
    with closing(node.client()) as client:
        mine, free = (client.infer(name)[2]["parameters"]["request_id"] for name in ("m", "free"))

        def told(*items):
            return client.call("POST", "/feedback", [{"request_id": i, "reward": r} for i, r in items])

        refused = told((mine, 5.5), (mine, -1))
        words = "reward must be between 0 and 5, as the policy of m says"
        assert (refused[0], refused[2]) == (422, {"error": words, "code": "beyond_range"})
        status, _, answer = told((mine, 5), (mine, 7), (free, 7))
        assert (status, [item["status"] for item in answer["items"]]) == (
            202,
            ["accepted", "invalid", "accepted"],
        )
        assert answer["items"][1]["reason"] == words

        # What the next plan says of another model leaves this one's range as it is; its own takes it away.
        valkey.publish(plan(2, {"m": structs.replace(entry, reward=(0.0, 5.0)), "free": model(2, [one])}))
        follows(valkey, "free", 2)
        assert told((mine, 7))[0] == 422
        valkey.publish(plan(3, {"m": model(3, [one]), "free": model(2, [one])}))
        follows(valkey, "m", 3)
        assert told((mine, 7))[0] == 202

    wait_for(lambda: valkey.client.xlen(FEEDBACK) == 2, "what was accepted")
    batches = [json.loads(fields["batch"]) for _, fields in valkey.client.xrange(FEEDBACK)]
    assert [[item["reward"] for item in batch["items"]] for batch in batches] == [[5, 7], [7]]


def test_feedback_of_a_killed_node_is_shipped_by_its_next_boot(valkey, node, store):
    valkey.publish(plan(1, {"m": model(1, [store.version(1, models.constant(1.0))])}))
    follows(valkey, "m", 1)
    valkey.kill()
    with closing(node.client()) as client:
        mine = client.infer("m")[2]["parameters"]["request_id"]
        for reward in (0, 1):
            assert client.call("POST", "/feedback", {"request_id": mine, "reward": reward})[0] == 202
    boot = node.facts()["boot"]
    node.kill()
    segment = next((node.data / "spool" / boot).glob("*.jsonl"))
    with segment.open("ab") as torn:
        torn.write(b'{"sequence":3,"items":[{"requ')
    valkey.start()
    node.start()
    wait_for(lambda: valkey.client.xlen(FEEDBACK) >= 2, "both batches")

    batches = [json.loads(fields["batch"]) for _, fields in valkey.client.xrange(FEEDBACK)]
    assert [(batch["boot"], batch["sequence"]) for batch in batches] == [(boot, 1), (boot, 2)]
    valkey.client.hset(ACKED, f"n1:{boot}", 2)
    wait_for(lambda: not (node.data / "spool" / boot).exists(), "the old boot to be forgotten")


def test_batches_that_redis_has_lost_are_sent_again_as_they_were(valkey, node, store):
    valkey.publish(plan(1, {"m": model(1, [store.version(1, models.constant(1.0))])}))
    follows(valkey, "m", 1)
    with closing(node.client()) as client:
        mine = client.infer("m")[2]["parameters"]["request_id"]
        assert client.call("POST", "/feedback", {"request_id": mine, "reward": 1})[0] == 202
    wait_for(lambda: valkey.client.xlen(FEEDBACK) == 1, "the batch")
    [(entry, fields)] = valkey.client.xrange(FEEDBACK)
    valkey.client.xdel(FEEDBACK, entry)
    wait_for(lambda: valkey.client.xlen(FEEDBACK) == 1, "the batch to come again", seconds=15)

    [(again, same)] = valkey.client.xrange(FEEDBACK)
    assert same == fields
    asked = valkey.calls("xrange")
    wait_for(lambda: valkey.calls("xrange") > asked, "the node to look whether it is still there")
    assert [entry for entry, _ in valkey.client.xrange(FEEDBACK)] == [again]


def test_counters_are_flushed_as_what_has_grown_and_the_last_flush_is_not_lost(valkey, node, store):
    valkey.publish(plan(1, {"m": model(1, [store.version(1, models.constant(1.0))])}))
    follows(valkey, "m", 1)
    with closing(node.client()) as client:
        for _ in range(7):
            assert client.infer("m")[0] == 200
        assert client.call("POST", "/v2/models/nobody/infer", {})[0] == 404
        wait_for(lambda: valkey.client.xlen(COUNTERS) == 1, "a flush")
        valkey.client.hset(f"{COUNTERS}:acked", f"n1:{node.facts()['boot']}", 1)
        for _ in range(5):
            assert client.infer("m")[0] == 200
    wait_for(lambda: node.facts()["requests"] == 13, "the workers to tell")
    node.stop()

    flushes = [json.loads(fields["batch"]) for _, fields in valkey.client.xrange(COUNTERS)]
    assert [(flush["node"], flush["sequence"]) for flush in flushes] == [("n1", 1), ("n1", 2)]
    assert flushes[0]["to"] == flushes[1]["from"]
    told = [
        (model, version, arm, counted["requests"], counted["rows"], sum(n for _, n in counted["buckets"]))
        for flush in flushes
        for model, version, arm, counted in flush["cells"]
    ]
    assert told == [("m", 1, "champion", 7, 7, 7), ("m", 1, "champion", 5, 5, 5)]
    assert [flush["refused"] for flush in flushes] == [{"unknown_model": 1}, {}]


def test_a_flush_that_nobody_has_acknowledged_outlives_the_node(valkey, node, store):
    valkey.publish(plan(1, {"m": model(1, [store.version(1, models.constant(1.0))])}))
    follows(valkey, "m", 1)
    with closing(node.client()) as client:
        assert client.infer("m")[0] == 200
    wait_for(lambda: valkey.client.xlen(COUNTERS) == 1, "a flush")
    boot = node.facts()["boot"]
    node.kill()
    [(entry, fields)] = valkey.client.xrange(COUNTERS)
    valkey.client.xdel(COUNTERS, entry)
    node.start()
    wait_for(lambda: valkey.client.xlen(COUNTERS) >= 1, "the next boot to send it")

    assert valkey.client.xrange(COUNTERS)[0][1] == fields
    valkey.client.hset(f"{COUNTERS}:acked", f"n1:{boot}", 1)
    wait_for(lambda: not (node.data / "counters" / boot).exists(), "the old boot to be forgotten")


def test_metrics_are_the_sum_over_all_workers(valkey, node, store):
    valkey.publish(plan(1, {"m": model(1, [store.version(1, models.constant(1.0))])}))
    follows(valkey, "m", 1)
    for _ in range(20):
        with closing(node.client()) as client:
            assert client.infer("m")[0] == 200
    with closing(node.client()) as client:
        assert client.call("POST", "/v2/models/nobody/infer", {})[0] == 404

        def scraped() -> str:
            status, headers, text = client.call("GET", "/metrics", auth=None)
            assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
            return text.decode()

        labels = '{model="m",version="1",arm="champion"}'
        wait_for(lambda: f"assay_requests_total{labels} 20\n" in scraped(), "all requests to be counted")
        text = scraped()
    assert f"assay_request_seconds_count{labels} 20\n" in text
    assert 'assay_refused_total{code="unknown_model"} 1\n' in text
    assert 'assay_plan_revision{model="m"} 1\n' in text
    assert "assay_node_ready 1\n" in text
    os.kill(node.pids()[0], signal.SIGKILL)
    wait_for(lambda: node.facts()["restarts"] == 1 and node.all_joined(), "the heir")
    with closing(node.client()) as client:
        text = client.call("GET", "/metrics")[2].decode()
    assert f"assay_requests_total{labels} 20\n" in text
    assert "assay_worker_restarts_total 1\n" in text
