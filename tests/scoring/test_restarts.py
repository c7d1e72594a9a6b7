"""A worker that dies costs the requests in its hands, and nothing else."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from contextlib import closing

import pytest
from msgspec.structs import replace

from scoring.node.files import write_atomically
from scoring.node.workers.launching import Launcher
from tests.scoring import models
from tests.scoring.load import Load
from tests.scoring.nodes import TOKEN, Node, envelope, model, plan, wait_for


@pytest.fixture
def pair(tmp_path, store):
    """A node of two workers with one model."""
    node = Node(tmp_path, store).start()
    try:
        node.serve({"m": model(1, [store.version(1, models.linear())])})
        yield node
    finally:
        node.stop()


def test_the_others_go_on_when_a_worker_is_killed(pair):
    with Load(pair, "m", clients=6) as load:
        wait_for(lambda: len(load.seen) > 100, "steady traffic")
        killed = pair.pids()[0]
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: pair.facts()["restarts"] == 1 and pair.all_joined(), "the heir")
        seen = len(load.seen)
        wait_for(lambda: len(load.seen) > seen + 100, "traffic after the heir came")

    # Six clients had at most one request each in the dead worker's hands.
    assert len(load.failures) <= 6, load.failures
    assert not any(failure.startswith(("4", "5")) for failure in load.failures), load.failures
    assert killed not in pair.pids()


def test_a_worker_that_is_stopped_and_not_dead_is_replaced(tmp_path, store):
    node = Node(tmp_path, store, extra=["--hangs-seconds", "2"]).start()
    try:
        node.serve({"m": model(1, [store.version(1, models.linear())])})
        stopped = node.pids()[0]
        os.kill(stopped, signal.SIGSTOP)
        wait_for(lambda: node.facts()["restarts"] == 1 and node.all_joined(), "the heir")
        assert stopped not in node.pids()
    finally:
        node.stop()


def test_new_connections_are_served_while_a_worker_is_away(pair):
    os.kill(pair.pids()[0], signal.SIGKILL)
    workers = set()
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        with closing(pair.client(timeout=5)) as client:
            status, headers, _ = client.infer("m")
            assert status == 200
            workers.add(headers["x-assay-worker"])
    wait_for(lambda: pair.facts()["restarts"] == 1 and pair.all_joined(), "the heir")

    def heir_answers() -> bool:
        with closing(pair.client()) as client:
            return client.infer("m")[1]["x-assay-worker"] == "n1/0"

    wait_for(heir_answers, "the heir to answer")


def test_a_crash_of_all_workers_loses_no_waiting_connection(pair):
    with socket.create_connection(("127.0.0.1", pair.port), timeout=20) as waiting:
        for pid in pair.pids():
            os.kill(pid, signal.SIGSTOP)
        late = socket.create_connection(("127.0.0.1", pair.port), timeout=20)
        body = json.dumps({"inputs": {"x": [[1, 2]]}}).encode()
        late.sendall(
            f"POST /score/m HTTP/1.1\r\nHost: n\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        for pid in pair.pids():
            os.kill(pid, signal.SIGKILL)
        with late:
            assert late.recv(65536).startswith(b"HTTP/1.1 200")
        assert waiting.fileno() >= 0


def test_workers_do_not_outlive_their_node(pair):
    pids = pair.pids()
    pair.kill()

    for pid in pids:
        wait_for(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), f"worker {pid} to end")
    pair.start()
    pair.wait_revision("m", 1)


def test_a_node_follows_a_database_that_was_made_anew(pair, store):
    """Its folder holds a last plan with a higher sequence, and higher revisions."""
    pair.sequence = 500
    pair.serve({"m": model(40, [store.version(1, models.linear())])}, installation="before")
    pair.stop()
    pair.sequence = 2
    pair.start()
    with closing(pair.client()) as client:
        wait_for(lambda: client.infer("m")[0] == 200, "the last plan")
    again = replace(
        plan(3, {"m": model(1, [store.version(2, models.linear())])}, installation="after"),
        issued_at=1_790_000_001.0,
    )
    write_atomically(pair.plan_path, envelope(again), durable=False)

    wait_for(lambda: pair.facts()["sequence"] == 3, "the new plan")
    with closing(pair.client()) as client:
        wait_for(lambda: client.infer("m")[2]["model_version"] == "2", "its version")
    assert "ANOTHER INSTALLATION" in pair.output()


def test_before_its_first_plan_a_node_sends_nobody_away_for_a_token(tmp_path, store):
    """A client that is told 401 gives up; one that is told to come again does."""
    node = Node(tmp_path, store).start()
    try:
        with closing(node.client()) as client:
            assert client.call("GET", "/v2/health/live", auth=None)[0] == 200
            for answer in (
                client.infer("m"),
                client.call("GET", "/v2/models/m"),
                client.call("POST", "/feedback", []),
                client.call("POST", "/v2/models/m/infer", b" " * 100_000),
            ):
                status, headers, document = answer
                assert (status, headers["retry-after"], document["code"]) == (503, "1", "not_ready")
    finally:
        node.stop()


def test_a_worker_ends_when_its_node_is_gone_before_the_first_order():
    """As where a node cannot start: its workers were launched ahead and are still importing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process, control = Launcher([listener]).launch()
    control.close()

    assert process.wait(30) == 0
