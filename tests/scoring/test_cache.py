"""Answers that were given before: the same numbers, a new id, and never those of another version."""

from __future__ import annotations

import json
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.serving import Serving
from scoring.protocols.written import JSON, Written
from scoring.request_ids import parse
from scoring.worker.cache import AnswerCache
from tests.scoring import models
from tests.scoring.nodes import REQUEST_KEY, Node, model, token, wait_for

ROOM = Serving(cache_mb=1)
INTERNAL = "assay_internal_of_ours"


@pytest.fixture
def cached(tmp_path, store):
    """A node of one worker: `m` remembers answers, `forgets` does not."""
    node = Node(tmp_path, store, workers=1).start()
    try:
        node.serve(
            {
                "m": model(1, [store.version(1, models.linear(), serving=ROOM)]),
                "forgets": model(1, [store.version(1, models.linear())]),
            },
            tokens=[token(), token(INTERNAL, internal=True)],
        )
        yield node
    finally:
        node.stop()


def outcome(headers):
    return headers["server-timing"].rpartition("cache;desc=")[2]


def test_the_same_request_gets_the_same_answer_under_an_id_of_its_own(cached):
    with closing(cached.client()) as client:
        (_, first, one), (_, second, two), (_, third, other) = (
            client.infer("m", data) for data in [(1.0, 2.0), (1.0, 2.0), (1.0, 3.0)]
        )
        assert [outcome(headers) for headers in (first, second, third)] == ["miss", "hit", "miss"]
        assert one["outputs"] == two["outputs"] != other["outputs"]
        assert one["parameters"]["request_id"] != two["parameters"]["request_id"]
        assert second["x-assay-request-id"] == two["parameters"]["request_id"]
        items = [{"request_id": each["parameters"]["request_id"], "reward": 1.0} for each in (one, two)]
        status, _, told = client.call("POST", "/feedback", items)
        assert (status, {item["status"] for item in told["items"]}) == (202, {"accepted"})

        text = wait_for(lambda: _counted(client, 2), "hits and misses to be counted")
        labels = 'model="m",version="1",arm="champion"'
        assert f'assay_cache_total{{{labels},outcome="hit"}} 1\n' in text
        assert f"assay_requests_total{{{labels}}} 3\n" in text
        assert 'assay_cache_total{model="forgets"' not in text


def _counted(client, misses):
    text = client.call("GET", "/metrics", auth=None)[2].decode()
    return text if f'outcome="miss"}} {misses}\n' in text else ""


def test_an_answer_from_memory_knows_how_many_rows_were_asked(cached):
    with closing(cached.client()) as client:
        for rows in (1, 3):
            for seen in ("miss", "hit"):
                body = {"inputs": {"x": [[1.0, 7.0]] * rows}}
                _, headers, answer = client.call("POST", "/score/m", body)
                assert outcome(headers) == seen
                assert parse(answer["request_id"], REQUEST_KEY).rows == rows
        items = [{"request_id": answer["request_id"], "label": label} for label in ([1, 2], [1, 2, 3])]
        told = client.call("POST", "/feedback", items)[2]["items"]
    assert [item["status"] for item in told] == ["invalid", "accepted"]
    assert told[0]["reason"] == "2 labels for 3 rows: one for each"


@pytest.mark.parametrize("path", ["/score/m", "/invocations/m", "/v2/models/m/infer"])
def test_every_protocol_is_answered_in_its_own_words(cached, path):
    bodies = {
        "/score/m": {"inputs": {"x": [[1.0, 2.0]]}},
        "/invocations/m": {"inputs": {"x": [[1.0, 2.0]]}},
        "/v2/models/m/infer": {
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.0]}],
            "parameters": {"binary_data_output": True},
        },
    }
    head = {}
    body = json.dumps(bodies[path]).encode()
    if path.startswith("/v2"):
        head["Inference-Header-Content-Length"] = str(len(body))
        bodies[path]["inputs"][0].pop("data")
        bodies[path]["inputs"][0]["parameters"] = {"binary_data_size": 8}
        text = json.dumps(bodies[path]).encode()
        head["Inference-Header-Content-Length"] = str(len(text))
        body = text + np.float32([1, 2]).tobytes()
    with closing(cached.client()) as client:
        first, second = (client.call("POST", path, body, head) for _ in range(2))
    assert (first[0], second[0], outcome(first[1]), outcome(second[1])) == (200, 200, "miss", "hit")
    ids = [answer[1]["x-assay-request-id"] for answer in (first, second)]
    assert ids[0] != ids[1]
    raw = [
        answer[2] if isinstance(answer[2], bytes) else json.dumps(answer[2]).encode()
        for answer in (first, second)
    ]
    assert raw[0].replace(ids[0].encode(), b"") == raw[1].replace(ids[1].encode(), b"")


def test_a_cache_that_nobody_asked_for_is_not_there(cached):
    with closing(cached.client()) as client:
        for _ in range(2):
            assert "cache" not in client.infer("forgets")[1]["server-timing"]


def test_our_own_verification_always_asks_the_model(cached):
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.0]}]}
    with closing(cached.client()) as client:
        client.infer("m")
        for _ in range(2):
            headers = client.call("POST", "/v2/models/m/infer", body, auth=INTERNAL)[1]
            assert "cache" not in headers["server-timing"]


def test_a_new_version_answers_for_itself_and_an_error_is_never_remembered(cached, store):
    with closing(cached.client()) as client:
        before = [client.infer("m")[2]["outputs"][0]["data"] for _ in range(2)]
        bad = [client.infer("m", (1.0,))[0] for _ in range(2)]
        new = store.version(2, models.linear(bias=5.0), serving=ROOM)
        cached.serve({"m": model(2, [new])}, tokens=[token()])
        status, headers, document = client.infer("m")
    assert bad == [400, 400]
    assert (status, outcome(headers), document["model_version"]) == (200, "miss", "2")
    assert document["outputs"][0]["data"] == [before[0][0] + 5.0]


def test_a_plan_that_takes_the_room_away_empties_the_cache(cached, store):
    with closing(cached.client()) as client:
        client.infer("m")
        cached.serve({"m": model(2, [store.version(1, models.linear())])}, tokens=[token()])
        assert "cache" not in client.infer("m")[1]["server-timing"]
        cached.serve({"m": model(3, [store.version(1, models.linear(), serving=ROOM)])}, tokens=[token()])
        assert outcome(client.infer("m")[1]) == "miss"


KEYS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 900)), max_size=200)


@given(KEYS)
def test_the_cache_never_takes_more_than_its_room_and_gives_back_what_was_put(asked):
    cache = AnswerCache()
    cache.resize(10_000)
    given_out = {}
    for key, size in asked:
        found = cache.get(key)
        if found is not None:
            assert found.body(b"ID") == given_out[key]
            continue
        body = b"a" * size + b"id" + b"b" * key
        cache.put(key, 10, Written(body, JSON), b"id", 1)
        given_out[key] = body.replace(b"id", b"ID")
        assert cache.bytes <= 10_000
    cache.resize(0)
    assert cache.bytes == 0


def test_what_was_asked_last_stays_longest():
    cache = AnswerCache()
    cache.resize(3_600)
    for key in range(9):
        cache.put(key, 0, Written(b"x" * 20, JSON), b"id", 1)
        cache.get(0)
    assert cache.get(0) is not None
    assert cache.get(1) is None
