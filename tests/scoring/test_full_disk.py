"""A node whose disk is full goes on answering, says what it lacks, and catches up when there is room."""

from __future__ import annotations

import os
import signal
from contextlib import closing

import pytest

from registry.sandbox.meter import family
from tests.disks import MIB, small_disk
from tests.scoring import models
from tests.scoring.nodes import Node, model, wait_for

MODEL = "m"


@pytest.fixture
def small(tmp_path):
    with small_disk(tmp_path / "small") as made:
        yield made


def test_a_version_that_finds_no_room_is_told_of_and_comes_when_there_is_some(tmp_path, store, small):
    node = Node(tmp_path, store, workers=1, extra=["--artifacts", str(small.path)]).start()
    try:
        first, second = store.version(1, models.linear()), store.version(2, models.large(2))
        node.serve({MODEL: model(1, [first])})
        small.fill(but=MIB)
        node.publish(
            {MODEL: model(2, [first, second]), "small": model(1, [store.version(1, models.linear())])}
        )
        told = wait_for(lambda: node.facts()["models"][MODEL]["failed"].get("2"), "the version to fail")
        node.wait_revision("small", 1)

        with closing(node.client()) as client:
            assert client.infer(MODEL)[2]["model_version"] == "1"
            assert client.infer("small")[0] == 200
        assert told.startswith("its artifacts cannot be fetched: ")
        assert "No space left on device" in told
        assert not list(small.path.glob("incoming-*/*"))

        small.make_room()
        wait_for(lambda: 2 in node.facts()["models"][MODEL]["ready"], "the version to be loaded")
        assert node.facts()["models"][MODEL]["failed"] == {}
    finally:
        node.stop()


@pytest.fixture
def full(tmp_path, store, small):
    """A node of one worker that answers, and a disk that has been filled under it."""
    (tmp_path / "data-n1").symlink_to(small.path)
    node = Node(tmp_path, store, workers=1).start()
    try:
        node.serve({MODEL: model(1, [store.version(1, models.linear())])})
        small.fill()
        yield node
    finally:
        node.stop()


def test_feedback_without_room_is_refused_in_words_and_taken_when_there_is_some(full, small):
    with closing(full.client()) as client:
        item = {"request_id": client.infer(MODEL)[2]["parameters"]["request_id"], "reward": 1.0}
        status, _, told = client.call("POST", "/feedback", [item])
        assert (status, told["code"]) == (503, "spool_down")
        assert "send it again later" in told["error"]

        small.make_room()
        assert client.call("POST", "/feedback", [item])[0] == 202


def kill_worker(node):
    (worker,) = node.pids()
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: worker not in family(node.process.pid), "the end of the worker")


def answers(node):
    try:
        with closing(node.client(timeout=2)) as client:
            return client.infer(MODEL)[0] == 200
    except OSError:
        return False


def test_a_worker_that_dies_while_the_disk_is_full_has_an_heir(full):
    kill_worker(full)

    wait_for(lambda: answers(full), "the heir to answer")

    assert full.output().count("the heartbeat file cannot be written") == 1


def test_a_worker_that_cannot_be_started_is_started_later(full, small):
    """Its box cannot be made: a folder stands there, as a disk without room would refuse it."""
    box = small.path / "boxes" / "0.box"
    box.unlink()
    box.mkdir()
    kill_worker(full)
    wait_for(lambda: "cannot be started, and is tried again" in full.output(), "the attempt")

    box.rmdir()
    small.make_room()

    wait_for(lambda: answers(full), "the heir to answer")


def test_a_plan_is_followed_while_the_disk_is_full(full, store):
    full.publish({MODEL: model(2, [store.version(1, models.linear())])})

    def revision():
        with closing(full.client()) as client:
            text = client.call("GET", "/metrics")[2].decode()
        return f'assay_plan_revision{{model="{MODEL}"}} 2' in text

    wait_for(revision, "the new revision")
    assert "a restart may fall behind it" in full.output()
