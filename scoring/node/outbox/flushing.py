"""The counters on their way to the control plane: every few seconds what has been counted since."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import time

from scoring.node.outbox.evidence import Evidence, rollouts
from scoring.node.outbox.shipping import Outbox
from scoring.telemetry import Meters

FLUSH_SECONDS = 5.0
"""What is counted since the last flush goes with the machine: five seconds of counters may."""
BEHIND_SECONDS = 60.0
"""While nobody takes flushes, one a minute: a day fills a spool 1,440 times, not 17,280 times."""
SPOOL_BYTES = 64 << 20
"""Bounds the disk that a node takes while nobody takes its counters; chosen, not measured."""
log = logging.getLogger(__name__)


class Flusher:
    """Cuts the growth of the counters into flushes: {from, to, cells, refused, segments, rollouts}, epoch
    seconds.

    `rollouts` has what was told of each one's units (`formats.evidence.Told`), by its id. Each rollout of the
    plan is in every flush, and a flush is written whatever has grown: so silence is told from nothing.

    `settle` may forget revisions of which all has been told, in what is counted and what was flushed alike.

    A flush that is on disk is counted exactly once, whoever dies; what was counted since the last
    one goes with the machine. While nobody takes the flushes, they come once a minute.
    """

    def __init__(
        self,
        outbox: Outbox,
        counted: Callable[[], Meters],
        settle: Callable[[Meters], object],
        evidence: Evidence,
    ) -> None:
        self._outbox = outbox
        self._counted = counted
        self._settle = settle
        self._evidence = evidence
        self._flushed = Meters()
        self._since = time()
        self._segments: list[dict[str, object]] = []
        self._one_at_a_time = asyncio.Lock()

    def announce(self, segment: dict[str, object]) -> None:
        """Say with the next flush what the prediction log has stored."""
        self._segments.append(segment)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            if not self._outbox.bytes or time() - self._since >= BEHIND_SECONDS:
                await self.flush()

    async def flush(self) -> None:
        """Write what has been counted since the last flush; after an error it is in the next one.

        Whoever is cancelled in here does not leave a flush that was written and is written again.
        """
        await asyncio.shield(asyncio.ensure_future(self._flush()))

    async def _flush(self) -> None:
        async with self._one_at_a_time:
            await self._write()

    async def _write(self) -> None:
        total, now = self._counted(), time()
        growth = Meters()
        growth.add(total.to_json())
        growth.add(self._flushed.to_json(), times=-1)
        grown = growth.to_json()
        told, gathered = list(self._segments), self._evidence.take()
        if grown["cells"] or grown["refused"] or told or gathered:
            said = {"segments": told, "rollouts": rollouts(gathered)}
            try:
                await self._outbox.append({"from": self._since, "to": now, **grown, **said})
            except OSError as error:
                self._evidence.give_back(gathered)
                log.error("the counters could not be written, they stay for the next flush: %s", error)
                return
        self._flushed, self._since = total, now
        self._settle(total)
        del self._segments[: len(told)]
