"""From one process of the web server to another: connections, with what has been read of a request on them.

What takes long to answer would hold up the pages of its process, whose threads share one interpreter. So the
doors there read the head of each request, and hand what is for others over before anything is begun: the
very connection goes through a passage that all processes share, a pair of sockets that their parent has made.
Where those who take are away, connections wait in it; where it is full, whoever comes is told to come again.
"""

from __future__ import annotations

import asyncio
import os
import socket
import urllib.parse
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import httptools
import uvloop

from config.serving import refusals
from config.serving.door import Door
from registry.sandbox.handing import handed

POSSIBLE = hasattr(os, "memfd_create")
BEHIND_PAGES = 10
"""Niceness of a process that takes connections: a ninth of the weight of one that answers pages."""
_PASSAGE_BYTES = 1 << 16
"""Room for the 170 of `passage`; with less, a burst of uploads is told to come again."""
_MOST_HANDLES = 2
"""The connection, and what has been read of it."""


def passage() -> tuple[socket.socket, socket.socket]:
    """Where connections are put in, and where they are taken out. Some 170 of them find room."""
    entrance, exit_ = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    entrance.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PASSAGE_BYTES)
    for end in (entrance, exit_):
        end.setblocking(False)
    return entrance, exit_


def put(entrance: socket.socket, connection: int, begun: bytes) -> None:
    """Raises OSError where there is no room."""
    handle = handed(begun)
    try:
        socket.send_fds(entrance, [b"\0"], [connection, handle])
    finally:
        os.close(handle)


def take(exit_: socket.socket) -> tuple[socket.socket, bytes] | None:
    """The next connection, if there is one that nobody else was faster to take."""
    try:
        _, handles, _, _ = socket.recv_fds(exit_, 1, _MOST_HANDLES, socket.MSG_CMSG_CLOEXEC)
    except BlockingIOError:
        return None
    if len(handles) < _MOST_HANDLES:  # so many are open here that no more may be
        for handle in handles:
            os.close(handle)
        return None
    connection, handle = handles
    with open(handle, "rb") as begun:
        return socket.socket(fileno=connection), begun.read()


class HandingDoor(Door):
    """One connection, until somebody asks for what is answered elsewhere."""

    _begun = b""
    """Of the request whose head is being read, all that has come; nothing where another is in the way."""

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._begun += data
        else:
            self._begun = b"" if self._in_body else data
        super().data_received(data)

    def on_headers_complete(self) -> None:
        if self._deaf:
            return
        begun, self._begun = self._begun, b""
        if begun and self._failure is None and self._is_quiet() and self._goes():
            self._hand_over(begun)
        else:
            super().on_headers_complete()

    def _is_quiet(self) -> bool:
        """Whether everything that was asked for before has been answered, and has left."""
        return self._is_answered() and not self.transport.get_write_buffer_size()

    def _goes(self) -> bool:
        path = httptools.parse_url(self.url).path.decode("ascii")
        return self._config.goes(self.parser.get_method().decode("ascii"), urllib.parse.unquote(path))

    def _hand_over(self, begun: bytes) -> None:
        try:
            put(self._config.entrance, self.transport.get_extra_info("socket").fileno(), begun)
        except OSError:
            self._refuse(refusals.BUSY)
            return
        self._deaf = True
        self.transport.abort()  # of this process's hold on it; nothing is said to the client


class TakingDoor(Door):
    """One connection that was handed over. It is closed after its answer, lest pages are asked for here."""

    begun = b""
    """What had been read of it, to be read again before anything else."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_soon(self._begin)  # it may be all that ever comes

    def data_received(self, data: bytes) -> None:
        self._begin()
        super().data_received(data)

    def eof_received(self) -> bool:  # type: ignore[override]
        self._begin()
        return super().eof_received()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self._in_body:
            self.cycle.keep_alive = False

    def _begin(self) -> None:
        begun, self.begun = self.begun, b""
        if begun:
            super().data_received(begun)


class TakingLoop(uvloop.Loop):
    """An event loop in which a server may also stand at the end of a passage."""

    async def create_server(
        self, protocol_factory: Callable[[], Any], *args: Any, sock: socket.socket | None = None, **more: Any
    ) -> Any:
        if sock is not None and sock.type == socket.SOCK_SEQPACKET:
            return _Taking(self, cast("Callable[[], TakingDoor]", protocol_factory), sock)
        return await super().create_server(protocol_factory, *args, sock=sock, **more)


class _Taking:
    """Serves what comes through, as a server serves whoever connects."""

    def __init__(self, loop: TakingLoop, door: Callable[[], TakingDoor], exit_: socket.socket) -> None:
        self._loop, self._door, self._exit = loop, door, exit_
        self._entering: set[asyncio.Task[None]] = set()
        os.nice(BEHIND_PAGES)  # of this thread, and so of all that it starts
        loop.add_reader(exit_, self._take)

    def close(self) -> None:
        self._loop.remove_reader(self._exit)

    async def wait_closed(self) -> None:
        return

    def _take(self) -> None:
        if taken := take(self._exit):
            task = self._loop.create_task(self._enter(*taken))
            self._entering.add(task)
            task.add_done_callback(self._entering.discard)

    async def _enter(self, connection: socket.socket, begun: bytes) -> None:
        door = self._door()
        door.begun = begun
        with suppress(OSError):  # it was closed on the way
            await self._loop.connect_accepted_socket(lambda: door, connection)
