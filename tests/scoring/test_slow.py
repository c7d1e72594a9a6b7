"""A slow version and its neighbours, deadlines and full queues."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing

import pytest

from tests.scoring import models
from tests.scoring.nodes import TOKEN, Node, model
from tests.scoring.test_http import Wire


@pytest.fixture(scope="module")
def busy(place, store):
    """One worker with a slow version, one that never ends in time, and a fast neighbour."""
    extra = ["--deadline-seconds", "1.0", "--queue", "8"]
    node = Node(place, store, workers=1, name="busy", extra=extra).start()
    try:
        node.serve(
            {
                "fast": model(1, [store.version(1, models.linear())]),
                "slow": model(1, [store.version(1, models.slow(rounds=400), batchable=False)]),
                "endless": model(1, [store.version(1, models.endless(), batchable=False)]),
            }
        )
        yield node
    finally:
        node.stop()


def slow_body(name="slow"):
    width = 256 if name == "slow" else 1
    data = [0.5] * width if name == "slow" else [2_000_000_000]
    datatype = "FP32" if name == "slow" else "INT64"
    shape = [1, width] if name == "slow" else []
    return {"inputs": [{"name": "x", "datatype": datatype, "shape": shape, "data": data}]}


def test_a_slow_version_does_not_hold_up_its_neighbour(busy):
    stopped = threading.Event()
    answered = []

    def keep_asking():
        with closing(busy.client(timeout=20)) as client:
            while not stopped.is_set():
                answered.append(client.call("POST", "/v2/models/slow/infer", slow_body())[0])

    threads = [threading.Thread(target=keep_asking) for _ in range(3)]
    for thread in threads:
        thread.start()
    queued = []
    with closing(busy.client()) as client:
        for _ in range(100):
            status, headers, _ = client.infer("fast")
            assert status == 200
            parts = dict(part.strip().split(";dur=") for part in headers["server-timing"].split(","))
            queued.append(float(parts["queue"]))
    stopped.set()
    for thread in threads:
        thread.join()

    assert set(answered) == {200}
    assert sorted(queued)[50] < 5.0


def test_a_run_past_its_deadline_is_ended(busy):
    with closing(busy.client(timeout=20)) as client:
        began = time.monotonic()
        status, _, answer = client.call("POST", "/v2/models/endless/infer", slow_body("endless"))
        assert (status, answer["code"]) == (504, "deadline_exceeded")
        assert time.monotonic() - began < 10
        assert client.infer("fast")[0] == 200


def test_a_full_queue_refuses_before_it_reads_tensors(busy):
    """What is refused must cost less than what is answered: these tensors are wrong, and nobody looks."""
    wrong = slow_body() | {"inputs": [slow_body()["inputs"][0] | {"shape": [1, 3]}]}
    bodies = [json.dumps(each).encode() for each in [*[slow_body()] * 30, *[wrong] * 5]]
    head = "POST /v2/models/slow/infer HTTP/1.1\r\nHost: n\r\nAuthorization: Bearer assay_t_secret\r\n"
    with busy.connect() as connection:
        connection.settimeout(30)
        wire = Wire(connection)
        wire.send(b"".join(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies))
        statuses = [wire.answer()[0] for _ in bodies]

    assert statuses[-5:] == [503] * 5
    with closing(busy.client()) as client:
        assert client.call("POST", "/v2/models/slow/infer", wrong)[0] == 400


def test_a_full_queue_says_come_again(busy):
    message = json.dumps(slow_body()).encode()
    head = "POST /v2/models/slow/infer HTTP/1.1\r\nHost: n\r\nAuthorization: Bearer assay_t_secret\r\n"
    request = f"{head}Content-Length: {len(message)}\r\n\r\n".encode() + message
    with busy.connect() as connection:
        connection.settimeout(30)
        wire = Wire(connection)
        wire.send(request * 40)
        answers = [wire.answer() for _ in range(40)]

    refused = [headers for status, headers, _ in answers if status == 503]
    assert refused
    assert all(headers["retry-after"] == "1" for headers in refused)
    assert {status for status, _, _ in answers} <= {200, 503, 504}
    with closing(busy.client()) as client:
        assert client.infer("fast")[0] == 200


def test_large_requests_of_one_client_come_back_in_their_order(busy):
    """They take turns with everybody, and a small one behind them waits for its own turn in the line."""
    rows = [[float(number), 1.0] for number in range(40_000)]
    content = json.dumps({"inputs": {"x": rows}}).encode()
    head = f"Host: n\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: "
    with busy.connect() as connection:
        wire = Wire(connection)
        wire.send(f"POST /score/fast HTTP/1.1\r\n{head}{len(content)}\r\n\r\n".encode() + content)
        wire.send(f"POST /score/fast HTTP/1.1\r\n{head}27\r\n\r\n".encode() + b'{"inputs": {"x": [[3, 4]]}}')
        first, second = wire.answer(), wire.answer()
    assert (first[0], second[0]) == (200, 200)
    assert len(first[2]) > 1000 > len(second[2])
