"""Requests compressed by gzip: read as what they unpack to, no further than somebody asks for."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import ParseError, UnsupportedMediaType

UNKNOWN_LENGTH = 2**62
"""What stands for the length of a body that does not say how long it is, as the web server puts it."""
_PIECE_BYTES = 1 << 16
"""So much at once is read of what is packed, so that a bomb is noticed after a few."""
_API = "/api/"
_PLAIN = "Send the form as it is: only the API takes compressed bodies."
_GZIP = 16 + zlib.MAX_WBITS


def unpacking(answer: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware. Nothing is unpacked before a view of the API reads, and that one has its limits."""

    def unpacked(request: HttpRequest) -> HttpResponse:
        encoding = request.headers.get("Content-Encoding", "identity").lower()
        if encoding in ("", "identity"):
            return answer(request)
        if not request.path.startswith(_API):
            return HttpResponse(_PLAIN, status=415, content_type="text/plain")
        raw: Any = request
        # Django has no other place for a stream.
        come = raw._stream  # noqa: SLF001
        raw._stream = Unpacked(come) if encoding in ("gzip", "x-gzip") else _Refused()  # noqa: SLF001
        request.META["CONTENT_LENGTH"] = str(UNKNOWN_LENGTH)
        return answer(request)

    return unpacked


class _Refused:
    """Whoever reads hears why there is nothing to read."""

    def read(self, size: int = -1) -> bytes:
        raise UnsupportedMediaType("", "Send the body as it is, or compressed by gzip.")


class Unpacked:
    """The bytes that come of a gzip stream. Each read makes at most what it was asked for."""

    def __init__(self, packed: Any) -> None:
        self._packed = packed
        self._decoder = zlib.decompressobj(_GZIP)

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, fewer only at the end. Raises ParseError where the stream is broken."""
        made = bytearray()
        while len(made) < size and not self._decoder.eof:
            made += self._some(size - len(made))
        return bytes(made)

    def _some(self, size: int) -> bytes:
        decoder = self._decoder
        come = decoder.unconsumed_tail or self._packed.read(_PIECE_BYTES)
        try:
            made = decoder.decompress(come, size)
        except zlib.error as error:
            raise ParseError(f"The body is not gzip, as its header says: {error}.") from None
        if decoder.eof and (decoder.unused_data or self._packed.read(1)):
            raise ParseError("The compressed body has something behind its end.")
        if not come and not made:
            raise ParseError("The compressed body ends too early.")
        return made
