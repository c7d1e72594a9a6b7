"""Feedback on its way to the control plane: sent until acknowledged, deleted only then."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

from scoring.node.resp import Redis, RedisDown, RedisRefused
from scoring.node.spool import Batch, Spool

RESEND_SECONDS = 5.0
_POLL_SECONDS = 0.2
_AT_ONCE = 200
log = logging.getLogger(__name__)


class FeedbackDesk:
    """Takes feedback from all workers. What arrives during one fsync shares the next."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._thread = ThreadPoolExecutor(1, "spool")
        self._waiting: list[tuple[list[dict[str, Any]], Callable[[bool], None]]] = []
        self._writing = False
        self.bytes = 0

    def take(self, items: list[dict[str, Any]], done: Callable[[bool], None]) -> None:
        """`done(True)` once the items are durable, `done(False)` when they could not be written."""
        self._waiting.append((items, done))
        if not self._writing:
            self._writing = True
            asyncio.ensure_future(self._write()).add_done_callback(_report)

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run something of the spool in the spool's own thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                written = await self._written([item for items, _ in batch for item in items])
                for _, done in batch:
                    done(written)
        finally:
            self._writing = False

    async def _written(self, items: list[dict[str, Any]]) -> bool:
        try:
            await self.call(self._spool.append, items)
        except OSError as error:
            log.error("feedback could not be written: %s", error)
            return False
        return True


class Shipper:
    """Sends the spool's batches to the stream and deletes what is acknowledged."""

    def __init__(
        self, desk: FeedbackDesk, spool: Spool, redis: Redis, *, environment: str, node: str
    ) -> None:
        self._desk = desk
        self._spool = spool
        self._redis = redis
        self._stream = f"assay:{environment}:feedback"
        self._acknowledged = f"assay:{environment}:feedback:acked"
        self._node = node
        self._sent: dict[str, tuple[int, float]] = {}

    async def run(self) -> None:
        while True:
            try:
                for boot in await self._desk.call(self._spool.boots):
                    await self._ship(boot)
            except (RedisDown, RedisRefused) as error:
                log.debug("feedback stays in the spool: %s", error)
            self._desk.bytes = await self._desk.call(self._spool.bytes)
            await asyncio.sleep(_POLL_SECONDS)

    async def _ship(self, boot: str) -> None:
        answer = await self._redis.command("HGET", self._acknowledged, f"{self._node}:{boot}")
        acknowledged = int(answer or 0)
        sent, at = self._sent.get(boot, (0, 0.0))
        if sent > acknowledged and monotonic() - at > RESEND_SECONDS:
            sent = acknowledged
        batches: list[Batch] = await self._desk.call(self._batches, boot, max(sent, acknowledged))
        for batch in batches:
            document = {"node": self._node, "boot": boot, "sequence": batch.sequence, "items": batch.items}
            text = json.dumps(document, separators=(",", ":"))
            await self._redis.command("XADD", self._stream, "*", "batch", text)
            self._sent[boot] = (batch.sequence, monotonic())
        if acknowledged:
            await self._desk.call(self._spool.forget, boot, acknowledged)

    def _batches(self, boot: str, after: int) -> list[Batch]:
        found = []
        for batch in self._spool.batches(boot, after):
            found.append(batch)
            if len(found) >= _AT_ONCE:
                break
        return found


def _report(task: asyncio.Future[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("feedback could not be taken", exc_info=task.exception())
