"""What every protocol hands over when it has written an answer."""

from __future__ import annotations

from typing import NamedTuple

JSON = b"application/json"
BINARY = b"application/octet-stream"


class Written(NamedTuple):
    """An answer's body, its type, and header lines that go with it."""

    body: bytes
    content_type: bytes
    extra: bytes = b""
