"""Just enough HTTP/1.1 for asking our own server over a Unix socket, without a copy of what is large.

The server runs the model, so it is believed in nothing: head and body have limits, and the time of
a call runs out however slowly bytes trickle in.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from releases.proof.examiner.findings import BadAnswer, ServerLost, TimedOut

Raw = bytes | memoryview
MOST_HEAD = 64 << 10
"""Our own server writes 300 bytes; the one in the cell may be anything by now."""
MOST_BODY = 256 << 20
"""Held in memory as a whole by an examiner that may have 4 GiB, beside the set's own rows."""
_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, header fields by lower-case name, and the body."""

    status: int
    fields: dict[str, str]
    body: memoryview


class Connection:
    """One kept-alive connection: a question, then its answer, and so on.

    `send` and `receive` are apart so that two connections can overlap: while one waits for its
    answer, the next question is written on the other. Raises ServerLost, TimedOut and BadAnswer; after each
    the connection is closed, and the next question opens another.
    """

    def __init__(self, path: Path, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._deadline = 0.0
        self._socket: socket.socket | None = None

    def send(self, target: str, fields: Sequence[tuple[str, str]], body: Sequence[Raw]) -> None:
        """Write a POST whose body is `body`'s parts, one after the other."""
        length = sum(memoryview(part).nbytes for part in body)
        lines = [f"POST {target} HTTP/1.1", "Host: cell", f"Content-Length: {length}"]
        lines += [f"{name}: {value}" for name, value in fields]
        self._deadline = monotonic() + self._timeout
        try:
            opened = self._open()
            opened.sendall("\r\n".join([*lines, "", ""]).encode())
            for part in body:
                opened.settimeout(self._left())
                opened.sendall(part)
        except OSError as error:
            raise self._lost(error) from error

    def receive(self) -> Answer:
        """Read the answer to what was sent."""
        try:
            head, rest = self._head()
            status, fields = _parsed(head)
            body = self._body(_length(fields), rest)
        except OSError as error:
            raise self._lost(error) from error
        except BadAnswer:
            self.close()
            raise
        if fields.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, fields, body)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket.settimeout(self._timeout)
            self._socket.connect(str(self._path))
        self._socket.settimeout(self._left())
        return self._socket

    def _head(self) -> tuple[bytes, bytes]:
        data = b""
        while _END not in data:
            if len(data) > MOST_HEAD:
                raise BadAnswer(f"the server's answer has a head of more than {MOST_HEAD} bytes")
            data += self._more(MOST_HEAD)
        head, _, rest = data.partition(_END)
        return head, rest

    def _body(self, length: int, rest: bytes) -> memoryview:
        if len(rest) > length:
            raise BadAnswer("the server answered more bytes than it announced")
        body = memoryview(bytearray(length))
        body[: len(rest)] = rest
        have = len(rest)
        while have < length:
            opened = self._open()
            read = opened.recv_into(body[have:])
            if not read:
                raise ConnectionResetError
            have += read
        return body

    def _more(self, most: int) -> bytes:
        data = self._open().recv(most)
        if not data:
            raise ConnectionResetError
        return data

    def _left(self) -> float:
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _lost(self, error: OSError) -> ServerLost | TimedOut:
        self.close()
        if isinstance(error, TimeoutError):
            return TimedOut(f"the server did not answer within {self._timeout:g} s")
        if isinstance(error, FileNotFoundError | ConnectionRefusedError):
            return ServerLost("the server cannot be reached: it has not started, or it has died")
        return ServerLost("the server died under the question: the connection broke before the answer came")


def _parsed(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    status = rest[:3]
    if version not in {"HTTP/1.1", "HTTP/1.0"} or not (status.isascii() and status.isdigit()):
        raise BadAnswer(f"the server does not speak HTTP: {first[:80]!r}")
    named = (line.partition(":") for line in lines)
    return int(status), {name.strip().lower(): value.strip() for name, _, value in named}


def _length(fields: dict[str, str]) -> int:
    text = fields.get("content-length", "")
    if "transfer-encoding" in fields or not (text.isascii() and text.isdigit() and len(text) < 16):
        raise BadAnswer("the server's answer does not say how long it is")
    if int(text) > MOST_BODY:
        raise BadAnswer(f"the server's answer has {text} bytes; at most {MOST_BODY} are read")
    return int(text)
