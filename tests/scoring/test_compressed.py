"""Bodies compressed by gzip: what they unpack to is read and bounded as if it had been sent."""

from __future__ import annotations

import gzip
import json
import zlib
from contextlib import closing

import numpy as np
import pytest
import tritonclient.http as triton

from scoring.errors import BadRequest, BodyTooLarge
from scoring.inflating import STEP_BYTES, Inflating
from tests.scoring import models
from tests.scoring.nodes import TOKEN, Node, model

GZIP = {"Content-Encoding": "gzip"}
TENSOR = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}
NAMED = {"inputs": {"x": [[1, 2]]}}


def packed(document) -> bytes:
    return gzip.compress(document if isinstance(document, bytes) else json.dumps(document).encode())


@pytest.mark.parametrize("name", ["gzip", "GZIP", "x-gzip"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/models/linear/infer", {"inputs": [TENSOR]}),
        ("/v2/models/linear/versions/1/infer", {"inputs": [TENSOR]}),
        ("/score/linear", NAMED),
        ("/invocations/linear", NAMED),
        ("/mlflow/linear/invocations", NAMED),
        ("/feedback", {"request_id": "x", "reward": 1}),
    ],
)
def test_every_door_takes_them(client, path, body, name):
    plain = client.call("POST", path, body)
    for _ in range(3):
        status, _, answer = client.call("POST", path, packed(body), {"Content-Encoding": name})
        assert status == plain[0] in {200, 202}, answer
        assert answer.keys() == plain[2].keys()


@pytest.mark.parametrize("binary", [True, False])
def test_tritons_client_compresses(node, binary):
    tensor = triton.InferInput("x", [2000, 2], "FP32")
    tensor.set_data_from_numpy(np.ones((2000, 2), np.float32), binary_data=binary)
    with triton.InferenceServerClient(f"127.0.0.1:{node.port}") as theirs:
        answer = theirs.infer(
            "linear",
            [tensor],
            headers={"Authorization": f"Bearer {TOKEN}"},
            request_compression_algorithm="gzip",
        )
    assert answer.as_numpy("y").tolist() == [[3.0]] * 2000


BAD = {
    "no gzip": (b"nonsense", 400, "bad_request"),
    "nothing": (b"", 400, "bad_request"),
    "zlib": (zlib.compress(b"{}"), 400, "bad_request"),
    "cut": (packed({"inputs": [TENSOR]})[:-9], 400, "bad_request"),
    "wrong sum": (packed(b"{}")[:-8] + bytes(8), 400, "bad_request"),
    "more behind": (packed({"inputs": [TENSOR]}) * 2, 400, "bad_request"),
    "a bomb": (packed(b" " * (300 << 20)), 413, "body_too_large"),
}


@pytest.mark.parametrize(("body", "status", "code"), BAD.values(), ids=BAD)
def test_what_does_not_unpack_within_bounds_is_refused_and_the_next_one_is_right(client, body, status, code):
    got, headers, answer = client.call("POST", "/v2/models/linear/infer", body, GZIP)

    assert (got, answer["code"]) == (status, code), answer
    assert "connection" not in headers
    assert client.infer("linear")[2]["outputs"][0]["data"] == [5.0]


@pytest.mark.parametrize("name", ["deflate", "br", "zstd", "gzip, gzip", "gzip, br"])
def test_other_encodings_are_named_as_what_they_are(client, name):
    status, _, answer = client.call("POST", "/score/linear", packed(NAMED), {"Content-Encoding": name})
    assert (status, answer["code"]) == (415, "unsupported_encoding")
    assert "gzip" in answer["error"]


def test_nobody_unpacks_for_strangers(client):
    bomb = packed(b" " * (50 << 20))
    assert client.call("POST", "/v2/models/linear/infer", bomb, GZIP, auth=None)[0] == 401


def test_what_is_being_unpacked_counts_as_held_until_it_is_answered(tmp_path, store):
    node = Node(tmp_path, store, workers=1, extra=["--held-bytes", "2000000"]).start()
    try:
        node.serve({"linear": model(1, [store.version(1, models.linear())])})
        with closing(node.client()) as client:
            for _ in range(4):
                large = packed(b" " * (3 << 20) + json.dumps({"inputs": [TENSOR]}).encode())
                assert client.call("POST", "/v2/models/linear/infer", large, GZIP)[0] == 503
                fits = packed(b" " * (1 << 20) + json.dumps({"inputs": [TENSOR]}).encode())
                assert client.call("POST", "/v2/models/linear/infer", fits, GZIP)[0] == 200
    finally:
        node.stop()


def test_answers_keep_the_order_of_their_requests(node):
    """The first one takes many steps, and the second one is there before it is unpacked."""
    slow = packed(b" " * (3 << 20) + json.dumps({"id": "slow", "inputs": [TENSOR]}).encode())
    fast = json.dumps({"id": "fast", "inputs": [TENSOR]}).encode()
    head = "POST /v2/models/linear/infer HTTP/1.1\r\nHost: n\r\nAuthorization: Bearer {}\r\n{}"
    head += "Content-Length: {}\r\n\r\n"
    with node.connect() as wire:
        wire.sendall(
            head.format(TOKEN, "Content-Encoding: gzip\r\n", len(slow)).encode()
            + slow
            + head.format(TOKEN, "", len(fast)).encode()
            + fast
        )
        seen = b""
        while seen.count(b'"outputs"') < 2:
            seen += wire.recv(1 << 16)
    assert seen.index(b'"id":"slow"') < seen.index(b'"id":"fast"')


@pytest.mark.parametrize(
    "content", [b"", b"x", bytes(5 * STEP_BYTES), np.random.default_rng(0).bytes(1 << 20)]
)
def test_a_step_is_bounded_and_all_steps_make_the_whole(content):
    inflating, steps, before = Inflating(gzip.compress(content), len(content)), 0, 0
    while (whole := inflating.step()) is None:
        assert inflating.size - before <= STEP_BYTES
        before, steps = inflating.size, steps + 1
    assert whole == content
    assert steps >= len(content) // STEP_BYTES - 1


def test_a_bomb_is_let_go_as_soon_as_it_is_one():
    inflating = Inflating(gzip.compress(bytes(64 << 20)), 1 << 20)
    bombs = iter(inflating.step, b"")
    with pytest.raises(BodyTooLarge):
        list(bombs)
    assert inflating.size <= (1 << 20) + STEP_BYTES
    with pytest.raises(BadRequest):
        Inflating(b"\x1f\x8b\x08", 10).step()
