"""Frozen values that are JSON documents too: their fields say how they are written and what is read.

Reading is strict: no text is taken for a number, no number for a flag. Members that are not known here
are left alone, for a later release may have written them; absent ones take their defaults, for an earlier
one may.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

import msgspec

Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""A SHA-256 in hexadecimal digits. It names files, so nothing else is taken for one."""
Json = dict[str, Any]
"""An object as JSON has it."""
Count = Annotated[int, msgspec.Meta(ge=0)]


class Hex(bytes):
    """Bytes that a document writes in hexadecimal digits."""

    __slots__ = ()


class Document(msgspec.Struct, frozen=True):
    """A value with one form in JSON, the same for all its kinds."""

    def to_json(self) -> Json:
        """The document as JSON has it: lists, keys that are texts, sets in order."""
        return msgspec.json.decode(msgspec.json.encode(self.built()), type=dict)

    def built(self) -> Json:
        """What is to be encoded: the same, but that tuples are no lists yet."""
        return dict(msgspec.to_builtins(self, str_keys=True, order="deterministic", enc_hook=_written))

    @classmethod
    def from_json(cls, document: object) -> Self:
        """The value in a document. Raises ValueError that says what is wrong, and where."""
        return msgspec.convert(document, cls, str_keys=True, dec_hook=_read)


def _written(value: object) -> str:
    if isinstance(value, Hex):
        return value.hex()
    raise NotImplementedError(f"{type(value).__name__} has no form in JSON")


def _read(kind: type, said: object) -> object:
    if kind is Hex and isinstance(said, str):
        return Hex.fromhex(said)
    raise TypeError(f"{kind.__name__} is not read from a {type(said).__name__}")
