"""JSON as two parsers cannot read it differently: keys once, no endless nesting, and texts that are texts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from scoring.errors import BadRequest

Document = TypeVar("Document")
_BARE = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|(NaN|-?Infinity)', re.DOTALL)
"""A text, which is passed over (also one without an end, which is then read only once), or a bare word."""
NULL = msgspec.Raw(b"null")
"""What an optional member may hold instead of not being there."""
NOT_UTF_8 = (
    "is no text in UTF-8, and BYTES carry nothing else here:"
    " send other bytes as base64 in a text, or to an input of datatype UINT8"
)
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
        raise BadRequest(no_text(body) or f"the body is not JSON: {error}") from None


def no_text(body: bytes) -> str:
    """Where in a JSON body something stands that is no text, in words; empty where it has none.

    Slow, and only asked about what a decoder has refused.
    """
    try:
        place = next(_broken(loads(body.removeprefix(_MARK)), ""), None)
    except (ValueError, RecursionError):
        return ""
    return "" if place is None else f"{place[:200] or 'the body'} {NOT_UTF_8}"


def loads(data: bytes, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """JSON in which bytes that are no text are half characters, so that the place of each can be told.

    Raises ValueError and RecursionError.
    """
    return json.loads(data.decode("utf-8", "surrogateescape"), object_pairs_hook=pairs)


def is_text(value: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _broken(value: object, place: str) -> Iterator[str]:
    if isinstance(value, str) and not is_text(value):
        yield place
    elif isinstance(value, list):
        for row, each in enumerate(value):
            yield from _broken(each, f"{place}[{row}]")
    elif isinstance(value, dict):
        for name, each in value.items():
            if not is_text(name):
                yield f"a key of {place}" if place else "a key"
            yield from _broken(each, f"{place}.{name}" if place else name)


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
        # A text that is none is refused by whoever reads it, with its place.
        loads(body.removeprefix(_MARK), _object)
    except (ValueError, RecursionError) as error:
        # The typed decoder looks less closely at what it leaves for later.
        raise BadRequest(f"the body is not JSON that this server reads: {error}") from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BadRequest(f"the key {name!r} stands twice in one object")
        found[name] = value
    return found
