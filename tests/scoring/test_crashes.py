"""Versions that kill their worker: the node knows which one it was, and lives on."""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
from contextlib import closing, suppress

import numpy as np
import pytest

from formats.documents import Hex
from formats.plan import ModelPlan, PlannedVersion
from formats.types import Signature, TensorSpec
from scoring import request_ids
from scoring.artifacts import blob_path
from tests.scoring import models
from tests.scoring.load import Load
from tests.scoring.nodes import REQUEST_KEY, Node, model, token, wait_for
from tests.unit.inspection import graphs

LEAST = int(np.iinfo(np.int64).min)


def crashes(node):
    return {tuple(cell[:3]): cell[3] for cell in node.facts()["crashes"]["cells"]}


def divide(client, x, d, name="deadly"):
    return client.call("POST", f"/v2/models/{name}/infer", request(x, d))


def request(x, d):
    tensors = [
        {"name": each, "datatype": "INT64", "shape": [1, 1], "data": [value]}
        for each, value in (("x", x), ("d", d))
    ]
    return {"inputs": tensors}


def kill_a_worker(node, x=LEAST):
    """The least integer by minus one is SIGFPE: the connection breaks, no answer comes."""
    restarts = node.facts()["restarts"]
    with closing(node.client()) as client, pytest.raises((http.client.HTTPException, OSError)):
        divide(client, x, -1)
    wait_for(lambda: node.facts()["restarts"] > restarts and node.all_joined(), "the heir")


@pytest.fixture
def pair(tmp_path, store):
    node = Node(tmp_path, store).start()
    try:
        node.models = {
            "deadly": model(1, [store.version(3, models.divides())]),
            "m": model(1, [store.version(1, models.linear())]),
        }
        node.serve(node.models)
        yield node
    finally:
        node.stop()


def test_a_crash_is_counted_against_the_version_and_arm_that_was_running(pair):
    with closing(pair.client()) as client:
        assert divide(client, 7, 2)[2]["outputs"][0]["data"] == [3]
        assert client.infer("m")[0] == 200

    kill_a_worker(pair)

    assert crashes(pair) == {("deadly", 3, "champion"): 1}
    assert pair.facts()["crashes"]["unattributed"] == 0
    with closing(pair.client()) as client:
        page = client.call("GET", "/metrics")[2].decode()
    assert 'assay_crashes_total{model="deadly",version="3",arm="champion"} 1\n' in page


def test_nobody_is_blamed_for_a_worker_that_dies_idle(pair):
    os.kill(pair.pids()[0], signal.SIGKILL)

    wait_for(lambda: pair.facts()["crashes"]["unattributed"] == 1, "the count")
    assert crashes(pair) == {}


def test_a_version_that_dies_in_its_thread_is_blamed_too(tmp_path, store):
    node = Node(tmp_path, store).start()
    try:
        node.serve({"deadly": model(1, [store.version(3, models.divides(rounds=200))])})
        for _ in range(2):
            kill_a_worker(node)
    finally:
        node.stop()

    assert crashes(node) == {("deadly", 3, "champion"): 2}


def stands(node, name="deadly", number=3):
    return node.facts()["models"][name].get("broken", {}).get(str(number))


def test_a_request_that_killed_twice_is_refused_and_all_others_go_on(pair):
    kill_a_worker(pair)
    kill_a_worker(pair)

    with closing(pair.client()) as client:
        status, _, answer = divide(client, LEAST, -1)
        assert (status, answer["code"]) == (422, "poison_request")
        assert divide(client, LEAST, -2)[0] == 200
        page = client.call("GET", "/metrics")[2].decode()
    assert 'assay_poison_blocked{model="deadly",version="3"} 1\n' in page
    assert stands(pair) is None


def test_a_body_that_was_only_there_when_others_killed_goes_on(pair):
    """Suspected with each guilty one, it runs alone, is answered, and is never refused."""
    harmless = json.dumps(request(7, 2)).encode()
    for _ in range(2):
        kill_one_with_company(pair, harmless)
        with closing(pair.client()) as client:
            assert client.call("POST", "/v2/models/deadly/infer", harmless)[0] == 200
            page = client.call("GET", "/metrics")[2].decode()
    assert 'assay_poison_blocked{model="deadly",version="3"} 0\n' in page
    assert crashes(pair) == {("deadly", 3, "champion"): 2}


def kill_one_with_company(node, body):
    """A harmless request and a new deadly one, sent in one write: they run together."""
    restarts = node.facts()["restarts"]
    deadly = json.dumps(request(LEAST, -1) | {"id": str(time.monotonic())}).encode()
    head = "POST /v2/models/deadly/infer HTTP/1.1\r\nHost: n\r\nAuthorization: Bearer assay_t_secret\r\n"
    parts = [f"{head}Content-Length: {len(each)}\r\n\r\n".encode() + each for each in (body, deadly)]
    with node.connect() as connection, suppress(ConnectionResetError):
        connection.sendall(b"".join(parts))
        assert connection.recv(65536) == b""
    wait_for(lambda: node.facts()["restarts"] > restarts and node.all_joined(), "the heir")


def kill_a_worker_otherwise(node):
    """Another body each time, so that it is not known as poison."""
    restarts = node.facts()["restarts"]
    body = request(LEAST, -1) | {"id": str(time.monotonic())}
    with closing(node.client()) as client, pytest.raises((http.client.HTTPException, OSError)):
        client.call("POST", "/v2/models/deadly/infer", body)
    wait_for(lambda: node.facts()["restarts"] > restarts and node.all_joined(), "the heir")


