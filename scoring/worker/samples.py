"""Which answers are kept in the prediction log, and what of them: the worker's part, which writes nothing.

A request is kept when the tag at the end of its own id lies below a threshold: whoever has the id
can say whether it was kept, on every node and in every replay. The tag is keyed, so no client can choose.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from hashlib import blake2b
from time import time

import msgspec

from formats.dtypes import DTYPES, Array
from formats.types import FREE, OMITTED, Signature, TensorSpec
from scoring.control import Part, Sample
from scoring.tensors import Block
from scoring.worker.batching import Ran
from scoring.worker.exchange import Exchange

SEND_SECONDS = 0.1
"""So late the log may be; each message costs the node some 50 us."""
MOST_SAMPLES = 200
"""Of one tenth of a second; more are dropped and counted, for scoring goes before the log."""
MOST_BYTES = 512 << 10
"""Beyond it the link to the node would be busy for long with one message."""
HASH_BYTES = 8
"""64 bits, so that two units fall together once in billions."""
_ALPHABET = "".join(sorted("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
_TAIL = 4
"""Characters of base 64: shares of answers to a sixteen-millionth."""
_BELOW_ALL, _ABOVE_ALL = b"", b"~"
log = logging.getLogger(__name__)


def threshold(share: float) -> bytes:
    """What the last characters of a kept id lie below. `share` is 0 to 1, exact to 6e-8."""
    if share >= 1:
        return _ABOVE_ALL
    level, digits = int(share * len(_ALPHABET) ** _TAIL), []
    for _ in range(_TAIL):
        level, digit = divmod(level, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits)).encode() if share > 0 else _BELOW_ALL


class Samples:
    """What a worker has for its node. Bounded: what does not fit is dropped and counted."""

    def __init__(self) -> None:
        self._waiting: list[Sample] = []
        self._bytes = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, sample: Sample) -> None:
        """Shadows have half of the room: what clients were answered goes before what nobody heard."""
        size, part = sample.size(), 2 if sample.shadow else 1
        if len(self._waiting) >= MOST_SAMPLES // part or self._bytes + size > MOST_BYTES // part:
            self.dropped += 1
            return
        self._waiting.append(sample)
        self._bytes += size

    def take(self) -> list[Sample]:
        taken, self._waiting, self._bytes = self._waiting, [], 0
        return taken


class Sampler:
    """Looks at the answers of one version. `threshold` is empty while nothing is to be kept."""

    def __init__(self, samples: Samples, model: str, number: int, key: bytes) -> None:
        self._samples = samples
        self._model, self._number, self._key = model, number, key
        self.threshold = _BELOW_ALL

    def follow(self, share: float, signature: Signature) -> None:
        """Keep this share from now on, and of each tensor what the signature in the plan allows."""
        self._inputs = [_Keeper(spec, self._model, self._key) for spec in signature.inputs]
        self._outputs = [_Keeper(spec, self._model, self._key) for spec in signature.outputs]
        self.threshold = threshold(share)

    def look(self, ran: Ran, written: Sequence[tuple[bytes, object]], at_ms: int, now: float) -> None:
        """Keep what is to be kept of one run. Never raises: a log must not cost an answer."""
        bar, row = self.threshold, 0
        try:
            for exchange, (request_id, _) in zip(ran.exchanges, written, strict=True):
                if request_id[-_TAIL:] < bar and exchange.target.arm != "internal":
                    self._keep(ran, exchange, row, request_id, at_ms, now)
                    exchange.logged = request_id
                row += exchange.rows
        except Exception:
            self._samples.dropped += 1
            log.exception("an answer could not be kept in the prediction log")

    def overhear(self, exchange: Exchange, arrays: Sequence[Array], now: float) -> None:
        """Keep what this version has answered unheard, beside what the client was answered: where the id of
        that is to be kept by both. Never raises."""
        if exchange.logged[-_TAIL:] >= self.threshold:
            return
        try:
            outputs = [keeper.array(array) for keeper, array in zip(self._outputs, arrays, strict=True)]
            said = self._sample(exchange, exchange.logged, int(time() * 1000), now)
            said.inputs, said.outputs, said.shadow = [None] * len(self._inputs), outputs, True
            self._samples.offer(said)
        except Exception:
            self._samples.dropped += 1
            log.exception("what a shadow has answered could not be kept in the prediction log")

    def _keep(
        self, ran: Ran, exchange: Exchange, row: int, request_id: bytes, at_ms: int, now: float
    ) -> None:
        alone = len(ran.exchanges) == 1
        arrays = ran.arrays if alone else [array[row : row + exchange.rows] for array in ran.arrays]
        sample = self._sample(exchange, request_id, at_ms, now)
        sample.inputs = [
            keeper.block(each) for keeper, each in zip(self._inputs, exchange.blocks, strict=True)
        ]
        sample.outputs = [keeper.array(each) for keeper, each in zip(self._outputs, arrays, strict=True)]
        chance = exchange.target.chance
        sample.propensity = None if chance is None else chance(exchange.unit)
        self._samples.offer(sample)

    def _sample(self, exchange: Exchange, request_id: bytes, at_ms: int, now: float) -> Sample:
        """All but what it was about."""
        return Sample(
            self._model,
            self._number,
            exchange.target.arm,
            request_id.decode(),
            at_ms,
            int((now - exchange.arrived) * 1e6),
            exchange.rows,
            exchange.unit,
            [],
            [],
        )


class _Keeper:
    """What is kept of one tensor: all of it, a keyed hash of each row, or nothing."""

    def __init__(self, spec: TensorSpec, model: str, key: bytes) -> None:
        self._spec = spec
        self._by_row = spec.shape[:1] == (FREE,)
        words = f"prediction log\0{model}\0{spec.name}".encode()
        self._key = blake2b(words, key=key, digest_size=32).digest()

    def block(self, block: Block | None) -> Part | None:
        if block is None or self._spec.sensitive == OMITTED:
            return None
        raw = list(block.raw) if isinstance(block.raw, list) else bytes(block.raw)
        return self._kept(Part(list(block.shape), raw))

    def array(self, array: Array) -> Part | None:
        if self._spec.sensitive == OMITTED:
            return None
        raw: bytes | list[str]
        if self._spec.datatype == "BYTES":
            raw = array.reshape(-1).tolist()
        else:
            raw = array.astype(DTYPES[self._spec.datatype], copy=False).tobytes()
        return self._kept(Part(list(array.shape), raw))

    def _kept(self, part: Part) -> Part:
        if not self._spec.sensitive:
            return part
        rows = part.shape[0] if self._by_row and part.shape else 1
        each = len(part.raw) // rows if rows else 0
        hashes = [self._hash(part.raw[row * each : (row + 1) * each]) for row in range(rows)]
        return Part([rows], b"".join(hashes))

    def _hash(self, raw: bytes | list[str]) -> bytes:
        content = raw if isinstance(raw, bytes) else msgspec.json.encode(raw)
        return blake2b(content, key=self._key, digest_size=HASH_BYTES).digest()
