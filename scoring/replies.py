"""Answers of one version, from templates that are filled once per request and prepared once per shape."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from time import perf_counter, time

import orjson

from scoring.batching import Ran
from scoring.crashpoints import crashpoint
from scoring.errors import OutputTooLarge, ScoringError
from scoring.exchange import Exchange
from scoring.http import error_answer
from scoring.limits import Limits
from scoring.protocols.texts import row_texts
from scoring.serving import Written
from scoring.telemetry import count
from scoring.tensors import Array
from scoring.types import FREE, Signature

_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: %%b\r\nX-Assay-Worker: %b\r\nX-Assay-Request-Id: %%b\r\n"
    b"Server-Timing: decode;dur=%%b, queue;dur=%%b, infer;dur=%%b, encode;dur=%%b\r\n"
    b"%%b%%bContent-Length: %%d\r\n\r\n%%b"
)
_JSON = b"application/json"
_CLOSE = b"Connection: close\r\n"
_TABLED = 10_000
_SHAPES = 64
log = logging.getLogger(__name__)


class Replies:
    """Writes the answers of one version. `worker` is what `X-Assay-Worker` says."""

    def __init__(self, model: str, number: int, signature: Signature, worker: bytes, limits: Limits) -> None:
        self._specs = signature.outputs
        self._samples = all(spec.shape[:1] == (FREE,) for spec in (*signature.inputs, *signature.outputs))
        self._worker = worker
        self._head = _HEAD % worker
        self._limits = limits
        self._opening = (
            b'{"model_name":%b,"model_version":"%d","parameters":{"request_id":"%%b"},"outputs":['
            % (
                orjson.dumps(model).replace(b"%", b"%%"),
                number,
            )
        )
        self._templates: dict[tuple[tuple[int, ...], ...], bytes] = {}
        self._counter = 0

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
            exchange.target.meter.failed(error.code)
            exchange.reply = error_answer(error, worker=self._worker, keep_alive=exchange.head.keep_alive)

    def _reply(self, ran: Ran) -> None:
        at_ms = int(time() * 1000)
        written = []
        template, columns = self._plain(ran)
        row = 0
        for exchange in ran.exchanges:
            self._counter += 1
            request_id = exchange.target.issuer.issue(exchange.unit, at_ms, self._counter)
            if exchange.plain and columns and exchange.rows == 1:
                body = template % (request_id, *[column[row] for column in columns])
                written.append((request_id, body, b"", _JSON))
            else:
                own = self._written(ran, exchange, row, request_id)
                written.append((request_id, own.body, own.extra, own.content_type))
            row += exchange.rows
        now = perf_counter()
        self._head_up(ran, written, now)
        count(ran.exchanges, now, row)

    def _head_up(self, ran: Ran, written: Sequence[tuple[bytes, bytes, bytes, bytes]], now: float) -> None:
        started = ran.started
        infer, encode = milliseconds(ran.ended - started), milliseconds(now - ran.ended)
        for exchange, (request_id, body, extra, content_type) in zip(ran.exchanges, written, strict=True):
            arrived, decoded = exchange.arrived, exchange.decoded
            exchange.reply = self._head % (
                content_type,
                request_id,
                milliseconds(decoded - arrived),
                milliseconds(started - decoded),
                infer,
                encode,
                extra,
                b"" if exchange.head.keep_alive else _CLOSE,
                len(body),
                body,
            )

    def _plain(self, ran: Ran) -> tuple[bytes, list[list[bytes]]]:
        """Template and row texts of each output, when some exchange can use them."""
        if not self._samples or not any(map(_is_plain_row, ran.exchanges)):
            return b"", []
        arrays = ran.arrays
        rows = sum(exchange.rows for exchange in ran.exchanges)
        if any(array.shape[:1] != (rows,) for array in arrays):
            return b"", []
        shapes = tuple(array.shape[1:] for array in arrays)
        return self._templates.get(shapes) or self._template(shapes), [row_texts(array) for array in arrays]

    def _template(self, shapes: tuple[tuple[int, ...], ...]) -> bytes:
        heads = [
            orjson.dumps({"name": spec.name, "datatype": spec.datatype, "shape": [1, *shape]})
            for spec, shape in zip(self._specs, shapes, strict=True)
        ]
        outputs = b",".join(head.replace(b"%", b"%%")[:-1] + b',"data":[%b]}' for head in heads)
        if len(self._templates) >= _SHAPES:
            self._templates.clear()
        self._templates[shapes] = self._opening + outputs + b"]}"
        return self._templates[shapes]

    def _written(self, ran: Ran, exchange: Exchange, row: int, request_id: bytes) -> Written:
        arrays: Sequence[Array] = ran.arrays
        if len(ran.exchanges) > 1:
            arrays = [array[row : row + exchange.rows] for array in arrays]
        return exchange.form.write(exchange, arrays, request_id)


def _is_plain_row(exchange: Exchange) -> bool:
    return exchange.plain and exchange.rows == 1


def milliseconds(seconds: float) -> bytes:
    """A duration as `Server-Timing` has it: milliseconds with three decimals."""
    micros = int(seconds * 1e6)
    return _TEXTS[micros] if 0 <= micros < _TABLED else b"%d.%03d" % divmod(max(micros, 0), 1000)


_TEXTS = [b"%d.%03d" % divmod(micros, 1000) for micros in range(_TABLED)]
