"""One web application out of Django's two: views that wait on its ASGI side, all others on its WSGI side.

A waiting view holds no thread, so any number of open long polls leaves the pages as fast as they were;
ordinary views keep to a few threads, and with them to a few database connections. Strangers, pages,
uploads and inspections have threads and queues of their own. Of a stranger no more than a little is read;
large bodies of others are read as they come, so that nothing is stored before the view has asked who is
there.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from wsgiref.types import WSGIApplication

from config.serving import refusals
from config.serving.bridge import (
    Application,
    Arriving,
    Body,
    Message,
    Receive,
    Response,
    Send,
    environ_of,
    headers_of,
)
from config.serving.known import Known
from config.serving.pools import Full, Pool, Pools, Shares, ShareTaken
from config.serving.refusals import Refusal
from scoring.addresses import household

SMALL_BODY_BYTES = 1 << 20
"""Up to here a body is read before it takes a thread, so that a slow sender holds none."""
STRANGERS_BODY_BYTES = 256 << 10
"""A log-in with the words that are carried through it has less; strangers get no memory beyond that."""
UNKNOWN_LENGTH = str(2**62)  # Django reads no body without a length, and no further than its end
MOST_WAITING = 200
"""Beyond this a caller is told at once; who waited longer would have given up: chosen, not measured."""
STRANGERS_ARRIVING = (512, 64)
"""Bodies of strangers that come in several pieces: in all, and of one address."""
WAITS, INSPECTS, ANSWERS = "waits", "inspects", "answers"
LIVES, READY = "lives", "ready"
LIVING = b'{"live":true}'


class Hybrid:
    """An ASGI application for HTTP. `kind(method, path)` is one of these words."""

    def __init__(
        self,
        asgi: Application,
        wsgi: WSGIApplication,
        *,
        kind: Callable[[str, str], str],
        known: Known,
        pools: Pools,
        arriving: tuple[int, int] = STRANGERS_ARRIVING,
    ) -> None:
        self._asgi, self._wsgi, self._kind = asgi, wsgi, kind
        self._known, self._pools = known, pools
        self._waiting = 0
        self._arriving = Shares(*arriving)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        try:
            await self._dispatch(scope, receive, send)
        except ShareTaken:
            await _refuse(refusals.SHARE_TAKEN, scope, send)
        except Full:
            await _refuse(refusals.BUSY, scope, send)
        except ConnectionResetError:
            return
        except OSError as error:
            if error.errno not in refusals.OF_A_DISK:
                raise
            await _refuse(refusals.OF_A_DISK[error.errno], scope, send)

    async def _dispatch(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        kind = self._kind(scope["method"], scope["path"])
        if kind == LIVES:
            await _say(200, [(b"content-type", b"application/json")], LIVING, send)
        elif kind == WAITS:
            await self._wait(scope, receive, send)
        elif kind == READY:
            await self._answer_stranger(self._pools.probes, scope, headers, receive, send)
        elif who := await self._known.recognises(headers):
            scope.get("state", {})["known"] = True
            await self._answer(kind, who, scope, headers, receive, send)
        else:
            await self._answer_stranger(self._pools.strangers, scope, headers, receive, send)

    async def _wait(self, scope: Message, receive: Receive, send: Send) -> None:
        if self._waiting >= MOST_WAITING:
            raise Full
        self._waiting += 1
        try:
            await self._asgi(scope, receive, send)
        finally:
            self._waiting -= 1

    async def _answer_stranger(
        self, pool: Pool, scope: Message, headers: dict[str, str], receive: Receive, send: Send
    ) -> None:
        address = household((scope.get("client") or ("",))[0])
        body = Body(headers, receive, STRANGERS_BODY_BYTES)
        if not body.is_settled:
            await body.take()
        if not body.is_settled:
            with self._arriving.taken(address):
                await body.settle()
        if body.is_too_large or len(body.come) > STRANGERS_BODY_BYTES:
            await _refuse(refusals.unasked(scope["path"], STRANGERS_BODY_BYTES), scope, send)
            return
        with pool.shares.taken(address):
            await self._answer_whole(pool, body.come, scope, headers, send)

    async def _answer(
        self, kind: str, who: str, scope: Message, headers: dict[str, str], receive: Receive, send: Send
    ) -> None:
        body = Body(headers, receive, SMALL_BODY_BYTES)
        await body.settle()
        pool = self._pools.inspections if kind == INSPECTS else self._pools.pages
        if not body.is_whole or "content-encoding" in headers:
            pool = self._pools.uploads  # what is small may unpack to something large
        with pool.shares.taken(who):
            if body.is_whole:
                await self._answer_whole(pool, body.come, scope, headers, send)
            else:
                await self._answer_arriving(body.come, scope, headers, receive, send)

    async def _answer_whole(
        self, pool: Pool, body: bytes, scope: Message, headers: dict[str, str], send: Send
    ) -> None:
        headers["content-length"] = str(len(body))
        await _send(Response(self._wsgi, environ_of(scope, headers, io.BytesIO(body))), pool, send)

    async def _answer_arriving(
        self, begun: bytes, scope: Message, headers: dict[str, str], receive: Receive, send: Send
    ) -> None:
        arriving = Arriving(begun, receive, asyncio.get_running_loop())
        body = io.BufferedReader(arriving, 1 << 16)
        headers.setdefault("content-length", UNKNOWN_LENGTH)
        try:
            await _send(Response(self._wsgi, environ_of(scope, headers, body)), self._pools.uploads, send)
        finally:
            arriving.stop()


async def _send(response: Response, pool: Pool, send: Send) -> None:
    """Raises Full where nothing has been done yet, OSError where an answer finds no room to wait in."""
    try:
        first = await pool.run(response.start)
        await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
        await send({"type": "http.response.body", "body": first, "more_body": not response.over})
        while not response.over:
            chunk = await pool.finish(response.next_chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": not response.over})
    finally:
        if not response.over:
            await pool.finish(response.close)


async def _refuse(refusal: Refusal, scope: Message, send: Send) -> None:
    body = refusal.body(scope["path"])
    await _say(refusal.status, refusal.headers(scope["path"]), body, send)


async def _say(status: int, headers: list[tuple[bytes, bytes]], body: bytes, send: Send) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
