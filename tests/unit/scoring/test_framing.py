"""However the bytes arrive, the same requests are read: a remembered head changes nothing but the time."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.errors import ScoringError
from scoring.limits import Limits
from scoring.worker.connection import Connection
from scoring.worker.connections import Connections
from scoring.worker.http import answer

HEADS = [
    b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n",
    b"POST /b HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\nContent-Length: %d\r\n\r\n",
    b"POST /c HTTP/1.1\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
    b"POST /d HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n",
]
BODIES = [b"", b"x", b"\r\n\r\n", b"POST /a HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n" * 3]


class Transport:
    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def get_extra_info(self, name: str) -> tuple[str, int]:
        return ("127.0.0.1", 1)

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Wire:
    """A connection whose requests are noted and answered at once."""

    def __init__(self, shared: Connections | None = None) -> None:
        self.seen: list[tuple[bytes, bytes]] = []
        self.errors: list[ScoringError] = []
        self.shared = shared or Connections(
            self.handle, self.errors.append, b"n/0", Limits(), lambda head: None
        )
        self.shared.handle = self.handle
        self.transport = Transport()
        self.connection = Connection(self.shared)
        self.connection.connection_made(self.transport)

    def handle(self, exchange) -> None:
        self.seen.append((exchange.head.target, exchange.body))
        exchange.finish(answer(200, b"", worker=b"n/0", keep_alive=exchange.head.keep_alive))

    def feed(self, data: bytes) -> None:
        self.connection.data_received(data)


requests = st.lists(st.tuples(st.sampled_from(HEADS), st.sampled_from(BODIES)), min_size=1, max_size=12)


@settings(max_examples=40)
@given(requests, st.lists(st.integers(1, 2000), max_size=12))
def test_the_same_requests_are_read_however_they_are_cut(messages, cuts):
    stream = b"".join(head % len(body) + body for head, body in messages)
    wire = Wire()
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    for start, end in pairwise(places):
        wire.feed(stream[start:end])

    expected = [(b"/" + bytes([head[6]]), body) for head, body in messages]
    assert wire.seen == expected
    assert wire.errors == []
    assert wire.transport.written.count(b"HTTP/1.1 200") == len(messages)


@pytest.mark.parametrize(
    "first", [b"Content-Encoding: deflate", b"X-Assay-Unit: \xff", b"Content-Length: 99999999"]
)
def test_a_refused_request_is_answered_whatever_stands_behind_it(first):
    """Once its refusal was forgotten when the next request began, whose answer then came first."""
    wire = Wire()
    wire.feed(b"POST /a HTTP/1.1\r\n" + first + b"\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 1\r\n\r\nx")

    assert wire.seen == []
    assert len(wire.errors) == 1
    assert wire.transport.written.startswith(b"HTTP/1.1 4")
    assert wire.transport.written.count(b"HTTP/1.1 ") == 1
    assert wire.transport.closed


def test_what_stands_behind_a_last_request_is_not_answered_after_the_end():
    wire = Wire()
    wire.feed(b"POST /a HTTP/1.1\r\nConnection: close\r\nContent-Length: 1\r\n\r\nxnoise\r\n\r\n")

    assert wire.seen == [(b"/a", b"x")]
    assert wire.transport.written.count(b"HTTP/1.1 ") == 1
    assert wire.transport.closed


@pytest.mark.parametrize("version", [b"", b" HTTP/0.9", b" HTTP/2.0"])
def test_no_other_version_is_taken_for_ours(version):
    wire = Wire()
    wire.feed(b"POST /a" + version + b"\r\nContent-Length: 0\r\n\r\n")

    assert wire.seen == []
    assert [error.code for error in wire.errors] == ["bad_request"]


def test_a_repeated_head_is_remembered_and_a_single_one_is_not():
    wire = Wire()
    for number in range(5):
        wire.feed(b"POST /%d HTTP/1.1\r\nContent-Length: 1\r\n\r\nx" % number)
    assert wire.shared.heads == {}
    for _ in range(5):
        wire.feed(b"POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\nx")

    assert len(wire.shared.heads) == 1
    assert len(wire.seen) == 10


@pytest.mark.parametrize(
    "head",
    [
        b"POST /a HTTP/1.0\r\nContent-Length: 1\r\n\r\n",
        b"POST /a HTTP/1.1\r\nConnection: close\r\nContent-Length: 1\r\n\r\n",
        b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n",
        b"POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
        b"POST /a HTTP/1.1\r\nUpgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 1\r\n\r\n",
        b"POST /a HTTP/1.1\nContent-Length: 1\r\n\r\n",
    ],
)
def test_a_head_that_says_more_than_a_length_is_read_every_time(head):
    shared = Wire().shared
    for _ in range(3):
        wire = Wire(shared)
        wire.feed(head + b"x")
        if b"chunked" in head:
            wire.feed(b"\r\n0\r\n\r\n")
        wire.feed(head + b"x")

    assert shared.heads == {}


def test_a_remembered_head_is_not_used_when_the_worker_drains():
    wire = Wire()
    request = b"POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"
    for _ in range(3):
        wire.feed(request)
    assert wire.shared.heads
    wire.shared.draining = True
    wire.feed(request)

    assert wire.transport.written.endswith(b"Connection: close\r\nContent-Length: 0\r\n\r\n")
    assert wire.transport.closed


@settings(max_examples=40)
@given(st.binary(max_size=300), st.integers(0, 300))
def test_nothing_that_a_client_sends_raises(noise, cut):
    wire = Wire()
    wire.feed(b"POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\nx")
    for part in (noise[:cut], noise[cut:]):
        if part:
            wire.feed(part)

    assert wire.seen[0] == (b"/a", b"x")
    assert wire.transport.closed or not wire.errors
