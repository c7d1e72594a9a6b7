"""The same libraries as ours with nothing around them: a bound for what can be done in Python, not a peer.

`python -m benchmarks.peers.bare PORT MODEL.onnx`. llhttp, uvloop, a typed decoder, one run for all
requests of a loop turn. Anybody may ask anything: no routes, tokens, limits, ids, counts or deadlines,
and the answer to a request that it does not expect is a lost connection.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import httptools
import msgspec
import numpy as np
import orjson
import uvloop

from benchmarks.peers.onnx_session import Onnx

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_OPENING = b'{"model_name":"bench","model_version":"1","outputs":['
_OUTPUT = b'{"name":"%b","datatype":"%b","shape":%b,"data":%b}'


class Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Request(msgspec.Struct):
    inputs: list[Tensor]


_decode = msgspec.json.Decoder(Request).decode


class Bare(asyncio.Protocol):
    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        tensor = _decode(self._body).inputs[0]
        self._body = b""
        self._batch.put(self._transport, tensor)


class Batch:
    """What has arrived in this turn of the loop, run together at its end."""

    def __init__(self, onnx: Onnx) -> None:
        self._onnx = onnx
        self._waiting: list[tuple[asyncio.Transport, Tensor]] = []

    def put(self, transport: asyncio.Transport, tensor: Tensor) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append((transport, tensor))

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        arrays = [np.array(tensor.data, np.float32).reshape(tensor.shape) for _, tensor in waiting]
        found = self._onnx.run(arrays[0] if len(arrays) == 1 else np.concatenate(arrays))
        row = 0
        for (transport, _), array in zip(waiting, arrays, strict=True):
            upto = row + len(array)
            outputs = [_output(name, values[row:upto]) for name, values in found.items()]
            body = b"%b%b]}" % (_OPENING, b",".join(outputs))
            transport.write(_HEAD % (len(body), body))
            row = upto


def _output(name: str, values: np.ndarray) -> bytes:
    datatype = b"INT64" if values.dtype.kind == "i" else b"FP32"
    shape = orjson.dumps(values.shape)
    data = orjson.dumps(values.reshape(-1), option=orjson.OPT_SERIALIZE_NUMPY)
    return _OUTPUT % (name.encode(), datatype, shape, data)


async def serve(port: int, model: str) -> None:
    batch = Batch(Onnx(model))
    server = await asyncio.get_running_loop().create_server(lambda: Bare(batch), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2]))
