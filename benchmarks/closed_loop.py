"""A closed-loop load generator that costs little: raw sockets, prepared bytes, one epoll loop."""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNK = 1 << 18
_LAST_SECONDS = 30.0
_GOOD = b"HTTP/1.1 200"


class BadAnswer(RuntimeError):
    """An answer that cannot be measured; the sentence says what came."""


@dataclass(frozen=True, slots=True)
class Load:
    """`connections` that each ask `requests` in turn, the next when the answer is whole."""

    port: int
    requests: Sequence[bytes]
    connections: int = 16


@dataclass(frozen=True, slots=True)
class Measured:
    """What one load saw. Latencies in milliseconds.

    `requests` were answered in all, `in_time` of them within `seconds`, the others were then under way.
    """

    requests: int
    in_time: int
    failed: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refusal: str = ""

    @property
    def rate(self) -> float:
        return self.in_time / self.seconds


def message(path: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    """One HTTP/1.1 request as bytes."""
    fields = {
        "Host": "bench",
        "Content-Type": "application/json",
        **(headers or {}),
        "Content-Length": str(len(body)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


class Client:
    """One connection with one request under way."""

    def __init__(self, load: Load, start: int = 0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", load.port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.latencies: list[float] = []
        self.refusal = ""
        self.failed = 0
        self.waiting = False
        self._requests = load.requests
        self._next = start
        self._head = b""
        self._left = 0

    def ask(self) -> None:
        self._next = (self._next + 1) % len(self._requests)
        self.waiting = True
        self._sent = time.perf_counter()
        self.socket.sendall(self._requests[self._next])

    def hear(self) -> bool:
        """Read what has come. True when the answer is whole."""
        data = self.socket.recv(_CHUNK)
        if not data:
            raise BadAnswer("the server closed the connection before it had answered")
        if self._left:
            self._left -= len(data)
        else:
            self._left = self._begin(data)
        if self._left < 0:
            raise BadAnswer(f"{-self._left} bytes came after the end of the answer")
        if self._left == 0 and not self._head:
            self.latencies.append(time.perf_counter() - self._sent)
            self.waiting = False
            return True
        return False

    def _begin(self, data: bytes) -> int:
        """Bytes of the body still to come, once the head is whole; until then it is kept."""
        data = self._head + data
        left = _missing(data)
        self._head = data if left is None else b""
        if left is None:
            return 0
        if not data.startswith(_GOOD):
            self.failed += 1
            self.refusal = _shown(data)
        return left


@contextlib.contextmanager
def on_core(cpu: int | None) -> Iterator[None]:
    """Keep the calling thread on one core; None: wherever it was."""
    before = os.sched_getaffinity(0)
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def run_together(loads: Sequence[Load], *, seconds: float, cpu: int | None = None) -> list[Measured]:
    """Keep all loads under way for `seconds`, then hear the answers that are still to come: a server
    has worked for them too. An answer that is not 200 counts as failed.

    A lost connection counts as failed too and is not opened again. Raises BadAnswer when nothing
    was answered at all.
    """
    with on_core(cpu):
        return _run_together(loads, seconds)


def _run_together(loads: Sequence[Load], seconds: float) -> list[Measured]:
    crowds = [[Client(load, start) for start in range(load.connections)] for load in loads]
    by_number = {client.socket.fileno(): client for crowd in crowds for client in crowd}
    started = time.perf_counter()
    with select.epoll() as poll:
        for number, client in by_number.items():
            poll.register(number, select.EPOLLIN)
            client.ask()
        _hear(by_number, poll, started + seconds, again=True)
        spent = time.perf_counter() - started
        in_time = [sum(len(client.latencies) for client in crowd) for crowd in crowds]
        _hear(by_number, poll, time.perf_counter() + _LAST_SECONDS, again=False)
    for client in by_number.values():
        client.failed += client.waiting
        client.socket.close()
    return [_measured(crowd, answered, spent) for crowd, answered in zip(crowds, in_time, strict=True)]


def run(load: Load, *, seconds: float, cpu: int | None = None) -> Measured:
    """One load that must not fail. Raises BadAnswer with what came instead."""
    (seen,) = run_together([load], seconds=seconds, cpu=cpu)
    if seen.failed:
        raise BadAnswer(f"{seen.failed} of {seen.requests} requests failed: {seen.refusal}")
    return seen


def ask_once(where: int | Path, request: bytes, seconds: float = 30.0) -> tuple[bytes, bytes]:
    """The head and body of the answer to one request, on a port or a Unix socket.

    Raises BadAnswer unless it is a 200.
    """
    answer = b""
    with _connected(where, seconds) as connection:
        connection.sendall(request)
        while _missing(answer) != 0:
            data = connection.recv(_CHUNK)
            if not data:
                raise BadAnswer(f"the connection ended within an answer: {_shown(answer)}")
            answer += data
    if not answer.startswith(_GOOD):
        raise BadAnswer(f"not a 200: {_shown(answer)}")
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


def _connected(where: int | Path, seconds: float) -> socket.socket:
    if isinstance(where, int):
        return socket.create_connection(("127.0.0.1", where), timeout=seconds)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(seconds)
    try:
        connection.connect(str(where))
    except OSError:
        connection.close()
        raise
    return connection


def _missing(data: bytes) -> int | None:
    """How many bytes an answer still lacks; None while that cannot be told."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    found = _LENGTH.search(data, 0, end)
    if found is None:
        raise BadAnswer(f"an answer that does not say its length: {_shown(data)}")
    return end + 4 + int(found[1]) - len(data)


def _shown(data: bytes) -> str:
    return repr(data[:400].decode("latin-1"))


def _hear(clients: Mapping[int, Client], poll: select.epoll, until: float, *, again: bool) -> None:
    while (left := until - time.perf_counter()) > 0 and (
        again or any(client.waiting for client in clients.values())
    ):
        for number, _ in poll.poll(min(left, 1.0)):
            _turn(clients[number], poll, again=again)


def _turn(client: Client, poll: select.epoll, *, again: bool) -> None:
    try:
        if client.hear() and again:
            client.ask()
    except (BadAnswer, OSError) as error:
        client.waiting = False
        client.failed += 1
        client.refusal = str(error)
        poll.unregister(client.socket.fileno())


def _measured(crowd: Sequence[Client], in_time: int, spent: float) -> Measured:
    latencies = [latency for client in crowd for latency in client.latencies]
    refusal = next((client.refusal for client in crowd if client.refusal), "")
    if not latencies:
        raise BadAnswer(refusal or "no request was answered in the time of the run")
    p50, p99 = np.percentile(np.array(latencies) * 1000, [50, 99])
    failed = sum(client.failed for client in crowd)
    return Measured(len(latencies), in_time, failed, spent, float(p50), float(p99), refusal)
