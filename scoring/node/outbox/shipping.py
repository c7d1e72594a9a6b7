"""What a node must not lose on its way: spooled, sent until acknowledged, deleted only then."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar, TypeVarTuple

from scoring.crashpoints import crashpoint
from scoring.node.outbox.spool import Batch, Spool
from scoring.node.resp import Redis, RedisDown, RedisRefused

RESEND_SECONDS = 5.0
"""As long as a flush: what is not acknowledged by the next one is sent again."""
_AT_ONCE = 200
"""Items of one batch: the control plane counts it in one transaction."""
Arguments = TypeVarTuple("Arguments")
Answer = TypeVar("Answer")
log = logging.getLogger(__name__)


class Outbox:
    """A spool, and the one thread that touches it. `bytes` is what waits there."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.bytes = 0
        self._thread = ThreadPoolExecutor(1, "spool")

    async def call(self, function: Callable[[*Arguments], Answer], *arguments: *Arguments) -> Answer:
        """Run something of the spool in the spool's own thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def append(self, body: Mapping[str, object]) -> None:
        """Durable when it returns. Raises OSError, and then nothing was written."""
        await self.call(self.spool.append, body)


class FeedbackDesk:
    """Takes feedback from all workers. What arrives during one fsync shares the next."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._waiting: list[tuple[list[dict[str, object]], Callable[[bool], None]]] = []
        self._writing = False

    def take(self, items: list[dict[str, Any]], done: Callable[[bool], None]) -> None:
        """`done(True)` once the items are durable, `done(False)` when they could not be written."""
        self._waiting.append((items, done))
        if not self._writing:
            self._writing = True
            asyncio.ensure_future(self._write()).add_done_callback(_report)

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                written = await self._written([item for items, _ in batch for item in items])
                for _, done in batch:
                    done(written)
        finally:
            self._writing = False

    async def _written(self, items: list[dict[str, object]]) -> bool:
        try:
            await self._outbox.append({"items": items})
        except OSError as error:
            log.error("feedback could not be written: %s", error)
            return False
        crashpoint("feedback.kept")
        return True


@dataclass(frozen=True, slots=True)
class _Sent:
    """How far a boot's batches have gone out, when, and as which entry the last of them."""

    sequence: int = 0
    at: float = 0.0
    entry: str | bytes = ""


class Shipper:
    """Sends an outbox's batches to a stream and deletes what is acknowledged."""

    def __init__(
        self, outbox: Outbox, redis: Redis, stream: str, *, node: str, poll_seconds: float = 0.2
    ) -> None:
        self._outbox = outbox
        self._redis = redis
        self._stream = stream
        self._kind = stream.rpartition(":")[2]
        self._node = node
        self._poll_seconds = poll_seconds
        self._sent: dict[str, _Sent] = {}

    async def run(self) -> None:
        while True:
            await self.ship()
            self._outbox.bytes = await self._outbox.call(self._outbox.spool.bytes)
            await asyncio.sleep(self._poll_seconds)

    async def ship(self) -> None:
        """Send once what has not been sent; silently not while Redis is away."""
        try:
            for boot in await self._outbox.call(self._outbox.spool.boots):
                await self._ship(boot)
        except (RedisDown, RedisRefused) as error:
            log.debug("%s stays in the spool: %s", self._stream, error)

    async def _ship(self, boot: str) -> None:
        answer = await self._redis.command("HGET", f"{self._stream}:acked", f"{self._node}:{boot}")
        acknowledged = int(answer or 0)
        after = max(await self._gone_out(boot, acknowledged), acknowledged)
        for batch in await self._outbox.call(self._batches, boot, after):
            told = {"node": self._node, "boot": boot, "after": acknowledged, "sequence": batch.sequence}
            text = json.dumps({**told, **batch.body}, separators=(",", ":"))
            entry = await self._redis.command("XADD", self._stream, "*", "batch", text)
            crashpoint(f"{self._kind} shipped")
            self._sent[boot] = _Sent(batch.sequence, monotonic(), entry)
        if acknowledged:
            crashpoint(f"{self._kind} acknowledged")
            await self._outbox.call(self._outbox.spool.forget, boot, acknowledged)

    async def _gone_out(self, boot: str, acknowledged: int) -> int:
        """The last number that need not be sent: what Redis has lost meanwhile goes out again."""
        sent = self._sent.get(boot, _Sent())
        if sent.sequence <= acknowledged or monotonic() - sent.at < RESEND_SECONDS:
            return sent.sequence
        if await self._redis.command("XRANGE", self._stream, sent.entry, sent.entry):
            self._sent[boot] = _Sent(sent.sequence, monotonic(), sent.entry)
            return sent.sequence
        return acknowledged

    def _batches(self, boot: str, after: int) -> list[Batch]:
        found = []
        for batch in self._outbox.spool.batches(boot, after):
            found.append(batch)
            if len(found) >= _AT_ONCE:
                break
        return found


def _report(task: asyncio.Future[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("feedback could not be taken", exc_info=task.exception())
