"""Where plans come from: a file, a Redis key. Each source only offers envelopes; the node judges them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic

from scoring.node.resp import Redis, RedisDown

FILE_POLL_SECONDS = 0.1
"""A look at a file's time costs microseconds, and a switch waits for it."""
REDIS_POLL_SECONDS = 0.5
"""Only where a wake-up got lost: plans are announced."""
Offer = Callable[[bytes], None]
log = logging.getLogger(__name__)


def plan_key(environment: str) -> str:
    """Redis key of an environment's plan, and the channel on which its change is announced."""
    return f"assay:{environment}:plan"


async def follow_file(path: Path, offer: Offer) -> None:
    """Offer the file's content whenever the file is another one."""
    seen: object = None
    while True:
        try:
            status = path.stat()
            now = (status.st_ino, status.st_mtime_ns, status.st_size)
            if now != seen:
                offer(path.read_bytes())
                seen = now
        except FileNotFoundError:
            seen = None
        except OSError as error:
            log.warning("the plan file cannot be read: %s", error)
        await asyncio.sleep(FILE_POLL_SECONDS)


class RedisFollower:
    """Polls the key; a published wake-up only makes the next poll come at once."""

    def __init__(self, redis: Redis, environment: str, offer: Offer) -> None:
        self._redis = redis
        self._key = plan_key(environment)
        self._offer = offer
        self._wake = asyncio.Event()
        self._heard = -1e9
        self._last: bytes | None = None

    def seconds_of_silence(self) -> float:
        """How long ago Redis last answered."""
        return monotonic() - self._heard

    async def poll(self) -> None:
        while True:
            self._wake.clear()
            try:
                envelope = await self._redis.command("GET", self._key)
                self._heard = monotonic()
                if isinstance(envelope, bytes) and envelope != self._last:
                    self._last = envelope
                    self._offer(envelope)
            except RedisDown as error:
                log.debug("no plan from Redis: %s", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(REDIS_POLL_SECONDS):
                    await self._wake.wait()

    async def listen(self, url: str) -> None:
        while True:
            try:
                async for _ in Redis(url).subscribe(self._key):
                    self._wake.set()
            except RedisDown as error:
                log.debug("no wake-ups from Redis: %s", error)
            await asyncio.sleep(REDIS_POLL_SECONDS)
