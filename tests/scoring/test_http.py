"""The wire itself: framing, order, limits, and what no two parsers may read differently."""

from __future__ import annotations

import json
import select
import socket
from contextlib import ExitStack, closing, suppress

import pytest

from tests.scoring import models
from tests.scoring.nodes import TOKEN, Node, model, wait_for

HEAD = f"Host: n\r\nAuthorization: Bearer {TOKEN}\r\n"


def body(*values):
    values = values or (1.0, 2.0)
    return json.dumps(
        {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": values}]}
    ).encode()


def request(content=None, *, path="/v2/models/linear/infer", more="", version="1.1", head=HEAD) -> bytes:
    content = body() if content is None else content
    return (
        f"POST {path} HTTP/{version}\r\n{head}{more}Content-Length: {len(content)}\r\n\r\n".encode() + content
    )


class Wire:
    """A socket that reads whole answers."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.rest = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        while b"\r\n\r\n" not in self.rest:
            self.rest += self._more()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        names = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
        length = int(names.get("content-length", 0))
        while len(self.rest) < length:
            self.rest += self._more()
        content, self.rest = self.rest[:length], self.rest[length:]
        return int(line.split()[1]), names, content

    def closed(self) -> bool:
        try:
            return self.rest == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _more(self) -> bytes:
        data = self.socket.recv(65536)
        assert data, f"closed in the middle of an answer: {self.rest!r}"
        return data


@pytest.fixture
def wire(node):
    with node.connect() as connection:
        yield Wire(connection)


def first(answer) -> float:
    return json.loads(answer[2])["outputs"][0]["data"][0]


def test_pipelined_requests_are_answered_in_order(wire):
    wire.send(b"".join(request(body(n, 0.0)) for n in range(100)))

    assert [first(wire.answer()) for _ in range(100)] == [float(n) for n in range(100)]


def test_a_fast_refusal_waits_for_its_turn(wire):
    wire.send(
        request(body(7, 0)) + b"GET /nowhere HTTP/1.1\r\n" + HEAD.encode() + b"\r\n" + request(body(8, 0))
    )

    assert first(wire.answer()) == 7
    assert wire.answer()[0] == 404
    assert first(wire.answer()) == 8


def test_a_request_may_come_byte_by_byte(wire):
    for byte in request():
        wire.send(bytes([byte]))

    assert first(wire.answer()) == 5


def test_chunked_bodies_are_read(wire):
    content = body()
    chunks = (
        b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (content[:10], content[10:])) + b"0\r\n\r\n"
    )
    wire.send(f"POST /v2/models/linear/infer HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
    wire.send(chunks + request(body(3, 0)))

    assert first(wire.answer()) == 5
    assert first(wire.answer()) == 3


def test_a_client_that_asks_first_is_told_to_go_on(wire):
    whole = request(more="Expect: 100-continue\r\n")
    head, _, content = whole.partition(b"\r\n\r\n")
    wire.send(head + b"\r\n\r\n")

    assert wire.answer()[0] == 100
    wire.send(content)
    assert first(wire.answer()) == 5


def test_a_client_that_asks_first_for_too_much_is_told_not_to(wire):
    wire.send(
        f"POST /score/linear HTTP/1.1\r\n{HEAD}Expect: 100-continue\r\n".encode()
        + b"Content-Length: 99999999\r\n\r\n"
    )

    assert wire.answer()[0] == 413
    assert wire.closed()


def test_a_head_request_gets_no_body_whatever_the_answer(wire):
    for path in ("/nowhere", "/v2/models/nobody", "/metrics", "/v2"):
        wire.send(f"HEAD {path} HTTP/1.1\r\n{HEAD}\r\n".encode() + request(body(6, 0)))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += wire.socket.recv(1)
        assert head.startswith(b"HTTP/1.1 ")
        assert first(wire.answer()) == 6


def test_http_1_0_and_connection_close_end_after_the_answer(node):
    for message in (request(version="1.0"), request(more="Connection: close\r\n")):
        with node.connect() as connection:
            wire = Wire(connection)
            wire.send(message)
            status, headers, _ = wire.answer()
            assert (status, headers["connection"]) == (200, "close")
            assert wire.closed()


def test_a_client_that_closes_its_sending_side_still_gets_its_answer(wire):
    wire.send(request())
    wire.socket.shutdown(socket.SHUT_WR)

    assert first(wire.answer()) == 5
    assert wire.closed()


def test_an_offered_upgrade_is_passed_over(wire):
    wire.send(
        request(more="Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n")
    )

    assert first(wire.answer()) == 5
    wire.send(request(body(2, 0)))
    assert first(wire.answer()) == 2


BAD = {
    "no http": (b"hello\r\n\r\n", 400, "bad_request"),
    "two lengths": (request(more="Content-Length: 5\r\n"), 400, "bad_request"),
    "length and chunks": (request(more="Transfer-Encoding: chunked\r\n"), 400, "bad_request"),
    "odd coding": (
        f"POST /score/linear HTTP/1.1\r\n{HEAD}Transfer-Encoding: gzip\r\n\r\n".encode(),
        400,
        "bad_request",
    ),
    "signed length": (
        f"POST /score/linear HTTP/1.1\r\n{HEAD}Content-Length: +5\r\n\r\nhello".encode(),
        400,
        "bad_request",
    ),
    "space before the colon": (
        f"POST /score/linear HTTP/1.1\r\n{HEAD}Content-Length : 5\r\n\r\nhello".encode(),
        400,
        "bad_request",
    ),
    "folded": (request(more="X-A: b\r\n c: d\r\n"), 400, "bad_request"),
    "bare line feeds": (request().replace(b"\r\n", b"\n"), 400, "bad_request"),
    "zero byte": (request(more="X-A: \0\r\n"), 400, "bad_request"),
    "odd chunk size": (
        f"POST /score/linear HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode()
        + b"0x5\r\nhello\r\n0\r\n\r\n",
        400,
        "bad_request",
    ),
    "two tokens": (request(more="Authorization: Bearer other\r\n"), 400, "bad_request"),
    "two header lengths": (
        request(more="Inference-Header-Content-Length: 5\r\nInference-Header-Content-Length: 6\r\n"),
        400,
        "bad_request",
    ),
    "compressed": (request(more="Content-Encoding: deflate\r\n"), 415, "unsupported_encoding"),
    "a table": (request(more="Content-Type: text/csv\r\n"), 415, "unsupported_type"),
    "another charset": (
        request(more="Content-Type: application/json; charset=utf-16\r\n"),
        415,
        "unsupported_type",
    ),
    "compressed twice": (request(more="Content-Encoding: gzip, gzip\r\n"), 415, "unsupported_encoding"),
    "endless head": (b"GET /v2 HTTP/1.1\r\nX-A: " + b"a" * 40_000 + b"\r\n\r\n", 431, "head_too_large"),
    "endless target": (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n", 431, "head_too_large"),
    "many fields": (b"GET /v2 HTTP/1.1\r\n" + b"X-A: b\r\n" * 5000 + b"\r\n", 431, "head_too_large"),
    "large body": (request(b" " * (4 << 20) + body()), 413, "body_too_large"),
}


@pytest.mark.parametrize(("data", "status", "code"), BAD.values(), ids=BAD)
def test_what_two_parsers_could_read_differently_is_refused_and_ended(wire, data, status, code):
    with suppress(BrokenPipeError, ConnectionResetError):
        wire.send(data)
    got, headers, content = wire.answer()

    assert (got, json.loads(content)["code"], headers["connection"]) == (status, code, "close")
    assert wire.closed()


def test_a_large_chunked_body_is_stopped_on_its_way(wire):
    wire.send(f"POST /v2/models/linear/infer HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
    chunk = b"%x\r\n%b\r\n" % (1 << 20, b" " * (1 << 20))
    with suppress(BrokenPipeError, ConnectionResetError):
        for _ in range(8):
            wire.send(chunk)

    assert wire.answer()[0] == 413


@pytest.fixture(scope="module")
def hasty(place, store):
    """A node with short deadlines and few places."""
    extra = [
        "--head-seconds",
        "0.3",
        "--body-seconds",
        "0.3",
        "--idle-seconds",
        "0.6",
        "--connections",
        "4",
        "--first-byte-seconds",
        "0.6",
    ]
    node = Node(place, store, workers=1, name="hasty", extra=extra).start()
    try:
        node.serve({"linear": model(1, [store.version(1, models.linear())])})
        yield node
    finally:
        node.stop()


@pytest.mark.parametrize("part", [b"POST /v2/mod", request()[:-5]], ids=["head", "body"])
def test_a_request_that_never_ends_is_ended(hasty, part):
    with hasty.connect() as connection:
        wire = Wire(connection)
        wire.send(part)
        status, _, content = wire.answer()

        assert (status, json.loads(content)["code"]) == (408, "request_timeout")
        assert wire.closed()


def test_an_idle_connection_is_closed_without_a_word(hasty):
    with hasty.connect() as connection:
        wire = Wire(connection)
        wire.send(request())
        assert wire.answer()[0] == 200
        assert wire.closed()


def test_a_connection_too_many_takes_the_place_of_the_one_that_was_silent_for_longest(hasty):
    with ExitStack() as stack:
        opened = [stack.enter_context(hasty.connect()) for _ in range(3)]
        asked = stack.enter_context(hasty.connect())
        asked.sendall(request())
        assert Wire(asked).answer()[0] == 200
        wire = Wire(stack.enter_context(hasty.connect()))
        wire.send(request())
        assert wire.answer()[0] == 200
        assert Wire(opened[0]).closed()
        asked.sendall(request())
        assert Wire(asked).answer()[0] == 200, "who has never asked for anything goes first"


def test_silent_and_unfinished_connections_in_any_number_keep_nobody_out(hasty):
    with ExitStack() as stack:
        for part in (b"", b"POST /v2/mod", request()[:-5]):
            for _ in range(12):
                stack.enter_context(hasty.connect()).sendall(part)
            with closing(hasty.client()) as client:
                assert client.infer("linear")[0] == 200


def test_a_trusted_proxy_has_more_connections_than_one_address_may(tmp_path, store):
    """It stands for many clients: by its address alone they would send each other away."""
    extra = ["--connections-per-address", "3", "--trusted", "127.0.0.9,10.1.0.0/16"]
    node = Node(tmp_path, store, workers=1, extra=extra).start()
    try:
        node.serve({"linear": model(1, [store.version(1, models.linear())])})
        with ExitStack() as stack:

            def opened(address: str) -> list[Wire]:
                found = []
                for _ in range(5):
                    where = ("127.0.0.1", node.port)
                    one = stack.enter_context(socket.create_connection(where, 10, (address, 0)))
                    found.append(Wire(one))
                    found[-1].send(request())
                    assert found[-1].answer()[0] == 200
                return found

            proxied = opened("127.0.0.9")
            assert opened("127.0.0.8")[0].closed()
            proxied[0].send(request())
            assert proxied[0].answer()[0] == 200
    finally:
        node.stop()


def test_who_never_says_anything_is_let_go_soon(hasty):
    with hasty.connect() as connection:
        assert Wire(connection).closed()


@pytest.fixture
def narrow(tmp_path, store):
    """A node that holds little of what has not yet come in whole."""
    node = Node(tmp_path, store, workers=1, extra=["--held-bytes", "1000000"]).start()
    try:
        node.serve({"linear": model(1, [store.version(1, models.linear())])})
        yield node
    finally:
        node.stop()


LARGE = f"POST /v2/models/linear/infer HTTP/1.1\r\n{HEAD}Content-Length: 3000000\r\n\r\n".encode()


@pytest.mark.parametrize("framing", ["Content-Length: 3000000\r\n", "Transfer-Encoding: chunked\r\n"])
def test_a_strangers_large_body_is_refused_before_it_comes(wire, framing):
    wire.send(f"POST /v2/models/linear/infer HTTP/1.1\r\nHost: a\r\n{framing}\r\n".encode())

    status, _, content = wire.answer()
    assert (status, json.loads(content)["code"]) == (401, "missing_token")
    assert wire.closed()


def test_unfinished_bodies_have_one_bound_together(narrow):
    with narrow.connect() as one, narrow.connect() as other, narrow.connect() as third:
        for connection in (one, other):
            connection.sendall(LARGE + b" " * 600_000)
        refused, _, _ = select.select([one, other], [], [], 10)
        status, headers, content = Wire(refused[0]).answer()
        assert (status, headers["retry-after"], json.loads(content)["code"]) == (503, "1", "overloaded")
        third.sendall(request())
        assert first(Wire(third).answer()) == 5

    def taken() -> bool:
        """What the closed connections held is free again."""
        with narrow.connect() as connection:
            wire = Wire(connection)
            wire.send(request(b" " * 900_000 + body()))
            return wire.answer()[0] == 200

    wait_for(taken, "the room to be free again")
    assert all(taken() for _ in range(3))
