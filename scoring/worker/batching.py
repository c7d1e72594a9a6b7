"""Requests of one version, joined into as few runs as possible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import NamedTuple

import numpy as np

from formats.dtypes import FLOATS, Array
from formats.types import FREE, SAMPLES, Signature
from scoring.errors import BadOutput, BadTensor, InferenceFailed, InvalidOutput, RunTimedOut, ScoringError
from scoring.limits import Limits
from scoring.runtime.runs import RunOptions, Runs
from scoring.tensors import placed, to_array
from scoring.worker.exchange import Exchange


class Ran(NamedTuple):
    """What became of some exchanges that were run together. Times are `perf_counter` seconds."""

    exchanges: Sequence[Exchange]
    arrays: Sequence[Array]
    error: ScoringError | None
    started: float
    ended: float


def shares(ran: Ran) -> Iterator[tuple[Exchange, Sequence[Array]]]:
    """Each exchange of a run with its own rows of the outputs; nothing of a run that has failed."""
    row = 0
    for exchange in ran.exchanges:
        yield exchange, share(ran, exchange, row)
        row += exchange.rows


def share(ran: Ran, exchange: Exchange, row: int) -> Sequence[Array]:
    """The rows of one exchange, which begin at `row`."""
    if len(ran.exchanges) == 1:
        return ran.arrays
    return [array[row : row + exchange.rows] for array in ran.arrays]


class Batcher:
    """Turns exchanges of one version into runs.

    `batching` joins requests along axis 0; it is off where that axis is not free on every tensor, or
    is not the same for all inputs (`rows`, None: as the signature says), whatever the plan says.
    `faults` counts the requests that failed by the model's own fault, whatever they asked: the node
    gives up a version that does little else. A lane adds those that ran out of time.
    """

    def __init__(
        self,
        runner: Runs,
        signature: Signature,
        *,
        batching: bool,
        limits: Limits,
        rows: str | None = None,
    ) -> None:
        self._runner = runner
        self._specs = signature.inputs
        self._limits = limits
        self._promised = [
            (place, spec)
            for place, spec in enumerate(signature.outputs)
            if spec.finite and spec.datatype in FLOATS
        ]
        self.faults = 0
        specs = (*signature.inputs, *signature.outputs)
        self.samples = signature.row_kind(rows) == SAMPLES
        self.batching = batching and self.samples and all(spec.shape[:1] == (FREE,) for spec in specs)
        self.uniform = all(FREE not in spec.shape[1:] and not spec.optional for spec in signature.inputs)

    def measure(self, exchange: Exchange) -> None:
        """Set the exchange's rows and key. Raises BadTensor when its inputs differ in rows."""
        if not self.samples:
            exchange.rows = 1
            return
        blocks = exchange.blocks
        if len(blocks) == 1 and blocks[0] is not None and (self.uniform or not self.batching):
            exchange.rows = blocks[0].shape[0]
            return
        rows = {block.shape[0] for block in blocks if block is not None}
        if len(rows) > 1:
            raise BadTensor(f"the inputs have different numbers of rows: {sorted(rows)}")
        exchange.rows = rows.pop() if rows else 1
        if self.batching and not self.uniform:
            exchange.key = tuple(block and block.shape[1:] for block in exchange.blocks)

    def groups(self, queue: Sequence[Exchange], most_rows: int) -> Iterator[Sequence[Exchange]]:
        """The queue in order, cut into what runs together: at most `most_rows`, or one request."""
        if not self.batching:
            for exchange in queue:
                yield (exchange,)
            return
        group: list[Exchange] = []
        rows = 0
        for exchange in queue:
            full = rows + exchange.rows > most_rows
            if group and (full or exchange.key != group[0].key):
                yield group
                group, rows = [], 0
            group.append(exchange)
            rows += exchange.rows
        if group:
            yield group

    def run(self, group: Sequence[Exchange], options: RunOptions | None) -> list[Ran]:
        """Run a group; when it fails together, run each alone, so that one bad request fails alone."""
        started = perf_counter()
        try:
            arrays = self._runner.run(self._feed(group), options)
            if self._promised:
                self._check_promises(arrays)
            if len(group) > 1:
                self._check(arrays, sum(exchange.rows for exchange in group))
        except Exception as error:
            if isinstance(error, BadOutput):
                self.faults += len(group)
            if len(group) > 1 and not (options is not None and options.terminate):
                return [ran for exchange in group for ran in self.run((exchange,), options)]
            return [Ran(group, (), _stated(error, options), started, perf_counter())]
        return [Ran(group, arrays, None, started, perf_counter())]

    def _feed(self, group: Sequence[Exchange]) -> dict[str, Array]:
        feed = {}
        alone = len(group) == 1
        for place, spec in enumerate(self._specs):
            blocks = [exchange.blocks[place] for exchange in group]
            first = blocks[0]
            if first is None:
                continue
            there = [block for block in blocks if block is not None]
            rows = sum([block.shape[0] for block in there]) if not alone else 0
            shape = first.shape if alone else (rows, *first.shape[1:])
            feed[spec.name] = to_array(there, spec, shape)
        return feed

    def _check(self, arrays: Sequence[Array], rows: int) -> None:
        if any(array.shape[:1] != (rows,) for array in arrays):
            raise BadOutput("an output does not have one row for each input row")

    def _check_promises(self, arrays: Sequence[Array]) -> None:
        """What an output promises to be finite is, or the request has no answer."""
        for place, spec in self._promised:
            finite = np.isfinite(arrays[place])
            if not finite.all():
                where = placed(spec, finite.shape, int((~finite).reshape(-1).argmax()))
                raise InvalidOutput(f"output {where} is not finite, and the signature promises that it is")


def _stated(error: Exception, options: RunOptions | None) -> ScoringError:
    if isinstance(error, ScoringError):
        return error
    if options is not None and options.terminate:
        return RunTimedOut("the model did not finish within the deadline")
    if isinstance(error, UnicodeDecodeError):
        # onnxruntime has no other way to hand a text over than decoded.
        return InvalidOutput("the model gave a text that is not UTF-8, which no answer can carry")
    words = " ".join(str(error).split())[:300]
    if type(error).__name__ == "InvalidArgument" and "while running" not in words:
        return BadTensor(f"the model does not take these inputs: {words}")
    return InferenceFailed(f"the model failed on this request: {words}")
