"""The node's HTTP port as this process sees it: kept connections, one call on each at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple, cast

import httptools

_AGAIN_SECONDS = 0.05
"""A worker that is replaced listens again within some of these; fewer would be calls for nothing."""


class NodeGone(Exception):
    """No connection, or one that was lost before the answer. The message is a sentence."""


class Answer(NamedTuple):
    """What the node said. Names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Upstream:
    """Calls to one node. Connections are made as calls need them and kept for the next ones."""

    def __init__(self, host: str, port: int, *, idle_seconds: float, connect_seconds: float) -> None:
        """`idle_seconds` has to be less than the node's own; so long may an unused connection be kept."""
        self._host, self._port = host, port
        self._idle_seconds = idle_seconds
        self._connect_seconds = connect_seconds
        self._idle: list[_Connection] = []

    async def ask(self, parts: Sequence[bytes]) -> Answer:
        """The answer to a whole request. Raises NodeGone.

        A call that no connection has taken yet is tried again until `connect_seconds` are over. One
        that was sent is not: its worker may have answered it before it died.
        """
        connection = self._kept() or await self._connect()
        try:
            answer = await connection.ask(parts)
        except BaseException:
            # Also when the caller has gone: the answer that is still to come belongs to nobody.
            connection.abort()
            raise
        if connection.reusable:
            self._idle.append(connection)
        else:
            connection.abort()
        return answer

    def close(self) -> None:
        for connection in self._idle:
            connection.abort()
        self._idle.clear()

    def _kept(self) -> _Connection | None:
        oldest = monotonic() - self._idle_seconds
        while self._idle:
            connection = self._idle.pop()
            if connection.alive and connection.since > oldest:
                return connection
            connection.abort()
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        deadline = monotonic() + self._connect_seconds
        while True:
            try:
                _, made = await loop.create_connection(_Connection, self._host, self._port)
            except OSError:
                if monotonic() > deadline:
                    raise NodeGone("the scoring node cannot be reached: come again in a second") from None
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                return made


class _Connection(asyncio.Protocol):
    """One connection. Framing is llhttp's."""

    def __init__(self) -> None:
        self.alive = True
        self.reusable = False
        self.since = monotonic()
        self._transport: asyncio.Transport
        self._waiting: asyncio.Future[Answer] | None = None

    async def ask(self, parts: Sequence[bytes]) -> Answer:
        self._waiting = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self.reusable = False
        self._transport.writelines(parts)
        return await self._waiting

    def abort(self) -> None:
        if self.alive:
            self._transport.abort()

    # ---- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.alive = False
        self._fail("the worker that had this request is gone: send it again")

    def data_received(self, data: bytes) -> None:
        if self._waiting is None:
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"the scoring node did not answer in HTTP: {error}")
            self.abort()

    # ---- httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, chunk: bytes) -> None:
        self._body.append(chunk)

    def on_message_complete(self) -> None:
        self.reusable = self.alive and self._parser.should_keep_alive()
        self.since = monotonic()
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(Answer(self._parser.get_status_code(), self._headers, b"".join(self._body)))

    def _fail(self, words: str) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(NodeGone(words))
