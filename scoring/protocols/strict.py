"""JSON as two parsers cannot read it differently: no duplicate keys, no endless nesting."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from scoring.errors import BadRequest

Document = TypeVar("Document")
_BARE = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|(NaN|-?Infinity)', re.DOTALL)
"""A text, which is passed over (also one without an end, which is then read only once), or a bare word."""
NULL = msgspec.Raw(b"null")
"""What an optional member may hold instead of not being there."""
_MARK = b"\xef\xbb\xbf"


def decode(decoder: Callable[[bytes], Document], body: bytes) -> Document:
    """The typed document in a body. Raises BadRequest with the place of the first mistake.

    A byte order mark before it, as some systems write one, is passed over.
    """
    try:
        return decoder(body.removeprefix(_MARK))
    except msgspec.ValidationError as error:
        raise BadRequest(f"the body is not what this call takes: {error}") from None
    except RecursionError:
        raise BadRequest("the body is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if worded := _worded(body):
            return decode(decoder, worded)
        raise BadRequest(f"the body is not JSON: {error}") from None


def _worded(body: bytes) -> bytes:
    """A body with NaN and infinities as texts, as our own answers write them; empty when it has none.

    Python's json writes the bare words, which no JSON parser has to take.
    """
    if b"NaN" not in body and b"Infinity" not in body:
        return b""
    worded = _BARE.sub(lambda found: b'"%b"' % found[1] if found[1] else found[0], body)
    return worded if worded != body else b""


def refuse_duplicates(body: bytes) -> None:
    """Raise BadRequest when an object in `body` has one key twice.

    Slow, so callers count first: each key brings one colon, and as many colons as the typed
    decoder found keys means that none came twice. Only bodies with more (a colon in a string,
    or indeed a duplicate) are read again.
    """
    try:
        json.loads(body.removeprefix(_MARK), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        # The typed decoder looks less closely at what it leaves for later.
        raise BadRequest(f"the body is not JSON that this server reads: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BadRequest(f"the key {name!r} stands twice in one object")
        found[name] = value
    return found
