"""Answers of one version, from templates that are filled once per request and prepared once per shape."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from time import perf_counter, time
from typing import NamedTuple

from formats.dtypes import Array
from formats.types import FREE, Signature
from scoring.crashpoints import crashpoint
from scoring.errors import InferenceFailed, OutputTooLarge, OutsideLimits, ScoringError
from scoring.limits import Limits
from scoring.protocols.oip_answers import Chosen, Sheet, Sheets
from scoring.protocols.texts import row_texts
from scoring.protocols.written import JSON, Written
from scoring.telemetry import count
from scoring.worker.batching import Ran, share
from scoring.worker.cache import AnswerCache, Remembered
from scoring.worker.exchange import Exchange
from scoring.worker.http import error_answer
from scoring.worker.samples import Sampler

_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: %%b\r\nX-Assay-Worker: %b\r\nX-Assay-Request-Id: %%b\r\n"
    b"Server-Timing: decode;dur=%%b, queue;dur=%%b, %%b\r\n"
    b"%%b%%bContent-Length: %%d\r\n\r\n%%b"
)
_CLOSE = b"Connection: close\r\n"
_MISSED = b", cache;desc=miss"
_RECALLED = b"infer;dur=0, encode;dur=%b, cache;desc=hit"
_TABLED = 10_000
"""Texts of times up to 10 ms by the microsecond, which nearly all are: made once."""
_Answer = tuple[bytes, tuple[bytes, bytes, bytes]]
"""A request id, and the parts of `Written`."""
log = logging.getLogger(__name__)


class Replies:
    """Writes the answers of one version. `worker` is what `X-Assay-Worker` says."""

    def __init__(
        self, sheets: Sheets, signature: Signature, worker: bytes, limits: Limits, sampler: Sampler
    ) -> None:
        self._sheets = sheets
        self._sampler = sampler
        self._samples = all(spec.shape[:1] == (FREE,) for spec in (*signature.inputs, *signature.outputs))
        self._worker = worker
        self._head = _HEAD % worker
        self._limits = limits
        self._counter = 0
        self.cache = AnswerCache()

    def answer(self, ran: Ran) -> None:
        """Give every exchange of a run its reply, and count it. Nothing is written to a socket here."""
        try:
            self._answer(ran)
        except Exception:
            log.exception("the answers of a run could not be written")
            self.refuse(ran.exchanges, ScoringError("something went wrong here: the node's log says what"))
        crashpoint("worker.replying")

    def _answer(self, ran: Ran) -> None:
        if ran.error is not None:
            self.refuse(ran.exchanges, ran.error)
        elif sum([array.nbytes for array in ran.arrays]) > self._limits.output_bytes:
            self.refuse(ran.exchanges, OutputTooLarge("the outputs are larger than this server sends"))
        else:
            self._reply(ran)

    def refuse(self, exchanges: Sequence[Exchange], error: ScoringError) -> None:
        for exchange in exchanges:
            said = error
            if exchange.outside and isinstance(error, InferenceFailed):
                said = OutsideLimits(f"the model has no answer to this request: {exchange.outside}")
            target = exchange.target
            target.meter.failed(said.code)
            if target.witness is not None:
                target.witness.failed(exchange, said)
            exchange.reply = error_answer(said, worker=self._worker, keep_alive=exchange.head.keep_alive)

    def _reply(self, ran: Ran) -> None:
        at_ms = int(time() * 1000)
        counter = self._counter
        self._counter += len(ran.exchanges)
        written: list[_Answer] = []
        rows = self._rows(ran)
        row = 0
        for exchange in ran.exchanges:
            counter += 1
            request_id = exchange.target.issuer.issue(exchange.unit, at_ms, counter, exchange.rows)
            if rows is not None and exchange.rows == 1 and exchange.chosen == rows.chosen:
                body = rows.sheet.fill_row(exchange.named, request_id, rows.columns, row)
                written.append((request_id, (body, JSON, b"")))
            else:
                arrays: Sequence[Array] = ran.arrays
                if len(ran.exchanges) > 1:
                    arrays = [array[row : row + exchange.rows] for array in arrays]
                written.append((request_id, exchange.form.write(exchange, arrays, request_id)))
            row += exchange.rows
        now = perf_counter()
        infer, encode = milliseconds(ran.ended - ran.started), milliseconds(now - ran.ended)
        self._head_up(ran.exchanges, written, ran.started, b"infer;dur=%b, encode;dur=%b" % (infer, encode))
        count(ran.exchanges, now, row)
        for exchange in ran.exchanges:
            if exchange.target.witness is not None:
                _testify(ran, now)
                break
        ran.exchanges[0].target.meter.ran(ran.exchanges, ran.started, ran.ended, now, at_ms)
        if self._sampler.threshold:
            self._sampler.look(ran, written, at_ms, now)
        if self.cache.most_bytes:
            self._remember(ran, written)

    def recall(self, exchange: Exchange, found: Remembered) -> None:
        """Answer at once what was answered before, under an id of its own."""
        decoded = exchange.decoded = perf_counter()
        exchange.asked = None
        self._counter += 1
        request_id = exchange.target.issuer.issue(
            exchange.unit, int(time() * 1000), self._counter, found.rows
        )
        body = found.body(request_id)
        now = perf_counter()
        timing = _RECALLED % milliseconds(now - decoded)
        written = (request_id, (body, found.content_type, found.extra))
        meter, witness = exchange.target.meter, exchange.target.witness
        meter.answered((now - exchange.arrived,), found.rows)
        if witness is not None:
            witness.answered(exchange, now, None)
        meter.hits += 1
        self._head_up((exchange,), (written,), decoded, timing)
        exchange.line.ready()

    def _remember(self, ran: Ran, written: Sequence[_Answer]) -> None:
        for exchange, (request_id, answer) in zip(ran.exchanges, written, strict=True):
            key = exchange.asked
            if key is not None:
                exchange.target.meter.misses += 1
                self.cache.put(key, len(exchange.body), Written(*answer), request_id, exchange.rows)

    def _head_up(
        self, exchanges: Sequence[Exchange], written: Sequence[_Answer], started: float, timing: bytes
    ) -> None:
        head, texts = self._head, _TEXTS
        for exchange, (request_id, (body, content_type, extra)) in zip(exchanges, written, strict=True):
            decoded = exchange.decoded
            # What nearly every request takes is looked up here; a call for it costs more than the rest.
            reading, queued = int((decoded - exchange.arrived) * 1e6), int((started - decoded) * 1e6)
            exchange.reply = head % (
                content_type,
                request_id,
                texts[reading] if reading < _TABLED else milliseconds(decoded - exchange.arrived),
                texts[queued] if queued < _TABLED else milliseconds(started - decoded),
                timing if exchange.asked is None else timing + _MISSED,
                extra if not exchange.assigned else extra + exchange.assigned,
                b"" if exchange.head.keep_alive else _CLOSE,
                len(body),
                body,
            )

    def _rows(self, ran: Ran) -> _Rows | None:
        """All rows of a run as texts, where its first request is one row that wants JSON: others often do."""
        first = ran.exchanges[0]
        if not self._samples or first.rows != 1 or not first.chosen:
            return None
        arrays = ran.arrays
        count = sum([exchange.rows for exchange in ran.exchanges])
        if any(array.shape[:1] != (count,) for array in arrays):
            return None
        chosen = first.chosen
        sheet = self._sheets.get(chosen, tuple([(1, *arrays[place].shape[1:]) for place, _ in chosen]))
        if not sheet.is_text():
            return None
        return _Rows(chosen, sheet, [row_texts(arrays[place]) for place, _ in chosen])


def _testify(ran: Ran, now: float) -> None:
    row = 0
    for exchange in ran.exchanges:
        if (witness := exchange.target.witness) is not None:
            witness.answered(exchange, now, share(ran, exchange, row) if witness.pairs else ())
        row += exchange.rows


class _Rows(NamedTuple):
    """What the one-row requests of a run have in common. `columns`: the texts of each chosen output."""

    chosen: Chosen
    sheet: Sheet
    columns: Sequence[Sequence[bytes]]


def milliseconds(seconds: float) -> bytes:
    """A duration as `Server-Timing` has it: milliseconds with three decimals."""
    micros = int(seconds * 1e6)
    return _TEXTS[micros] if 0 <= micros < _TABLED else b"%d.%03d" % divmod(max(micros, 0), 1000)


_TEXTS = [b"%d.%03d" % divmod(micros, 1000) for micros in range(_TABLED)]
