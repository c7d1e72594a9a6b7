"""What a node says about itself, every second and at once after a change: to a file and to Redis."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from formats.seals import sealed
from scoring.node.files import write_atomically
from scoring.node.resp import Redis, RedisDown, RedisRefused

BEAT_SECONDS = 1.0
"""A node that is gone is to be known within seconds (`ALIVE_WITHIN_S`), after ten beats that failed."""
REMEMBERED_SECONDS = 60
"""Long enough for a page to say of a node that it fell silent; then its key goes by itself."""
log = logging.getLogger(__name__)


class Heart:
    """`beat()` makes the next heartbeat come at once."""

    def __init__(self, facts: Callable[[], dict[str, object]], path: Path) -> None:
        self._facts = facts
        self._path = path
        self._events = [asyncio.Event(), asyncio.Event()]

    def beat(self) -> None:
        for event in self._events:
            event.set()

    async def to_file(self) -> None:
        said = ""
        while True:
            try:
                write_atomically(self._path, json.dumps(self._facts()).encode(), durable=False)
                said = ""
            except OSError as error:
                if said != (said := str(error)):  # once, and not every second into a log on the same disk
                    log.error("the heartbeat file cannot be written: %s", error)
            await _next(self._events[0])

    async def to_redis(self, redis: Redis, key: str, seal: bytes) -> None:
        """Sealed, for others may write to Redis too: who listens calls the address in it, with a token."""
        while True:
            try:
                said = sealed(json.dumps(self._facts()), seal, key)
                await redis.command("SET", key, said, "EX", REMEMBERED_SECONDS)
            except (RedisDown, RedisRefused) as error:
                log.debug("no heartbeat to Redis: %s", error)
            await _next(self._events[1])


async def _next(event: asyncio.Event) -> None:
    # Not `wait_for`: in Python 3.11 it may swallow a cancellation that comes with the event.
    with suppress(TimeoutError):
        async with asyncio.timeout(BEAT_SECONDS):
            await event.wait()
    event.clear()
