"""Where plans and the shares of single models come from: files, Redis. They only offer envelopes, which the
node judges."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic

from scoring.node.resp import Redis, RedisDown, RedisRefused

FILE_POLL_SECONDS = 0.1
"""A look at a file's time costs microseconds, and a switch waits for it."""
REDIS_POLL_SECONDS = 0.5
"""Only where a wake-up got lost: plans are announced."""
_FIRST = "0-0"
Offer = Callable[[bytes], None]
log = logging.getLogger(__name__)


def plan_key(environment: str) -> str:
    """Redis key of an environment's plan, and the channel on which its change is announced."""
    return f"assay:{environment}:plan"


def shares_key(environment: str) -> str:
    """Redis stream of the shares that are newer than the plan. Each entry has the id of its sequence."""
    return f"{plan_key(environment)}:shares"


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
    """Polls for what is new; a published wake-up only makes the next poll come at once.

    The plan itself is only asked for when another one is there, by its marks: where these are missing each
    time. Of the shares those are asked for that have come since.
    """

    def __init__(self, redis: Redis, environment: str, offer: Offer, offer_shares: Offer) -> None:
        self._redis = redis
        self._key = plan_key(environment)
        self._shares = shares_key(environment)
        self._offer = offer
        self._offer_shares = offer_shares
        self._wake = asyncio.Event()
        self._heard = -1e9
        self._last: bytes | None = None
        self._marks: list[bytes | None] = []
        self._upto = _FIRST

    def seconds_of_silence(self) -> float:
        """How long ago Redis last answered."""
        return monotonic() - self._heard

    async def poll(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._ask_for_plan()
                await self._ask_for_shares()
            except RedisDown as error:
                log.debug("no plan from Redis: %s", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(REDIS_POLL_SECONDS):
                    await self._wake.wait()

    async def _ask_for_plan(self) -> None:
        marks = await self._redis.command("MGET", f"{self._key}:sequence", f"{self._key}:installation")
        self._heard = monotonic()
        if marks == self._marks and None not in marks:
            return
        envelope = await self._redis.command("GET", self._key)
        if isinstance(envelope, bytes) and envelope != self._last:
            self._last = envelope
            self._offer(envelope)
        if marks[1:] != self._marks[1:]:
            self._upto = _FIRST
        # Marks alone are no plan: one that is not there yet is asked for until it is.
        self._marks = marks if envelope else []

    async def _ask_for_shares(self) -> None:
        try:
            entries = await self._redis.command("XRANGE", self._shares, f"({self._upto}", "+")
        except RedisRefused as refused:
            log.debug("no shares from Redis, they come with the next plan: %s", refused)
            return
        if entries:
            self._offer_shares(b"\n".join(fields[1] for _, fields in entries))
            self._upto = entries[-1][0].decode()

    async def listen(self, url: str) -> None:
        while True:
            try:
                async for _ in Redis(url).subscribe(self._key):
                    self._wake.set()
            except RedisDown as error:
                log.debug("no wake-ups from Redis: %s", error)
            await asyncio.sleep(REDIS_POLL_SECONDS)
