"""A v2 server of a few lines over a Unix socket: a Python function for a model, and ways to misbehave."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

import numpy as np

from formats.dtypes import DTYPES, datatype_of

Model = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]


class Answered(Exception):
    """A model raises this to have the server answer so, byte for byte; empty bytes cut the connection.

    pause   seconds before each byte.
    """

    def __init__(self, raw: bytes, pause: float = 0.0) -> None:
        super().__init__()
        self.raw = raw
        self.pause = pause


def refusal(status: int, error: str, code: str = "refused") -> Answered:
    body = json.dumps({"error": error, "code": code}).encode()
    return Answered(b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    request_queue_size = 16

    def __init__(self, path: Path, model: Model) -> None:
        super().__init__(str(path), _Handler)
        self.model = model
        self.calls: list[dict[str, Any]] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up on a misbehaving model are what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *arguments: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        size = self.headers.get("Inference-Header-Content-Length")
        request = json.loads(body[: int(size)] if size else body)
        inputs = _inputs(request, body[int(size) :] if size else b"")
        rows = max((len(array) for array in inputs.values() if array.ndim), default=1)
        self.server.calls.append(
            {"path": self.path, "binary": bool(size), "rows": rows, "headers": self.headers}
        )
        try:
            outputs = self.server.model(inputs)
        except Answered as answered:
            self._write(answered)
            self.close_connection = not answered.raw
            return
        wanted = [output["name"] for output in request.get("outputs", [])]
        self._answer({name: outputs[name] for name in wanted or outputs}, binary=bool(size))

    def _write(self, answered: Answered) -> None:
        size = 1 if answered.pause else len(answered.raw) or 1
        for start in range(0, len(answered.raw), size):
            time.sleep(answered.pause)
            self.wfile.write(answered.raw[start : start + size])

    def _answer(self, outputs: dict[str, np.ndarray], *, binary: bool) -> None:
        heads, tail = [], b""
        for name, array in outputs.items():
            head: dict[str, Any] = {"name": name, "datatype": datatype_of(array), "shape": list(array.shape)}
            if binary and array.dtype.kind != "U":
                head["parameters"] = {"binary_data_size": array.nbytes}
                tail += array.tobytes()
            elif binary:
                texts = [text.encode() for text in array.reshape(-1).tolist()]
                raw = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
                head["parameters"] = {"binary_data_size": len(raw)}
                tail += raw
            else:
                head["data"] = [_word(value) for value in array.reshape(-1).tolist()]
            heads.append(head)
        text = json.dumps({"model_name": "m", "model_version": "1", "outputs": heads}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text) + len(tail)))
        if binary:
            self.send_header("Inference-Header-Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text + tail)


def _word(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _inputs(request: dict[str, Any], tail: bytes) -> dict[str, np.ndarray]:
    found, used = {}, 0
    for tensor in request["inputs"]:
        dtype = DTYPES[tensor["datatype"]]
        if "data" in tensor:
            array = np.array(tensor["data"], dtype=np.str_ if dtype.kind == "O" else dtype)
        else:
            size = tensor["parameters"]["binary_data_size"]
            raw, used = tail[used : used + size], used + size
            array = np.array(_texts(raw)) if dtype.kind == "O" else np.frombuffer(raw, dtype)
        found[tensor["name"]] = array.reshape(tensor["shape"])
    return found


def _texts(raw: bytes) -> list[str]:
    texts, place = [], 0
    while place < len(raw):
        length = int.from_bytes(raw[place : place + 4], "little")
        texts.append(raw[place + 4 : place + 4 + length].decode())
        place += 4 + length
    return texts


@contextmanager
def serving(path: Path, model: Model) -> Iterator[_Server]:
    """A server for `model` at `path`; ends with the block."""
    server = _Server(path, model)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        path.unlink()
