"""The prediction log on a node: samples into segments, segments into the artifact store, by digest.

Bounded in memory; what does not fit, or what a store that is away does not take, is dropped and
counted. A segment is announced with the counters, so that it is registered exactly once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from time import monotonic
from typing import Any

from formats.types import Signature
from scoring.control import Sample, Sampled
from scoring.node.stores import NodeStore

SEGMENT_SECONDS = 60.0
"""How long a logged answer may take until it can be read; less would make archives of a few rows."""
SEGMENT_BYTES = 4 << 20
"""A file is worth a transfer at this size, and a lost one little."""
SEGMENT_SAMPLES = 10_000
"""A segment is read whole: bounded by rows where rows are small, and by bytes where they are large."""
MOST_BYTES = 32 << 20
"""What may wait in memory while the store takes nothing; beyond it samples are dropped and counted."""
_RETRY_SECONDS = 5.0
"""A store that is away is asked this often by each node."""
log = logging.getLogger(__name__)


@dataclass
class Segment:
    """Samples of one version that will lie in one archive."""

    model: str
    version: int
    signature: Signature
    since: float
    samples: list[Sample] = field(default_factory=list)
    bytes: int = 0

    def ripe(self, now: float) -> bool:
        full = self.bytes >= SEGMENT_BYTES or len(self.samples) >= SEGMENT_SAMPLES
        return full or now - self.since >= SEGMENT_SECONDS


class PredictionLog:
    """`announce` gets the facts of each stored segment; `signature_of` knows the versions in force."""

    def __init__(
        self,
        store: NodeStore,
        announce: Callable[[dict[str, Any]], None],
        signature_of: Callable[[str, int], Signature | None],
    ) -> None:
        self._store = store
        self._announce = announce
        self._signature_of = signature_of
        self._thread = ThreadPoolExecutor(1, "prediction log")
        self._open: dict[tuple[str, int], Segment] = {}
        self._sealed: list[Segment] = []
        self._dropped: dict[object, int] = {}
        self._lost = 0
        self._one_at_a_time = asyncio.Lock()
        self.bytes = 0
        self.problem = ""

    @property
    def dropped(self) -> int:
        """Answers that were to be kept and are not, since the node's start."""
        return self._lost + sum(self._dropped.values())

    def take(self, worker: object, sampled: Sampled) -> None:
        """Samples of a worker, and how many it has dropped by itself."""
        self._dropped[worker] = sampled.dropped
        for sample in sampled.samples:
            self._take(sample)

    def _take(self, sample: Sample) -> None:
        size = sample.size()
        segment = self._open.get((sample.model, sample.version)) or self._begin(sample)
        most = MOST_BYTES // 2 if sample.shadow else MOST_BYTES
        if segment is None or self.bytes + size > most:
            self._lost += 1
            return
        segment.samples.append(sample)
        segment.bytes += size
        self.bytes += size

    def _begin(self, sample: Sample) -> Segment | None:
        signature = self._signature_of(sample.model, sample.version)
        if signature is None:
            return None
        segment = Segment(sample.model, sample.version, signature, monotonic())
        self._open[sample.model, sample.version] = segment
        return segment

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_RETRY_SECONDS if self.problem else 1.0)
            self._seal(monotonic())
            await self.store()

    async def close(self) -> None:
        """Store what there is, once."""
        self._seal(monotonic() + SEGMENT_SECONDS)
        await self.store()

    def _seal(self, now: float) -> None:
        for key in [key for key, segment in self._open.items() if segment.ripe(now)]:
            segment = self._open.pop(key)
            if segment.samples:
                self._sealed.append(segment)

    async def store(self) -> None:
        """Write the sealed segments in turn, up to the first that the store does not take."""
        async with self._one_at_a_time:
            while self._sealed:
                segment = self._sealed[0]
                try:
                    facts = await asyncio.get_running_loop().run_in_executor(
                        self._thread, self._write, segment
                    )
                except Exception as error:
                    self.problem = f"{type(error).__name__}: {error}"[:300]
                    log.warning("a segment of the prediction log could not be stored: %s", self.problem)
                    return
                self.problem = ""
                self._sealed.remove(segment)
                self.bytes -= segment.bytes
                if facts is not None:
                    self._announce(facts)

    def _write(self, segment: Segment) -> dict[str, object] | None:
        # numpy comes with the first segment: a node that keeps no log does without its memory.
        pack = import_module("scoring.node.outbox.segments").pack
        try:
            content: bytes = pack(segment.samples, segment.signature)
        except Exception:
            log.exception("samples of %s/%s make no segment: dropped", segment.model, segment.version)
            self._lost += len(segment.samples)
            return None
        return _facts(segment, self._store.put(content), len(content))


def _facts(segment: Segment, digest: str, size: int) -> dict[str, object]:
    moments = [sample.at_ms for sample in segment.samples]
    return {
        "model": segment.model,
        "version": segment.version,
        "from_ms": min(moments),
        "to_ms": max(moments),
        "requests": len(segment.samples),
        "rows": sum(sample.rows for sample in segment.samples),
        "digest": digest,
        "size": size,
    }
