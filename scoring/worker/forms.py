"""The protocols as the engine sees them: parse, tensors, answer."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from formats.dtypes import Array
from scoring.protocols import mlflow, oip_answers, oip_binary, oip_json, simple
from scoring.protocols.layouts import CLOSING, Layout, beginning, binary_layout, json_layout
from scoring.protocols.oip_answers import Chosen
from scoring.protocols.written import JSON, Written
from scoring.worker.exchange import Exchange, Version

_LONGEST_OPENING = 4096
"""What comes before the data in a body: names and shapes of all inputs have some hundred bytes."""
_MOST_OPENINGS = 512
"""Ways in which clients of a model begin; more are made up, and forgotten."""


class Oip:
    """Open Inference Protocol v2; binary tensors where the head announces them."""

    def __init__(self) -> None:
        self._known: set[bytes] = set()

    def parse(self, exchange: Exchange) -> str | None:
        body, length = exchange.body, exchange.head.header_length
        opening = body[: beginning(body) if length is None else length]
        if opening in self._known and (length is not None or body.endswith(CLOSING)):
            exchange.opening = opening
            return None
        return self._read(exchange)

    def take(self, exchange: Exchange, version: Version) -> None:
        opening = exchange.opening
        if opening is not None:
            layout = version.layouts.get(opening)
            blocks = layout.blocks(exchange.body, len(opening)) if layout is not None else None
            if layout is not None and blocks is not None:
                exchange.blocks = blocks
                exchange.rows, exchange.key, exchange.chosen = layout.rows, layout.key, layout.chosen
                return
            self._read(exchange)
        request = exchange.request
        # An output that nobody has is refused before the model runs.
        chosen = exchange.chosen = oip_json.wanted(request, version.signature.outputs)
        if request.id is not UNSET and request.id is not None:
            exchange.named = oip_answers.named(request.id)
        exchange.blocks = oip_json.blocks(request, version.reader, exchange.tail)
        version.batcher.measure(exchange)
        self._remember(exchange, version, chosen)

    def write(self, exchange: Exchange, arrays: Sequence[Array], request_id: bytes) -> Written:
        chosen = exchange.chosen
        shapes = tuple(arrays[place].shape for place, _ in chosen)
        return exchange.target.version.sheets.get(chosen, shapes).fill(exchange.named, request_id, arrays)

    def _read(self, exchange: Exchange) -> str | None:
        length = exchange.head.header_length
        if length is not None:
            exchange.request, exchange.tail = oip_binary.split(exchange.body, length)
        else:
            exchange.request, exchange.tail = oip_json.read(exchange.body), None
        return exchange.request.unit()

    def _remember(self, exchange: Exchange, version: Version, chosen: Chosen) -> None:
        """Know this beginning again, where everything but the numbers is settled by it."""
        request, body = exchange.request, exchange.body
        start = beginning(body) if exchange.head.header_length is None else exchange.head.header_length
        if request.id is not UNSET or request.unit() is not None or start > _LONGEST_OPENING:
            return
        measured = (exchange.rows, exchange.key)
        layout: Layout | None
        if exchange.head.header_length is None:
            layout = json_layout(request, body, start, version.reader, chosen, measured)
        else:
            layout = binary_layout(request, version.reader, chosen, measured)
        if layout is not None:
            for known in (self._known, version.layouts):
                if len(known) >= _MOST_OPENINGS:
                    known.clear()
            self._known.add(body[:start])
            version.layouts[body[:start]] = layout


class Simple:
    """`/score`: names and nested lists."""

    def parse(self, exchange: Exchange) -> str | None:
        request = exchange.simple = simple.read(exchange.body)
        return None if request.unit is UNSET else request.unit

    def take(self, exchange: Exchange, version: Version) -> None:
        exchange.blocks = simple.blocks(exchange.simple, version.reader)
        version.batcher.measure(exchange)

    def write(self, exchange: Exchange, arrays: Sequence[Array], request_id: bytes) -> Written:
        version = exchange.target.version
        specs = version.signature.outputs
        return Written(simple.answer(specs, arrays, exchange.target.model, version.told, request_id), JSON)


class Mlflow:
    """`/invocations`: MLflow's tables and tensors."""

    def parse(self, exchange: Exchange) -> str | None:
        request = exchange.table = mlflow.read(exchange.body)
        return request.unit()

    def take(self, exchange: Exchange, version: Version) -> None:
        taken = mlflow.blocks(exchange.table, version.reader)
        exchange.blocks = taken.blocks
        exchange.target.meter.dropped += taken.dropped
        version.batcher.measure(exchange)

    def write(self, exchange: Exchange, arrays: Sequence[Array], request_id: bytes) -> Written:
        specs = exchange.target.version.signature.outputs
        tabular = exchange.table.tabular()
        return Written(mlflow.answer(specs, arrays, exchange.rows, tabular=tabular), JSON)


OIP = Oip()
SIMPLE = Simple()
MLFLOW = Mlflow()
