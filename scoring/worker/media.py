"""What a body says that it is: JSON or binary tensors, in UTF-8."""

from __future__ import annotations

from functools import lru_cache

from scoring.errors import UnsupportedType

JSON = frozenset({"application/json", "text/json", "text/plain"})
BINARY = "application/octet-stream"
UNSAID = frozenset({"", "*/*", "application/x-www-form-urlencoded"})
"""What says nothing: the last is what curl writes where nobody tells it otherwise."""
UTF_8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_LONGEST_SAID = 100
"""Of a header within a sentence."""


@lru_cache(maxsize=256)
def check(value: bytes) -> None:
    """Raises UnsupportedType where the header `Content-Type` names something else or another charset."""
    kind, *parameters = (part.strip() for part in value.decode("latin-1").lower().split(";"))
    if not (kind in JSON or kind in UNSAID or kind == BINARY or _is_like_json(kind)):
        raise UnsupportedType(
            f"{kind[:_LONGEST_SAID]!r} is not read here: send JSON as application/json, or binary tensors "
            "as application/octet-stream"
        )
    for parameter in parameters:
        name, _, charset = parameter.partition("=")
        if name.strip() == "charset" and charset.strip(' "') not in UTF_8:
            raise UnsupportedType(f"the charset {charset[:_LONGEST_SAID]!r} is not read here: send UTF-8")


def _is_like_json(kind: str) -> bool:
    return kind.startswith("application/") and kind.endswith("+json")
