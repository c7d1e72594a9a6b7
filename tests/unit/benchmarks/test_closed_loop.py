"""The load generator against a socket that answers as badly as a server can."""

from __future__ import annotations

import contextlib
import socketserver
import threading

import pytest

from benchmarks.closed_loop import BadAnswer, Load, ask_once, message, run, run_together

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
REQUEST = message("/", b"{}")


class Answering(socketserver.StreamRequestHandler):
    """Answers every request with the server's pieces, each sent by itself; without pieces, goes away."""

    disable_nagle_algorithm = True

    def handle(self):
        # A client that has what it wanted goes away in the middle of a request.
        with contextlib.suppress(ConnectionError):
            while self.request.recv(1 << 16) and self.server.pieces:
                for piece in self.server.pieces:
                    self.request.sendall(piece)


@pytest.fixture
def answering():
    """Starts a server that answers with the given pieces, and gives its port."""
    with contextlib.ExitStack() as stack:

        def start(*pieces):
            server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answering)
            server.pieces, server.daemon_threads = pieces, True
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return server.server_address[1]

        yield start


def loaded(port):
    return run(Load(port, [REQUEST], connections=2), seconds=0.1)


def test_whole_answers_are_counted(answering):
    seen = loaded(answering(GOOD))
    assert seen.requests > 1
    assert seen.failed == 0
    assert 0 < seen.p50_ms <= seen.p99_ms


@pytest.mark.parametrize("cut", [1, 16, 30, 36, 38, 40])
def test_an_answer_may_arrive_in_pieces(answering, cut):
    assert loaded(answering(GOOD[:cut], GOOD[cut:])).failed == 0


def test_an_answer_byte_by_byte(answering):
    port = answering(*(GOOD[place : place + 1] for place in range(len(GOOD))))
    assert loaded(port).requests > 1
    assert ask_once(port, REQUEST)[1] == b"{}"


def test_a_refusal_is_told_in_its_own_words(answering):
    port = answering(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nlate")
    with pytest.raises(BadAnswer, match=r"requests failed.*503 Busy.*late"):
        loaded(port)
    with pytest.raises(BadAnswer, match=r"not a 200.*503 Busy"):
        ask_once(port, REQUEST)


def test_an_answer_without_length_is_a_sentence(answering):
    port = answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
    with pytest.raises(BadAnswer, match="does not say its length"):
        loaded(port)


def test_more_than_an_answer_is_a_sentence(answering):
    with pytest.raises(BadAnswer, match="2 bytes came after the end"):
        loaded(answering(GOOD + b"{}"))


def test_lost_connections_count_as_failed(answering):
    with pytest.raises(BadAnswer, match="closed the connection"):
        loaded(answering())


def test_requests_are_asked_in_turn(answering):
    port = answering(GOOD)
    first, second = run_together([Load(port, [REQUEST], 1), Load(port, [REQUEST, REQUEST], 1)], seconds=0.1)
    assert first.requests > 1
    assert second.requests > 1


def test_answers_under_way_at_the_end_are_heard_and_counted(answering):
    """A server slower than the run has worked for all that it was asked."""
    seen = run(Load(answering(GOOD), [REQUEST], connections=3), seconds=0.0)
    assert (seen.requests, seen.in_time, seen.failed) == (3, 0, 0)
