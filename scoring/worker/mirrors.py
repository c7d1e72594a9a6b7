"""Shadow versions: asked what clients ask, in the background, and never heard by them.

A mirrored request runs in a thread of its own that steps back for everything else. At most
`Limits.mirrored` of them wait in a worker; what comes while they do is dropped and counted.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from time import perf_counter

from scoring.errors import BadRequest, InferenceFailed, MirrorDropped, OutsideLimits, ScoringError
from scoring.telemetry import count
from scoring.worker.batching import Ran, shares
from scoring.worker.exchange import Exchange, Hears, Mirror, Target

ARM = "mirror"
log = logging.getLogger(__name__)


class Mirrors:
    """What a worker's mirrors wait for. The line of all mirrored exchanges, which leads to nobody."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting = 0

    def ask(self, original: Exchange, mirrors: Sequence[Mirror]) -> None:
        """Ask the shadows what `original` asks. Whatever they meet is counted against them alone."""
        for mirror in mirrors:
            try:
                self.send(original, mirror, alike=mirror.alike)
            except ScoringError as error:
                mirror.target.meter.failed(error.code)

    def answer(self, ran: Ran) -> None:
        """Count what became of mirrored exchanges, and tell it to whom it is half of a pair."""
        self._waiting -= len(ran.exchanges)
        if ran.error is None:
            count(ran.exchanges, perf_counter(), sum(exchange.rows for exchange in ran.exchanges))
        else:
            for exchange in ran.exchanges:
                exchange.target.meter.failed(ran.error.code)
        try:
            now = perf_counter()
            for exchange, arrays in shares(ran):
                if exchange.logged and arrays is not None:
                    exchange.target.version.overheard(exchange, arrays, now)
                if exchange.pair is not None:
                    exchange.pair.heard(exchange.target.version.number, arrays, _meant(exchange, ran.error))
        except Exception:
            log.exception("what a mirrored request came to could not be told")

    def ready(self) -> None:
        """Nobody waits for the answer."""

    def send(self, original: Exchange, mirror: Mirror, *, alike: bool, pair: Hears | None = None) -> None:
        """Ask one version what `original` asks, whose tensors are shared where they are `alike`. Raises
        MirrorDropped, or what the version says against the request."""
        if self._waiting >= self._most:
            raise MirrorDropped("too many mirrored requests are waiting")
        target = mirror.target
        copy = Exchange(self, original.head, original.body, perf_counter())
        copy.form, copy.target, copy.unit, copy.pair = original.form, target, original.unit, pair
        copy.logged = original.logged
        if alike:
            copy.outside = original.outside
            copy.blocks, copy.rows, copy.key = original.blocks, original.rows, original.key
        else:
            _read(copy, target)
        target.version.mirror(copy)
        self._waiting += 1


def _read(copy: Exchange, target: Target) -> None:
    """Read the request as this version takes it. Raises ScoringError and nothing else: a client is answered
    by others, who must not feel what a shadow meets."""
    try:
        copy.form.parse(copy)
        copy.form.take(copy, target.version)
        if target.version.allowed is not None:
            target.version.allowed.hold(copy, target.meter)
    except ScoringError:
        raise
    except UnicodeDecodeError:
        raise BadRequest("the body is not in UTF-8") from None
    except Exception:
        log.exception("a mirrored request to %s met a mistake of ours", target.model)
        raise MirrorDropped("it could not be read: the node's log says why") from None


def _meant(exchange: Exchange, error: ScoringError | None) -> ScoringError | None:
    """A value that the version's inputs are not made for is the request's fault."""
    if exchange.outside and isinstance(error, InferenceFailed):
        return OutsideLimits(f"the model has no answer to this request: {exchange.outside}")
    return error