def test_three_crashes_in_a_minute_break_the_version_and_nothing_else(pair):
    for _ in range(3):
        kill_a_worker_otherwise(pair)

    broken = wait_for(lambda: stands(pair), "the breaker")
    assert (broken["crashes"], broken["signals"]) == (3, ["SIGFPE"])
    assert 3 not in pair.facts()["models"]["deadly"]["ready"]
    with closing(pair.client()) as client:
        status, headers, answer = divide(client, 7, 2)
        assert (status, answer["code"], headers["retry-after"]) == (503, "version_broken", "5")
        assert "3 workers died" in answer["error"]
        assert client.call("GET", "/v2/models/deadly/ready")[0] == 503
        assert client.call("GET", "/v2/models/deadly")[0] == 200
        assert client.infer("m")[0] == 200
        page = client.call("GET", "/metrics")[2].decode()
    assert 'assay_version_broken{model="deadly",version="3"} 1\n' in page


def break_down(node, versions, **more):
    """The first of two versions, which divides, is given up; the second, 2, is its fallback."""
    node.serve({**node.models, "deadly": model(2, versions, fallback=2)}, **more)
    for _ in range(3):
        kill_a_worker_otherwise(node)
    wait_for(lambda: stands(node) and not any(answered_by(node) == "3" for _ in range(8)), "the breaker")


def answered_by(node):
    """A connection of its own, so that any worker may answer."""
    with closing(node.client()) as client:
        return divide(client, 7, 2)[2].get("model_version")


def divided(store, before):
    """Version 3, and version 2 of the bytes `before`."""
    return [store.version(3, models.divides()), store.version(2, before, staged=True)]


def test_the_fallback_answers_clients_of_a_version_that_is_given_up(pair, store):
    break_down(pair, divided(store, models.divides_safely()))

    with closing(pair.client()) as client:
        status, headers, answer = divide(client, 7, 2)
        assert (status, answer["model_version"], answer["outputs"][0]["data"]) == (200, "2", [3])
        assert request_ids.parse(headers["x-assay-request-id"], REQUEST_KEY).version == 2
        assert client.call("GET", "/v2/models/deadly/ready")[0] == 200
        assert client.call("GET", "/v2/models/deadly")[2]["versions"] == ["2"]
        # Whoever names a version means that one: no other takes its place, and 2 is open to nobody.
        for number, code in ((3, "version_broken"), (2, "unknown_version")):
            path = f"/v2/models/deadly/versions/{number}/infer"
            assert client.call("POST", path, request(7, 2))[2]["code"] == code
        counted = b'assay_requests_total{model="deadly",version="2",arm="fallback"}'
        wait_for(lambda: counted in client.call("GET", "/metrics")[2], "the count")


def test_a_fallback_that_comes_late_answers_when_it_is_there(pair, store):
    """Until then the broken version is stopped all the same: nobody waits for the fallback."""
    before = store.version(2, models.divides_safely(), staged=True)
    blob = store.root / blob_path(before.model.sha256)
    content = blob.read_bytes()
    blob.unlink()
    break_down(pair, [store.version(3, models.divides()), before])

    with closing(pair.client()) as client:
        assert divide(client, 7, 2)[2]["code"] == "version_broken"
        blob.write_bytes(content)
        wait_for(lambda: divide(client, 7, 2)[2].get("model_version") == "2", "the fallback")


def test_our_own_checks_meet_the_broken_version_and_not_its_fallback(pair, store):
    tokens = [token(), token("assay_i_secret", internal=True)]
    break_down(pair, divided(store, models.divides_safely()), tokens=tokens)

    with closing(pair.client()) as client:
        path = "/v2/models/deadly/infer"
        answer = client.call("POST", path, request(7, 2), auth="assay_i_secret")[2]
        assert answer["code"] == "version_broken"


def test_a_fallback_of_another_signature_does_not_answer(pair, store):
    break_down(pair, divided(store, models.linear()))

    with closing(pair.client()) as client:
        assert divide(client, 7, 2)[2]["code"] == "version_broken"
        assert client.call("GET", "/v2/models/deadly/ready")[0] == 503


def test_a_broken_version_is_forgotten_when_the_plan_goes_on_without_it(pair, store):
    for _ in range(3):
        kill_a_worker_otherwise(pair)
    wait_for(lambda: stands(pair), "the breaker")

    pair.serve({"deadly": model(2, [store.version(2, models.divides())])})

    assert stands(pair) is None
    with closing(pair.client()) as client:
        assert divide(client, 7, 2)[0] == 200


def test_a_version_that_kills_who_loads_it_fails_and_costs_next_to_nothing(pair, store):
    signature = Signature((TensorSpec("x", "FP32", (-1, 2)),), (TensorSpec("y", "FP32", (-1, 2)),))
    version = PlannedVersion(4, "d4" * 32, store.put(graphs.deep_tree(100_000)), signature, staged=True)
    survivor = pair.pids()[1]
    with Load(pair, "m", clients=4) as load:
        wait_for(lambda: len(load.seen) > 50, "steady traffic")
        pair.publish({**pair.models, "other": ModelPlan(1, Hex(b"salt"), (), {4: version})})
        wait_for(lambda: pair.facts()["models"].get("other", {}).get("failed"), "the verdict")
        wait_for(pair.all_joined, "both workers")

    assert "killed 2 workers" in pair.facts()["models"]["other"]["failed"]["4"]
    assert crashes(pair) == {("other", 4, "loading"): 2}
    assert survivor in pair.pids()
    # Four clients had at most one request each in the dead worker's hands.
    assert len(load.failures) <= 4, load.failures
