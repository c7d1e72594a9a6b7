"""Versions that kill their worker: the node knows which one it was, and lives on."""

from __future__ import annotations

import http.client
import os
import signal
from contextlib import closing

import numpy as np
import pytest

from tests.scoring import models
from tests.scoring.nodes import Node, model, wait_for

LEAST = int(np.iinfo(np.int64).min)


def crashes(node):
    return {tuple(cell[:3]): cell[3] for cell in node.facts()["crashes"]["cells"]}


def divide(client, x, d, name="deadly"):
    tensors = [
        {"name": each, "datatype": "INT64", "shape": [1, 1], "data": [value]}
        for each, value in (("x", x), ("d", d))
    ]
    return client.call("POST", f"/v2/models/{name}/infer", {"inputs": tensors})


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
        node.serve(
            {
                "deadly": model(1, [store.version(3, models.divides())]),
                "m": model(1, [store.version(1, models.linear())]),
            }
        )
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
