"""The web port's own door: who may stay connected, how long a request may take to arrive, what is none.

Framing is llhttp's and the answers are uvicorn's; here are the bounds that they do not know. A request
that nobody has recognised yet must be there within seconds; of one that is known to come from somebody,
only the pace counts, because it may be large.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import httptools
import uvicorn
from uvicorn.importer import import_from_string
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from config.serving import refusals
from config.serving.refusals import Refusal
from scoring.addresses import Network, household, is_in
from scoring.crowd import Crowd

KNOWN = "known"
"""The key in a request's state under which the application says that it knows who sends it."""
_LINGER_S = 1.0
"""So long a client that still sends may read why it was refused, before a reset takes that away."""
_NO_UPGRADE = frozenset({b"upgrade", b"connection", b"http2-settings"})


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one process. Times in seconds."""

    connections: int = 2048
    per_address: int = 256
    head_bytes: int = 64 << 10
    first_byte_s: float = 10.0
    head_s: float = 10.0
    strangers_body_s: float = 20.0
    least_bytes_per_s: int = 4096
    window_s: float = 10.0
    idle_s: float = 75.0
    unread_s: float = 60.0
    sweep_s: float = 1.0


class WebConfig(uvicorn.Config):
    """Goes to each process of the web server, which makes a crowd of its own."""

    bounds: Bounds = Bounds()
    trusted: tuple[Network, ...] = ()
    apart: str = ""
    """module:name of what says of a method and a path that other processes answer, where there are any."""
    entrance: socket.socket
    """Where connections are handed over to those."""

    @cached_property
    def crowd(self) -> Crowd[Door]:
        crowd: Crowd[Door] = Crowd(self.bounds.connections, self.bounds.per_address)
        loop = asyncio.get_running_loop()

        def sweep() -> None:
            for door in crowd:
                door.sweep(loop.time())
            loop.call_later(self.bounds.sweep_s, sweep)

        sweep()
        return crowd

    @cached_property
    def goes(self) -> Callable[[str, str], bool]:
        """Whether what is asked by this method of this path goes to another process."""
        return cast("Callable[[str, str], bool]", import_from_string(self.apart))


class Door(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        config: WebConfig,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._config, self._bounds, self._crowd = config, config.bounds, config.crowd
        self._trusted = config.trusted
        self._address = ""
        self._is_proxy = self._deaf = False
        self._in_head = self._in_body = False
        self._since = self._unread_since = 0.0
        self._head_bytes = self._partial = self._come = 0
        self._failure: Refusal | None = None
        self.url = b""

    # ---- asyncio

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        peer = self.client[0] if self.client else ""
        self._since = self.loop.time()
        self._address, self._is_proxy = household(peer), is_in(peer, self._trusted)
        if not self._crowd.enter(self, self._address, proxy=self._is_proxy):
            self._refuse(refusals.CROWDED)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deaf = True
        self._crowd.leave(self, self._address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        self._come += len(data)
        self._feed(data)
        if self._in_head:
            # The parser keeps a field to itself until it has all of it.
            self._partial += len(data)
            self._bound_head(self._partial)
        if self._failure is not None:
            self._refuse(self._failure)

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client has closed its sending side: what was asked for in whole is still answered."""
        if self._deaf:
            return False
        if self._in_head or self._in_body:
            self._refuse(refusals.ENDED_EARLY)
            return True
        if self._is_answered():
            return False
        self.cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:
        self._unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._unread_since = 0.0
        super().resume_writing()

    # ---- httptools

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes, self._partial = True, 0, 0
        self._since = self.loop.time()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._head_bytes += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._head_bytes += len(name) + len(value) + 4
        self._bound_head(self._head_bytes)

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._failure is not None or self.parser.should_upgrade():
            return
        super().on_headers_complete()
        self.cycle.transport = cast("asyncio.Transport", _Leaving(self.transport, self._hang_up))
        self._in_body, self._since, self._come = True, self.loop.time(), 0

    def on_body(self, body: bytes) -> None:
        if self._failure is None and self._in_body:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._failure is None and self._in_body:
            self._in_body = False
            super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._in_body and self.cycle.response_complete:
            self._hang_up()
            return
        self._since = self.loop.time()
        super().on_response_complete()

    # ---- the crowd

    def silence(self) -> tuple[bool, float] | None:
        """Who may go is idle, or a stranger whose request is not all there yet."""
        if self._is_proxy or self._deaf or (self._in_body and (self._is_known() or self.pipeline)):
            return None
        if self._in_head or self._in_body:
            return (False, self._since)
        return (self.cycle is not None, self._since) if self._is_answered() else None

    def send_away(self) -> None:
        self._crowd.leave(self, self._address)
        if self._in_head or self._in_body:
            self._refuse(refusals.CROWDED)
        else:
            self._deaf = True
            self.transport.abort()

    def sweep(self, now: float) -> None:
        """Enforce the deadlines of a client that sends or reads too slowly."""
        bounds, took = self._bounds, now - self._since
        if self._unread_since and now - self._unread_since > bounds.unread_s:
            self.transport.abort()
        elif self._deaf:
            return
        elif self._in_head and took > bounds.head_s:
            self._refuse(refusals.TOO_SLOW)
        elif self._in_body:
            self._sweep_body(now)
        elif self.cycle is None and not self._in_head and took > bounds.first_byte_s:
            self.transport.close()

    def _sweep_body(self, now: float) -> None:
        bounds, took = self._bounds, now - self._since
        if not self._is_known():
            if took > bounds.strangers_body_s:
                self._refuse(refusals.TOO_SLOW)
        elif self.flow.read_paused or self.cycle.waiting_for_100_continue:
            self._since, self._come = now, 0  # it is we who are slow
        elif took > bounds.window_s:
            if self._come < took * bounds.least_bytes_per_s:
                self._refuse(refusals.TOO_SLOW)
            self._since, self._come = now, 0

    # ---- ends

    def _is_answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _is_known(self) -> bool:
        return bool(self.cycle.scope["state"].get(KNOWN))

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._without_upgrade(data[upgrade.args[0] :])
                continue
            except httptools.HttpParserError as error:
                self._failure = self._failure or refusals.malformed(error)
            return

    def _without_upgrade(self, rest: bytes) -> bytes:
        """The request as if it had not asked for another protocol, to be read again: none is offered here.

        The parser stops after the head of such a request, as if it had no body. Java's client asks so.
        """
        method, url, headers = self.parser.get_method(), self.url, self.headers
        if method == b"CONNECT" or self._failure is not None:
            self._failure = self._failure or refusals.malformed("CONNECT is not offered")
            return b""
        self.parser = httptools.HttpRequestParser(self)
        fields = b"".join(b"%b: %b\r\n" % field for field in headers if field[0] not in _NO_UPGRADE)
        return b"%b %b HTTP/1.1\r\n%b\r\n" % (method, url, fields) + rest

    def _bound_head(self, size: int) -> None:
        if size > self._bounds.head_bytes:
            self._failure = self._failure or refusals.HEAD_TOO_LARGE

    def _refuse(self, refusal: Refusal) -> None:
        """Answer and close: after this nobody knows where the next message begins."""
        if self._deaf:
            return
        ours = self._in_body and not self.pipeline
        if not self._is_answered():
            if not ours or self.cycle.response_started:
                # Something is half said already, or an earlier request still has its turn.
                self._deaf = True
                self.transport.close()
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(refusal.written(self.url.decode("latin-1").partition("?")[0]))
        self._hang_up()

    def _hang_up(self) -> None:
        """Say that nothing more comes, and take in what was on its way: else the answer may be lost."""
        self._deaf = True
        self._unset_keepalive_if_required()
        if self.transport.is_closing():
            return
        if self._in_head or self._in_body:
            self.flow.resume_reading()
            self.transport.write_eof()
            self.loop.call_later(_LINGER_S, self.transport.close)
        else:
            self.transport.close()


class _Leaving:
    """A transport whose end is the door's matter."""

    def __init__(self, transport: asyncio.Transport, leave: Callable[[], None]) -> None:
        self.write, self.is_closing, self.close = transport.write, transport.is_closing, leave
