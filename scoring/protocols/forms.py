"""The protocols as the engine sees them: parse, tensors, answer."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from scoring.exchange import Exchange
from scoring.http import BINARY, JSON
from scoring.protocols import mlflow, oip_binary, oip_json, simple
from scoring.protocols.inputs import InputReader
from scoring.protocols.oip_json import InferRequest
from scoring.serving import Written
from scoring.tensors import Array, Block


class Oip:
    """Open Inference Protocol v2; binary tensors where the head announces them."""

    def parse(self, exchange: Exchange) -> str | None:
        length = exchange.head.header_length
        if length is not None:
            request, tail = oip_binary.split(exchange.body, length)
            exchange.request = (request, tail)
            return request.unit()
        request = oip_json.read(exchange.body)
        exchange.request = (request, None)
        parameters = request.parameters
        exchange.plain = request.outputs is UNSET and request.id is UNSET
        if parameters is UNSET:
            return None
        exchange.plain = exchange.plain and "binary_data_output" not in parameters
        return request.unit()

    def blocks(self, exchange: Exchange, reader: InputReader) -> list[Block | None]:
        request, tail = exchange.request
        found = oip_json.blocks(request, reader, tail)
        if not exchange.plain:
            # An output that nobody has is refused before the model runs.
            oip_json.wanted(request, exchange.target.version.signature.outputs)
        return found

    def write(self, exchange: Exchange, arrays: Sequence[Array], request_id: bytes) -> Written:
        request: InferRequest = exchange.request[0]
        version = exchange.target.version
        specs = version.signature.outputs
        chosen = oip_json.wanted(request, specs)
        heads, tail = oip_binary.outputs(specs, arrays, chosen)
        body = oip_json.envelope(exchange.target.model, version.number, request_id, request.id, heads)
        if not any(binary for _, binary in chosen):
            return Written(body, JSON)
        return Written(body + tail, BINARY, b"Inference-Header-Content-Length: %d\r\n" % len(body))


class Simple:
    """`/score`: names and nested lists."""

    def parse(self, exchange: Exchange) -> str | None:
        request = simple.read(exchange.body)
        exchange.request = request
        return None if request.unit is UNSET else request.unit

    def blocks(self, exchange: Exchange, reader: InputReader) -> list[Block | None]:
        return simple.blocks(exchange.request, reader)

    def write(self, exchange: Exchange, arrays: Sequence[Array], request_id: bytes) -> Written:
        version = exchange.target.version
        specs = version.signature.outputs
        return Written(simple.answer(specs, arrays, exchange.target.model, version.number, request_id), JSON)


class Mlflow:
    """`/invocations`: MLflow's tables and tensors."""

    def parse(self, exchange: Exchange) -> str | None:
        request = exchange.request = mlflow.read(exchange.body)
        return request.unit()

    def blocks(self, exchange: Exchange, reader: InputReader) -> list[Block | None]:
        return mlflow.blocks(exchange.request, reader)

    def write(self, exchange: Exchange, arrays: Sequence[Array], request_id: bytes) -> Written:
        specs = exchange.target.version.signature.outputs
        tabular = exchange.request.tabular()
        return Written(mlflow.answer(specs, arrays, exchange.rows, tabular=tabular), JSON)


OIP = Oip()
SIMPLE = Simple()
MLFLOW = Mlflow()
