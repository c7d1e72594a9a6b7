"""Hostile requests to a real node: a refusal, and the next request is answered rightly or not at all."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.statuses import STATUS
from tests.fuzz import documents
from tests.fuzz.amount import examples
from tests.scoring import models
from tests.scoring.nodes import TOKEN, Node, Store, model

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(600)]
CORPUS = json.loads((Path(__file__).parents[1] / "data/hostile/requests.json").read_text())
CODES = {error.code for error in STATUS}
AUTH = f"Host: n\r\nAuthorization: Bearer {TOKEN}\r\n"
PROBE = {"id": "the probe", "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [20, 11]}]}
PROBE_BODY = json.dumps(PROBE).encode()
PROBE_BYTES = (
    f"POST /v2/models/linear/infer HTTP/1.1\r\n{AUTH}Content-Length: {len(PROBE_BODY)}\r\n\r\n".encode()
    + PROBE_BODY
)


@pytest.fixture(scope="module")
def target(place, store):
    """A node with little patience: what never ends is ended soon."""
    extra = ["--head-seconds", "0.3", "--body-seconds", "0.3"]
    node = Node(place, store, workers=1, name="target", extra=extra).start()
    features = {"raw": ("height", "width")}
    scaled = store.version(1, models.linear((1.0, 1.0), name="z"), models.scaler(), features=features)
    try:
        node.serve(
            {
                "linear": model(1, [store.version(1, models.linear())]),
                "scaled": model(1, [scaled]),
                "texts": model(1, [store.version(1, models.echo_of(models.STRING, ["n"]))]),
                "types": model(1, [store.version(1, models.everything(), batchable=False)]),
            }
        )
        before = node.pids()
        yield node
        assert node.pids() == before, "a worker died"
        assert "Traceback" not in node.output()
    finally:
        node.stop()


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="session")
def store(place):
    return Store(place / "store")


Answer = tuple[int, dict[str, str], bytes]


def answers(node: Node, data: bytes) -> list[Answer]:
    """All answers to these bytes and to the probe behind them, until the probe's own or the end."""
    found: list[Answer] = []
    with node.connect() as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data + PROBE_BYTES)
        rest = b""
        while not (found and is_probe(found[-1])):
            answer, rest = next_answer(connection, rest, body=not data.startswith(b"HEAD ") or bool(found))
            if answer is None:
                break
            found.append(answer)
    return found


def next_answer(connection: socket.socket, rest: bytes, *, body: bool) -> tuple[Answer | None, bytes]:
    while b"\r\n\r\n" not in rest:
        more = received(connection)
        if not more:
            # What a refused HEAD gets too much ends with the connection.
            assert not rest or rest.startswith(b'{"error"'), f"closed in the middle of an answer: {rest!r}"
            return None, b""
        rest += more
    head, _, rest = rest.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
    assert line.startswith("HTTP/1.1 "), line
    length = int(headers.get("content-length", 0)) if body else 0
    while len(rest) < length:
        more = received(connection)
        assert more, "closed in the middle of an answer"
        rest += more
    return (int(line.split()[1]), headers, rest[:length]), rest[length:]


def received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


def is_probe(answer: Answer) -> bool:
    status, _, content = answer
    if status != 200 or b"the probe" not in content:
        return False
    assert json.loads(content)["outputs"][0]["data"] == [42.0]
    return True


def keeps_the_promise(found: list[Answer]) -> None:
    assert found, "not a word"
    for status, headers, content in found:
        assert status < 500, content
        if status >= 400 and content:
            document = json.loads(content)
            assert document["code"] in CODES
            assert 0 < len(document["error"]) <= 1000
            assert headers["content-type"] == "application/json"
    assert is_probe(found[-1]) or found[-1][1].get("connection") == "close"


def text(parts: Any) -> bytes:
    """A text, or a list of texts and of [text, times]."""
    if isinstance(parts, str):
        return parts.encode("latin-1")
    return b"".join(
        part.encode("latin-1") if isinstance(part, str) else part[0].encode("latin-1") * part[1]
        for part in parts
    )


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case["name"])
def test_what_has_been_tried_is_refused_as_it_was(target, case):
    body = text(case["body"])
    line, *fields = [text(part).replace(b"{length}", b"%d" % len(body)) for part in case["head"]]
    found = answers(target, b"\r\n".join([line, AUTH[:-2].encode(), *fields, b"", body]))

    keeps_the_promise(found)
    status, _, content = found[0]
    assert status == case["status"], content
    if case["code"]:
        assert json.loads(content)["code"] == case["code"], content
    assert is_probe(found[-1]) is not case["closes"]


methods = st.sampled_from(["POST", "POST", "POST", "POST", "GET", "HEAD", "PUT", "OPTIONS", "post", ""])
paths = st.one_of(
    st.sampled_from(
        [
            "/v2/models/linear/infer",
            "/v2/models/types/infer",
            "/v2/models/linear/versions/1/infer",
            "/feedback",
        ]
        * 2
        + ["/score/scaled", "/invocations/scaled", "/v2", "/metrics", "*", "/v2/models/linear/ready?x=1#y"]
    ),
    st.text("/v2modelsinfer%.?#\\{}ä", max_size=20).map(lambda path: "/" + path),
)
lines = st.sampled_from(
    ["Content-Length: {length}"] * 8
    + [
        *("Content-Length: 0", "Content-Length: 1", "Content-Length: {length}0", "Content-Length: a"),
        *("Transfer-Encoding: chunked", "Transfer-Encoding: identity", "Transfer-Encoding: ,chunked"),
        *("Inference-Header-Content-Length: {half}", "Inference-Header-Content-Length: {length}"),
        *("Expect: 100-continue", "Expect: 200-ok", "Connection: close", "Connection: keep-alive, upgrade"),
        *("Upgrade: h2c", "Content-Encoding: br", "X-Assay-Unit: a", "X-Assay-Unit: \xff", "Host: other", ""),
        *("Authorization: Basic eDp5", "Accept: */*", "X: \t", "\x00", " x", "Content-Type: text/csv"),
    ]
)
bodies = st.one_of(
    documents.encoded(documents.oip),
    documents.encoded(documents.simple | documents.mlflow | documents.feedback),
    documents.tails,
    st.sampled_from([b"", PROBE_BODY, b"0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"]),
)


@examples(60)
@given(
    methods,
    paths,
    st.sampled_from(["1.1"] * 8 + ["1.0", "0.9", "2.0"]),
    st.lists(lines, min_size=1, max_size=3),
    bodies,
)
def test_what_chance_puts_together(target, method, path, version, fields, body):
    named = {"{length}": len(body), "{half}": len(body) // 2}
    head = "\r\n".join([f"{method} {path} HTTP/{version}", AUTH[:-2], *fields, "", ""])
    for name, value in named.items():
        head = head.replace(name, str(value))
    keeps_the_promise(answers(target, head.encode("latin-1") + body))


@examples(25)
@given(st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=3)), min_size=1, max_size=3))
def test_a_good_request_with_a_few_bytes_changed(target, changes):
    data = bytearray(PROBE_BYTES.replace(b"the probe", b"the other"))
    for place, noise in changes:
        data[place % len(data) : place % len(data) + 1] = noise
    keeps_the_promise(answers(target, bytes(data)))
