"""Client connections: bytes to exchanges by httptools, replies back in order."""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter
from typing import cast

import httptools

from scoring import errors
from scoring.addresses import household, is_in
from scoring.errors import (
    BadRequest,
    BodyTooLarge,
    RequestTimeout,
    ScoringError,
)
from scoring.inflating import Inflating
from scoring.worker import http
from scoring.worker.connections import Connections
from scoring.worker.exchange import Exchange, Route
from scoring.worker.http import Head, error_answer

_LINGER_SECONDS = 1.0  # a client that still sends may read why it was refused, before a reset
_FOR_STRANGERS = 64 << 10  # larger bodies are not read before it is known who sends them
_LARGE = 256 << 10  # decoding takes a millisecond or more: it gives way to small requests
_LAST: Head[Route] = Head(b"", b"", {}, keep_alive=False)
_INTERIM: Head[Route] = Head(b"", b"", {}, keep_alive=True)


class Connection(asyncio.Protocol):
    """One client. HTTP/1.1 framing is llhttp's alone: nothing here guesses where a message ends."""

    def __init__(self, shared: Connections) -> None:
        self._shared = shared
        self._limits = shared.limits
        self._parser = httptools.HttpRequestParser(self)
        self._pending: deque[Exchange] = deque()
        self._transport: asyncio.Transport
        self._since = 0.0
        self._came = self._quiet_since = perf_counter()
        self._unread_since = 0.0
        self._paused = False
        self._deaf = self._sends_large = False
        self._ended = False
        self._last_raw = b""
        # The first one stays: whatever the same bytes hold behind a refused request is not read.
        self._failure: ScoringError | None = None
        self._held = 0
        self.on_message_begin()
        self._since = 0.0

    # ---- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        host = peer[0] if isinstance(peer, tuple) else ""
        self._address, many = household(host), not host or is_in(host, self._shared.proxies)
        if not self._shared.open.enter(self, self._address, proxy=many):
            self._fail(errors.too_many_connections())

    def connection_lost(self, exc: Exception | None) -> None:
        self._deaf = True
        self._let_go()
        self._shared.open.leave(self, self._address)
        self._pending.clear()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if not self._since:
            data = self._feed_known(data)
        if data:
            self._feed(data)
        if self._failure is not None:
            self._fail(self._failure)
        elif self.head is None and self._since:
            self._partial += len(data)
            if self._partial > self._limits.head_bytes:
                self._fail(errors.head_too_large(self._limits.head_bytes))
        if len(self._pending) >= self._limits.pipelined:
            self._pause()

    def eof_received(self) -> bool:
        # The client may have closed only its sending side: it still gets what it asked for.
        self._ended = True
        return bool(self._pending)

    def pause_writing(self) -> None:
        self._unread_since = perf_counter()
        self._pause()

    def resume_writing(self) -> None:
        self._unread_since = 0.0
        self._resume()

    # ---- httptools

    def on_message_begin(self) -> None:
        self._target = b""
        self._fields: dict[bytes, bytes] = {}
        self.head: Head[Route] | None = None
        self._head_bytes = self._partial = 0
        self._body = b""
        self._chunks: list[bytes] | None = None
        self._size = 0
        self._admitted = False
        self._since = perf_counter()

    def on_url(self, url: bytes) -> None:
        self._target += url
        self._head_bytes += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value) + 4
        name = name.lower()
        if name in http.READ:
            if name in self._fields:
                self._failure = BadRequest(f"the header {name.decode()} stands twice")
            self._fields[name] = value

    def on_headers_complete(self) -> None:
        parser = self._parser
        keep_alive = parser.should_keep_alive() and not self._shared.draining
        version = parser.get_http_version()
        if version != "1.1":
            keep_alive = False
            if version != "1.0":
                self._failure = BadRequest(f"HTTP/{version} is not spoken here: HTTP/1.1 is")
        if self._head_bytes > self._limits.head_bytes:
            self._failure = errors.head_too_large(self._limits.head_bytes)
        if self._failure is not None or parser.should_upgrade():
            return
        try:
            head: Head[Route] = Head(parser.get_method(), self._target, self._fields, keep_alive=keep_alive)
        except ScoringError as error:
            self._failure = error
            return
        self.head = head
        self._bound(head)
        if head.expects_continue and self._failure is None:
            self._push(http.CONTINUE, _INTERIM)

    def _bound(self, head: Head[Route]) -> None:
        limits = self._limits
        self._most = limits.json_bytes if head.header_length is None else limits.binary_bytes
        if (head.content_length or 0) > self._most:
            self._failure = self._too_large()
        elif (head.header_length or 0) > limits.json_bytes:
            self._failure = BodyTooLarge(f"the JSON header is larger than {limits.json_bytes} bytes")
        elif head.chunked or head.compressed or (head.content_length or 0) > _FOR_STRANGERS:
            try:
                self._shared.admit(head)
                self._admitted = True
            except ScoringError as error:
                self._failure = error

    def on_body(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._failure is not None:
            return
        self._shared.held_bytes += len(chunk)
        self._held += len(chunk)
        if self._size > self._most:
            self._failure = self._too_large()
            self._chunks = None
        elif self._shared.held_bytes > self._limits.held_bytes:
            self._failure = errors.too_much_held()
            self._chunks = None
        elif not self._body:
            self._body = chunk
        elif self._chunks is None:
            self._chunks = [self._body, chunk]
        else:
            self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        if self._failure is not None or self.head is None or self._deaf:
            return
        body = self._body if self._chunks is None else b"".join(self._chunks)
        self._let_go()
        exchange = Exchange(self, self.head, body, perf_counter())
        self._since = 0.0
        self._pending.append(exchange)
        if self.head.compressed:
            self._unpack(exchange, Inflating(body, self._most))
        else:
            self._hand_over(exchange)

    def _hand_over(self, exchange: Exchange) -> None:
        shared = self._shared
        if len(exchange.body) <= _LARGE:
            shared.handle(exchange)
        elif shared.held_bytes + shared.turns.held_bytes > self._limits.held_bytes:
            self._refuse(exchange, errors.too_much_held())
        else:
            self._sends_large = True
            shared.turns.wait(exchange, lambda: exchange in self._pending)

    def _refuse(self, exchange: Exchange, error: ScoringError) -> None:
        self._shared.refused(error)
        keep_alive = exchange.head.keep_alive
        exchange.finish(error_answer(error, worker=self._shared.worker, keep_alive=keep_alive))

    def _unpack(self, exchange: Exchange, inflating: Inflating) -> None:
        """One step; the next one waits until the loop has looked at everybody else."""
        shared, before = self._shared, inflating.size
        body, error = None, None
        try:
            body = inflating.step()
        except ScoringError as refusal:
            error = refusal
        shared.held_bytes += inflating.size - before
        if shared.held_bytes > self._limits.held_bytes:
            error = error or errors.too_much_held()
        if body is None and error is None and exchange in self._pending:
            asyncio.get_running_loop().call_soon(self._unpack, exchange, inflating)
            return
        shared.held_bytes -= inflating.size
        if error is not None:
            self._refuse(exchange, error)
        elif body is not None:
            exchange.body = body
            self._hand_over(exchange)

    # ---- replies

    def ready(self) -> None:
        """Write the replies at the front of the line, in the order of their requests."""
        pending = self._pending
        if len(pending) == 1 and not self._paused and not self._ended:
            only = pending[0]
            if only.reply is not None and only.head.keep_alive:
                pending.clear()
                self._quiet_since = perf_counter()
                self._transport.write(only.reply)
                return
        written = []
        while pending and (reply := pending[0].reply) is not None:
            written.append(reply)
            if not pending.popleft().head.keep_alive:
                self._transport.write(b"".join(written))
                self._hang_up()
                return
        if written:
            self._quiet_since = perf_counter()
            self._transport.write(b"".join(written))
        if self._ended and not pending:
            self._hang_up()
        elif self._paused and len(pending) < self._limits.pipelined and not self._unread_since:
            self._resume()

    def sweep(self, now: float) -> None:
        """Enforce the deadlines of a client that sends or reads too slowly."""
        limits = self._limits
        if self._unread_since and now - self._unread_since > limits.body_seconds:
            self._transport.abort()
        elif self._pending or self._deaf:
            return
        elif not self._since:
            patience = limits.idle_seconds if self._has_asked() else limits.first_byte_seconds
            if now - self._quiet_since > patience:
                self._transport.close()
        elif now - self._since > (limits.head_seconds if self.head is None else limits.body_seconds):
            self._fail(RequestTimeout("the request did not arrive in time"))

    def silence(self) -> tuple[bool, float] | None:
        """Who may go is idle, or a stranger whose request is not all there yet."""
        if self._pending or self._deaf or (self.head is not None and self._since and self._admitted):
            return None
        return (False, self._since) if self._since else (self._has_asked(), self._quiet_since)

    def _has_asked(self) -> bool:
        return self._quiet_since != self._came

    def send_away(self) -> None:
        if self._since:
            self._fail(errors.too_many_connections())
        else:
            self._deaf = True
            self._transport.abort()

    def answered_since(self, when: float) -> bool:
        """Whether small requests of it were answered later than that."""
        return self._quiet_since > when and not self._sends_large

    def close_if_idle(self) -> None:
        if not self._pending and not self._since:
            self._transport.close()

    def _feed_known(self, data: bytes) -> bytes:
        """Take whole requests whose head is known to the byte; what is left is the parser's.

        The parser stands between two messages here, so the same head bytes mean the same to it as
        when it read them: its verdict is remembered, not replaced.
        """
        heads = self._shared.heads
        while (end := data.find(b"\r\n\r\n") + 4) > 3:
            raw = data[:end]
            head = heads.get(raw)
            if head is None:
                return self._feed_head(raw, data[end:])
            whole = end + (head.content_length or 0)
            if len(data) < whole or self._shared.draining or self._deaf:
                return data
            exchange = Exchange(self, head, data[end:whole], perf_counter())
            self._pending.append(exchange)
            self._shared.handle(exchange)
            data = data[whole:]
            if not data:
                break
        return data

    def _feed_head(self, raw: bytes, rest: bytes) -> bytes:
        """Have the parser read a head alone, and remember what it said when the client repeats itself."""
        repeated = raw == self._last_raw
        self._last_raw = raw
        before = self._parser
        self._feed(raw)
        head = self.head
        if repeated and head is not None and self._failure is None and self._parser is before:
            complete = not self._since
            if head.can_be_remembered() and complete == (not head.content_length):
                self._shared.remember(raw, head)
        return rest

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._without_upgrade(data[upgrade.args[0] :])
                continue
            except httptools.HttpParserError as error:
                if self._failure is None:
                    self._failure = BadRequest(f"this is not an HTTP request: {error}")
            return

    def _without_upgrade(self, rest: bytes) -> bytes:
        """The request as if it had not asked for another protocol, to be read again: none is offered here.

        The parser stops after the head of such a request, as if it had no body. Java's client
        asks so with every first request.
        """
        method = self._parser.get_method()
        if method == b"CONNECT":
            self._failure = BadRequest("CONNECT is not offered")
            return b""
        fields = b"".join(b"%b: %b\r\n" % field for field in self._fields.items())
        self._parser = httptools.HttpRequestParser(self)
        return b"%b %b HTTP/1.1\r\n%b\r\n" % (method, self._target, fields) + rest

    def _push(self, reply: bytes, head: Head[Route]) -> None:
        exchange = Exchange(self, head, b"", perf_counter())
        self._pending.append(exchange)
        exchange.finish(reply)

    def _fail(self, error: ScoringError) -> None:
        """Answer in turn, then close: after this error nobody knows where the next message begins."""
        if self._deaf:
            return
        self._deaf = True
        self._let_go()
        self._shared.refused(error)
        self._push(error_answer(error, worker=self._shared.worker, keep_alive=False), _LAST)

    def _let_go(self) -> None:
        """Nothing of an unfinished body is held any more."""
        self._shared.held_bytes -= self._held
        self._held = 0
        self._body = b""
        self._chunks = None

    def _hang_up(self) -> None:
        self._deaf = True
        self._pending.clear()
        if self._transport.is_closing():
            return
        if self._transport.can_write_eof():
            # Closing with unread bytes would reset the connection and lose the reply.
            self._transport.write_eof()
            asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.close)
        else:
            self._transport.close()

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the body is larger than {self._most} bytes: send fewer rows, or binary tensors")

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
