"""A seal on a JSON document that travels where others may write: whoever has the key made it, for one place.

Its first member is a keyed digest of the place and of the document as it was without it, so that a reader who
knows of no seals reads the same document.
"""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest

_START, _END = b'{"seal": "', b'", '
_DIGITS = 64
"""A digest of 32 bytes in hex."""
_PERSON = b"assay-seal"


def sealed(document: str, key: bytes, place: str) -> str:
    """The JSON object with its seal. It is not empty."""
    body = document.encode()
    return (_START + _seal(body, key, place) + _END).decode() + document[1:]


def holds(said: bytes, key: bytes, place: str) -> bool:
    """Whether the document was sealed with this key for this place, and is as it was then."""
    start, rest = said[: len(_START) + _DIGITS + len(_END)], said[len(_START) + _DIGITS + len(_END) :]
    return compare_digest(start, _START + _seal(b"{" + rest, key, place) + _END)


def _seal(body: bytes, key: bytes, place: str) -> bytes:
    return (
        blake2b(place.encode() + b"\0" + body, key=key, person=_PERSON, digest_size=_DIGITS // 2)
        .hexdigest()
        .encode()
    )
