"""The one reader of JSON bodies: bounded in bytes and depth, text that can be stored and sent back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from registry.errors import TooLarge

DEEPEST = 64
"""Far deeper than any document of ours; the reader recurses, and a deeper body would end its thread."""


class JsonBody(BaseParser):
    """`application/json` in UTF-8. Raises TooLarge, and ParseError in words for everything else."""

    media_type = "application/json"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw: bytes = stream.read(limit + 1)
        if len(raw) > limit:
            raise TooLarge(
                f"The body is larger than the limit of {limit:,} bytes.", field="body", limit=limit
            )
        if not raw.strip():
            return {}
        return _checked(_decoded(raw))


def _decoded(raw: bytes) -> object:
    try:
        return json.loads(raw.decode("utf-8-sig"), parse_constant=_no_number)
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError as error:
        raise ParseError(f"The body is not UTF-8: byte {error.start} is none.") from None
    except ValueError as error:
        raise ParseError(f"The body is not JSON: {error}.") from None


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _checked(document: object) -> object:
    """Level by level, so that a body as deep as it is long costs no stack."""
    level, depth = [document], 0
    while level:
        if depth > DEEPEST:
            raise _too_deep()
        for value in level:
            if isinstance(value, str):
                _check_text(value)
            elif isinstance(value, dict):
                for key in value:
                    _check_text(key)
        level = [inner for value in level for inner in _inside(value)]
        depth += 1
    return document


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _check_text(text: str) -> None:
    """Half a character cannot be sent back, a NUL cannot be stored by PostgreSQL."""
    if "\0" in text:
        raise ParseError("The body holds the character NUL (\\u0000): leave it out.")
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ParseError("The body holds half a character (a lone surrogate): send whole UTF-8.")


def _too_deep() -> ParseError:
    return ParseError(f"The body is nested deeper than {DEEPEST} levels.")
