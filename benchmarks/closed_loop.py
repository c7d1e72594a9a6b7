"""A closed-loop load generator that costs little: raw sockets, prepared bytes, one epoll loop."""

from __future__ import annotations

import os
import select
import socket
import time
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run of the generator saw. Latencies in milliseconds."""

    requests: int
    failed: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def message(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """One HTTP/1.1 request as bytes."""
    fields = {
        "Host": "bench",
        "Content-Type": "application/json",
        **headers,
        "Content-Length": str(len(body)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


class _Client:
    """One connection with one request under way."""

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.latencies: list[float] = []
        self.failed = 0
        self._request = request
        self._left = 0
        self._ask(time.perf_counter())

    def hear(self) -> None:
        """Read what has come; when the answer is whole, ask again."""
        data = self.socket.recv(1 << 18)
        if self._left == 0:
            head = data.find(b"\r\n\r\n")
            self.failed += not data.startswith(b"HTTP/1.1 200")
            self._left = head + 4 + _length(data[:head])
        self._left -= len(data)
        if self._left <= 0:
            self._left = 0
            now = time.perf_counter()
            self.latencies.append(now - self._sent)
            self._ask(now)

    def _ask(self, now: float) -> None:
        self._sent = now
        self.socket.sendall(self._request)


def run(port: int, request: bytes, *, connections: int, seconds: float, cpu: int | None = None) -> Measured:
    """Keep `connections` requests under way for `seconds`."""
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    started = time.perf_counter()
    clients = [_Client(port, request) for _ in range(connections)]
    hear = {client.socket.fileno(): client.hear for client in clients}
    with select.epoll() as poll:
        for number in hear:
            poll.register(number, select.EPOLLIN)
        until = started + seconds
        while time.perf_counter() < until:
            for number, _ in poll.poll(1.0):
                hear[number]()
    spent = time.perf_counter() - started
    latencies = [latency for client in clients for latency in client.latencies]
    for client in clients:
        client.socket.close()
    p50, p99 = np.percentile(np.array(latencies) * 1000, [50, 99])
    failed = sum(client.failed for client in clients)
    return Measured(len(latencies), failed, spent, float(p50), float(p99))


def _length(head: bytes) -> int:
    place = head.lower().index(b"content-length:") + 15
    end = head.find(b"\r\n", place)
    return int(head[place : end if end >= 0 else len(head)])
