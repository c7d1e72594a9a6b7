"""A Redis client as small as a node needs it.

Written here because the usual package costs a node 26 MB and 0.3 s of its start, and because
every call must end within its deadline whatever the other side does.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

DEADLINE_SECONDS = 2.0
"""Twice a heartbeat: a server silent for so long is asked over a new connection."""
_LIMIT = 64 << 20
"""A plan of thousands of models is one answer of some 10 MB."""
_DEEPEST = 8
"""XRANGE nests three deep, nothing that is sent here deeper: what goes on nesting is no answer."""
_BROKEN = (OSError, EOFError, TimeoutError, ValueError, asyncio.LimitOverrunError)


class RedisDown(OSError):
    """No answer from Redis within the deadline. Nothing is known about what it did."""


class RedisRefused(RuntimeError):
    """Redis answered with an error."""


class Redis:
    """One connection, opened when needed and dropped at the first doubt; commands one after the other."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        if self._url.scheme not in {"redis", "rediss", "unix"}:
            raise ValueError(f"{url!r} is no Redis: write redis://host:port/0, rediss:// or unix:///path")
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()

    async def command(self, *words: str | bytes | int) -> Any:
        """Redis' answer: bytes, int, list or None. Raises RedisDown, RedisRefused."""
        async with self._turn:
            try:
                async with asyncio.timeout(DEADLINE_SECONDS):
                    if self._streams is None:
                        self._streams = await self._connect()
                    reader, writer = self._streams
                    return await _call(reader, writer, *words)
            except RedisRefused:
                raise
            except _BROKEN as error:
                self.close()
                raise RedisDown(f"{type(error).__name__}: {error}") from error
            except asyncio.CancelledError:
                self.close()
                raise

    async def subscribe(self, channel: str) -> AsyncIterator[bytes]:
        """Messages of a channel, until the connection is lost: then RedisDown. The connection is used up."""
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                reader, writer = self._streams = await self._connect()
                await _call(reader, writer, "SUBSCRIBE", channel)
            while True:
                message = await _read(reader)
                if isinstance(message, list) and message[:1] == [b"message"]:
                    yield message[2]
        except (*_BROKEN, RedisRefused) as error:
            raise RedisDown(f"{type(error).__name__}: {error}") from error
        finally:
            self.close()

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        url = self._url
        if url.scheme == "unix":
            streams = await asyncio.open_unix_connection(url.path, limit=_LIMIT)
            database = parse_qs(url.query).get("db", ["0"])[0]
        else:
            secure = ssl.create_default_context() if url.scheme == "rediss" else None
            streams = await asyncio.open_connection(
                url.hostname or "127.0.0.1", url.port or 6379, ssl=secure, limit=_LIMIT
            )
            database = url.path.strip("/") or "0"
        if url.password:
            words = [unquote(url.username)] if url.username else []
            await _call(*streams, "AUTH", *words, unquote(url.password))
        if database != "0":
            await _call(*streams, "SELECT", database)
        return streams


async def _call(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *words: str | bytes | int
) -> object:
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        raw = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
    writer.write(b"".join(parts))
    await writer.drain()
    return await _read(reader)


async def _read(reader: asyncio.StreamReader, depth: int = 0) -> object:
    line = await reader.readuntil(b"\r\n")
    kind, text = line[:1], line[1:-2]
    if kind == b"+":
        return text
    if kind == b"-":
        raise RedisRefused(text.decode(errors="replace"))
    if kind == b":":
        return int(text)
    if kind == b"$":
        return None if text == b"-1" else (await reader.readexactly(_size(text) + 2))[:-2]
    if kind == b"*" and depth < _DEEPEST:
        return None if text == b"-1" else [await _read(reader, depth + 1) for _ in range(_size(text))]
    raise ValueError(f"this is not Redis' language: {line[:40]!r}")


def _size(text: bytes) -> int:
    if not text.isdigit() or len(text) > 10 or int(text) > _LIMIT:
        raise ValueError(f"no size that Redis would say: {text[:40]!r}")
    return int(text)
