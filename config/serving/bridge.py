"""Between ASGI and WSGI: a request as WSGI wants it, a body as it arrives, an answer piece by piece."""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import IO, TYPE_CHECKING, Any
from wsgiref.types import WSGIApplication

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

AHEAD_BYTES = 2 << 20
"""Some pieces of both sides; more would be memory for each upload and make none faster."""
PIECE_BYTES = 1 << 18
"""What a socket takes at once; with smaller ones the hops between thread and loop are what costs."""
SPOOLED_BYTES = 1 << 20
"""Answers up to this size, nearly all, never touch the disk."""
READ_TIMEOUT_S = 120
"""A client silent for two minutes in the middle of a body has gone, whatever its connection says."""


class Response:
    """The WSGI side of one answer. Its methods run in a pool's threads, one after another."""

    def __init__(self, application: WSGIApplication, environ: dict[str, object]) -> None:
        self._application, self._environ = application, environ
        self._chunks: Iterator[bytes] = iter(())
        self._close: Callable[[], None] = lambda: None
        self.status, self.over = 500, False
        self.headers: list[tuple[bytes, bytes]] = []

    def start(self) -> bytes:
        """Run the application; its first bytes. What is answered in one piece is over and closed by then.

        A file is read later, piece by piece, by whichever thread is free. What is generated is generated
        here and now, because its query may belong to this thread, and waits on disk for a slow client.
        """
        answer = self._application(self._environ, self._started)
        self._close = getattr(answer, "close", self._close)
        if getattr(answer, "file_to_stream", None) is not None:
            self._chunks = iter(answer)
        elif getattr(answer, "streaming", False):
            self._chunks = _spooled(answer)
            self.close_application()
        else:
            self._chunks = iter([b"".join(answer)])
        first = self.next_chunk()
        if not getattr(answer, "streaming", False):
            self.close()
        return first

    def next_chunk(self) -> bytes:
        """The next bytes, or none when it is over."""
        try:
            return next(self._chunks)
        except StopIteration:
            self.close()
            return b""

    def close(self) -> None:
        """The end, early or not: files and stale database connections are let go here."""
        self.over = True
        self.close_application()

    def close_application(self) -> None:
        """Django's end of the request, once."""
        close, self._close = self._close, lambda: None
        close()

    def _started(
        self, status: str, headers: list[tuple[str, str]], _: object = None
    ) -> Callable[[bytes], object]:
        self.status = int(status[:3])
        self.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return lambda _: None


class Arriving(io.RawIOBase):
    """A body as it comes from the network, read by a thread that may wait for it.

    From the first read on, the loop takes in what comes, and stops where the reader falls behind by
    AHEAD_BYTES: neither waits for the other as long as both keep up, and memory stays what it is.
    """

    def __init__(self, begun: bytes, receive: Receive, loop: asyncio.AbstractEventLoop) -> None:
        self._receive, self._loop = receive, loop
        self._come: SimpleQueue[Message] = SimpleQueue()
        self._rest, self._more = memoryview(begun), True
        self._fetching: Future[None] | None = None
        self._ahead = 0
        self._room = asyncio.Event()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Raises ConnectionResetError when the client went away, TimeoutError when it fell silent."""
        while not self._rest and self._more:
            self._take()
        into = memoryview(buffer)
        size = min(len(into), len(self._rest))
        into[:size], self._rest = self._rest[:size], self._rest[size:]
        return size

    def stop(self) -> None:
        """Nobody reads any more: what may still come is left to the web server. Never waits."""
        if self._fetching is not None:
            self._fetching.cancel()

    def _take(self) -> None:
        if self._fetching is None:
            self._fetching = asyncio.run_coroutine_threadsafe(self._fetch(), self._loop)
        try:
            message = self._come.get(timeout=READ_TIMEOUT_S)
        except Empty:
            raise TimeoutError("the client fell silent before its request was complete") from None
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the client went away before its request was complete")
        self._rest, self._more = memoryview(message.get("body", b"")), message.get("more_body", False)
        if len(self._rest) > 0:
            self._loop.call_soon_threadsafe(self._taken, len(self._rest))

    async def _fetch(self) -> None:
        more = True
        try:
            while more:
                message = await self._receive()
                self._come.put(message)
                more = message["type"] != "http.disconnect" and message.get("more_body", False)
                self._ahead += len(message.get("body", b""))
                while more and self._ahead > AHEAD_BYTES:
                    self._room.clear()
                    await self._room.wait()
        finally:
            if more:  # broken off: whoever reads must not wait for what never comes
                self._come.put({"type": "http.disconnect"})

    def _taken(self, size: int) -> None:
        self._ahead -= size
        self._room.set()


class Body:
    """The body of a request, taken in up to a bound before anybody is asked."""

    def __init__(self, headers: Mapping[str, str], receive: Receive, most: int) -> None:
        length = headers.get("content-length", "" if "transfer-encoding" in headers else "0")
        self._receive, self._most = receive, most
        self.come = b""
        self.is_whole = length == "0"
        self.is_too_large = length.isdecimal() and int(length) > most

    @property
    def is_settled(self) -> bool:
        """All of it is here, or it is too large."""
        return self.is_whole or self.is_too_large

    async def take(self) -> None:
        """Some more. Raises ConnectionResetError when the client went away meanwhile."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the client went away before its request was complete")
        self.come += message.get("body", b"")
        self.is_whole = not message.get("more_body", False)
        self.is_too_large = not self.is_whole and len(self.come) > self._most

    async def settle(self) -> None:
        """Until it is clear whether it is small. Of a body that says it is large, nothing is taken."""
        while not self.is_settled:
            await self.take()


def _spooled(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Raises OSError where there is no room for it."""
    spool = tempfile.SpooledTemporaryFile(SPOOLED_BYTES)  # noqa: SIM115 - closed with the last piece
    try:
        for chunk in chunks:
            spool.write(chunk)
        spool.seek(0)
    except BaseException:
        with suppress(OSError):  # what it holds back has no room either
            spool.close()
        raise
    return _pieces(spool)


def _pieces(spool: IO[bytes]) -> Iterator[bytes]:
    with spool:
        while piece := spool.read(PIECE_BYTES):
            yield piece


def headers_of(scope: Message) -> dict[str, str]:
    """Lower-case names; what is repeated is joined, cookies by a semicolon."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        joint = "; " if name == "cookie" else ","
        headers[name] = f"{headers[name]}{joint}{value}" if name in headers else value
    return headers


def environ_of(scope: Message, headers: dict[str, str], body: io.IOBase) -> dict[str, Any]:
    server = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in headers.items():
        # A header spelt with an underscore would take the place of one with a hyphen.
        if "_" not in name:
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        with suppress(KeyError):
            environ[name] = environ.pop(f"HTTP_{name}")
    return environ
