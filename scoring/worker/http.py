"""HTTP at the edge: what a request's head says, how an answer is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

import orjson

from scoring import errors
from scoring.errors import ScoringError
from scoring.protocols.written import JSON
from scoring.statuses import status_of
from scoring.worker import media

REASONS = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    411: "Length Required",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
TEXT = b"text/plain; version=0.0.4; charset=utf-8"

_SENTENCE = 1000
"""Sentences may quote what the client sent, which may be megabytes."""

READ = frozenset(
    {
        b"authorization",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"expect",
        b"inference-header-content-length",
        b"transfer-encoding",
        b"x-assay-assignment",
        b"x-assay-unit",
    }
)
"""Header fields that mean something here. Each may stand once; all others are not looked at."""


R = TypeVar("R")


class Head(Generic[R]):
    """What a request's line and header fields say, checked.

    route    where it leads, once that is settled: the same bytes need not be asked again until another
             plan comes.
    """

    __slots__ = (
        "assignment",
        "authorization",
        "chunked",
        "compressed",
        "content_length",
        "expects_continue",
        "header_length",
        "keep_alive",
        "method",
        "route",
        "target",
        "unit",
    )

    def __init__(
        self, method: bytes, target: bytes, fields: Mapping[bytes, bytes], *, keep_alive: bool
    ) -> None:
        """Raises BadRequest on a malformed field, UnsupportedEncoding on one but gzip, UnsupportedType."""
        self.method = method
        self.target = target if target.startswith(b"/") else _origin_form(target)
        self.keep_alive = keep_alive
        self.authorization = fields.get(b"authorization", b"")
        self.expects_continue = fields.get(b"expect", b"").lower() == b"100-continue"
        self.content_length = _length(fields, b"content-length")
        self.header_length = _length(fields, b"inference-header-content-length")
        self.route: R | None = None
        self.chunked = b"transfer-encoding" in fields
        if method == b"POST":
            media.check(fields.get(b"content-type", b""))
        self.unit = _unit(fields.get(b"x-assay-unit"))
        self.assignment = fields.get(b"x-assay-assignment")
        encoding = fields.get(b"content-encoding", b"identity").lower()
        self.compressed = encoding in {b"gzip", b"x-gzip"}
        if not self.compressed and encoding not in {b"", b"identity"}:
            raise errors.UnsupportedEncoding("send the body as it is, or compressed by gzip")

    def can_be_remembered(self) -> bool:
        """True when nothing but the length says where the message ends, and another one may follow."""
        return self.keep_alive and not (self.chunked or self.expects_continue or self.compressed)


def error_answer(error: ScoringError, *, worker: bytes, keep_alive: bool) -> bytes:
    """The whole answer for an error, in the protocol's form: `error` is a sentence, `code` is stable."""
    body = orjson.dumps({"error": str(error)[:_SENTENCE], "code": error.code})
    status = status_of(error)
    extra = b""
    if status in {503, 504}:
        extra = b"Retry-After: %d\r\n" % error.retry_after
    elif status == 401:
        extra = b'WWW-Authenticate: Bearer realm="scoring"\r\n'
    return answer(status, body, worker=worker, keep_alive=keep_alive, extra=extra)


def answer(
    status: int,
    body: bytes,
    *,
    worker: bytes,
    keep_alive: bool,
    content_type: bytes = JSON,
    extra: bytes = b"",
) -> bytes:
    """A whole answer. `extra` is header lines, each with its line end."""
    return b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nX-Assay-Worker: %b\r\n%b%bContent-Length: %d\r\n\r\n%b" % (
        status,
        REASONS[status].encode(),
        content_type,
        worker,
        extra,
        b"" if keep_alive else b"Connection: close\r\n",
        len(body),
        body,
    )


def _origin_form(target: bytes) -> bytes:
    """A target as proxies are told it, `http://host/path`, without the host: there is only one here."""
    scheme, _, rest = target.partition(b"://")
    if scheme.lower() not in {b"http", b"https"}:
        return target
    end = min(place for place in (rest.find(b"/"), rest.find(b"?"), len(rest)) if place >= 0)
    path = rest[end:]
    return path if path.startswith(b"/") else b"/" + path


def _length(fields: Mapping[bytes, bytes], name: bytes) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if not value.isdigit() or len(value) > 15:
        raise errors.BadRequest(f"the header {name.decode()} must be a number of bytes")
    return int(value)


def _unit(value: bytes | None) -> str | None:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise errors.BadRequest("the header X-Assay-Unit must be UTF-8") from None
