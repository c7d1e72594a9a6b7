"""A shadow version is asked what clients ask, and nothing that it does is felt by them."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
from onnx import helper

from tests.scoring import models
from tests.scoring.load import Load
from tests.scoring.nodes import Node, arms, model, token, wait_for

INTERNAL = "assay_internal_of_ours"


@pytest.fixture
def lone(tmp_path, store):
    node = Node(tmp_path, store, workers=1, extra=["--mirrored", "8"]).start()
    yield node
    node.stop()


def shadowed(store, graph, *, revision=1, split=None, **more):
    live = store.version(1, models.linear())
    return model(revision, [live, store.version(2, graph, **more)], split or arms((1, 1.0)), mirrors=(2,))


def counted(client, name, code=None):
    """How often the mirror was asked, or met an error."""
    text = client.call("GET", "/metrics", auth=None)[2].decode()
    labels = 'model="m",version="2",arm="mirror"' + (f',code="{code}"' if code else "")
    found = [line for line in text.splitlines() if line.startswith(f"{name}{{{labels}}}")]
    return float(found[0].rpartition(" ")[2]) if found else 0


def test_every_request_of_a_client_is_asked_again_and_answered_by_the_live_version(lone, store):
    lone.serve({"m": shadowed(store, models.linear(bias=100.0))})
    with closing(lone.client()) as client:
        for path, body in (
            (None, None),
            ("/score/m", {"inputs": {"x": [[1.0, 2.0]]}}),
            ("/invocations/m", {"inputs": {"x": [[1.0, 2.0]]}}),
        ):
            status, _, document = client.infer("m") if path is None else client.call("POST", path, body)
            assert status == 200
            assert "105" not in str(document)
        wait_for(lambda: counted(client, "assay_requests_total") == 3, "three mirrored requests")
        assert counted(client, "assay_request_seconds_count") == 3


def test_a_mirror_that_takes_other_tensors_reads_the_request_for_itself(lone, store):
    lone.serve({"m": shadowed(store, models.linear((1.0, 2.0, 3.0)))})
    with closing(lone.client()) as client:
        assert client.infer("m")[0] == 200
        wait_for(lambda: counted(client, "assay_errors_total", "bad_tensor") == 1, "its refusal")


def test_a_mirror_that_fails_fails_alone(lone, store):
    gathers = models.graph(
        [
            helper.make_node("Cast", ["x"], ["places"], to=models.INT64),
            helper.make_node("Gather", ["table", "places"], ["y"]),
        ],
        [("x", models.FLOAT, ["n", 2])],
        [("y", models.FLOAT, ["n", 2, 1])],
        {"table": np.array([[1.0], [2.0]], np.float32)},
    )
    lone.serve({"m": shadowed(store, gathers)})
    with closing(lone.client()) as client:
        assert all(client.infer("m", (0.0, 7.0))[0] == 200 for _ in range(5))
        wait_for(lambda: counted(client, "assay_errors_total", "inference_failed") == 5, "five failures")


def test_what_a_slow_mirror_has_no_time_for_is_dropped_and_counted_and_nobody_waits(lone, store):
    lone.serve({"m": shadowed(store, models.slow(2000, 2), batchable=False)})
    with Load(lone, "m", clients=4) as load, closing(lone.client()) as client:
        wait_for(lambda: counted(client, "assay_errors_total", "mirror_dropped") > 50, "dropped ones")
    assert load.failures == []
    assert {answer.version for answer in load.seen} == {"1"}


def test_our_own_calls_and_calls_by_name_are_not_mirrored(lone, store):
    lone.serve({"m": shadowed(store, models.linear())}, tokens=[token(), token(INTERNAL, internal=True)])
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.0]}]}
    with closing(lone.client()) as client:
        assert client.call("POST", "/v2/models/m/infer", body, auth=INTERNAL)[0] == 200
        assert client.infer("m", version=1)[0] == 200
        assert client.infer("m")[0] == 200
        wait_for(lambda: counted(client, "assay_requests_total") == 1, "the client's one request")
