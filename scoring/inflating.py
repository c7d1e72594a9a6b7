"""Bodies compressed by gzip, unpacked within bounds, a moment of work at a time."""

from __future__ import annotations

import zlib

from scoring.errors import BadRequest, BodyTooLarge

STEP_BYTES = 1 << 18
"""What one step makes at most: less than a millisecond's work."""
_TAKEN_BYTES = 1 << 16
"""So much packed is taken at once, and unpacks to 64 MiB at most before the bound is looked at."""
_GZIP = 16 + zlib.MAX_WBITS


class Inflating:
    """One compressed body on its way to what it was. `most` bounds the bytes that come of it."""

    def __init__(self, body: bytes, most: int) -> None:
        self._body = body
        self._taken = 0
        self._most = most
        self._decoder = zlib.decompressobj(_GZIP)
        self._made: list[bytes] = []
        self.size = 0

    def step(self) -> bytes | None:
        """The whole body once it is there; None while there is more. Raises BadRequest, BodyTooLarge."""
        decoder = self._decoder
        packed = decoder.unconsumed_tail or self._take()
        try:
            made = decoder.decompress(packed, STEP_BYTES)
        except zlib.error as error:
            raise BadRequest(f"the body is not gzip, as its header says: {error}") from None
        self._made.append(made)
        self.size += len(made)
        if self.size > self._most:
            raise BodyTooLarge(f"the body is larger than {self._most} bytes when it is unpacked")
        behind = self._taken < len(self._body)
        if not decoder.eof:
            if not behind and not decoder.unconsumed_tail and len(made) < STEP_BYTES:
                raise BadRequest("the compressed body ends too early")
            return None
        if behind or decoder.unused_data:
            raise BadRequest("the compressed body has something behind its end")
        return b"".join(self._made)

    def _take(self) -> bytes:
        start, self._taken = self._taken, min(self._taken + _TAKEN_BYTES, len(self._body))
        return self._body[start : self._taken]
