"""Shadow versions: asked what clients ask, in the background, and never heard by them.

A mirrored request runs in a thread of its own that steps back for everything else. At most
`Limits.mirrored` of them wait in a worker; what comes while they do is dropped and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from scoring.errors import MirrorDropped, ScoringError
from scoring.telemetry import count
from scoring.worker.batching import Ran
from scoring.worker.exchange import Exchange, Mirror

ARM = "mirror"


class Mirrors:
    """What a worker's mirrors wait for. The line of all mirrored exchanges, which leads to nobody."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting = 0

    def ask(self, original: Exchange, mirrors: Sequence[Mirror]) -> None:
        """Ask the shadows what `original` asks. Whatever they meet is counted against them alone."""
        for mirror in mirrors:
            try:
                self._ask(original, mirror)
            except ScoringError as error:
                mirror.target.meter.failed(error.code)

    def answer(self, ran: Ran) -> None:
        """Count what became of mirrored exchanges."""
        self._waiting -= len(ran.exchanges)
        if ran.error is None:
            count(ran.exchanges, perf_counter(), sum(exchange.rows for exchange in ran.exchanges))
        else:
            for exchange in ran.exchanges:
                exchange.target.meter.failed(ran.error.code)

    def ready(self) -> None:
        """Nobody waits for the answer."""

    def _ask(self, original: Exchange, mirror: Mirror) -> None:
        if self._waiting >= self._most:
            raise MirrorDropped("too many mirrored requests are waiting")
        target = mirror.target
        copy = Exchange(self, original.head, original.body, perf_counter())
        copy.form, copy.target, copy.unit = original.form, target, original.unit
        if mirror.alike:
            copy.blocks, copy.rows, copy.key = original.blocks, original.rows, original.key
        else:
            copy.form.parse(copy)
            copy.form.take(copy, target.version)
            if target.version.allowed is not None:
                target.version.allowed.hold(copy, target.meter)
        target.version.mirror(copy)
        self._waiting += 1
