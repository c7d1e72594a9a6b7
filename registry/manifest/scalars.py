"""Single values of a manifest, typed by the rules of JSON, in whichever notation they stand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite

MERGE = "<<"
LONGEST_NUMBER = 40
"""A float written in full has 24 characters; whatever needs more than this cannot be kept exactly."""

_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?P<fraction>(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)")
_CONSTANTS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_CONSTANTS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NOT_FINITE = re.compile(r"(?P<sign>[-+]?)(?:\.(?:inf|Inf|INF)|Infinity)|\.(?:nan|NaN|NAN)|NaN")


@dataclass(frozen=True, slots=True)
class Wrong:
    """Stands where something cannot be kept, until the tree is walked and the path is known."""

    message: str


@dataclass(frozen=True, slots=True)
class NotFinite:
    """NaN or an infinity, as the word that JavaScript has for it."""

    word: str


def number(text: str) -> int | float | Wrong:
    """A JSON number; whole floats become integers, so that 1 and 1.0 are the same fact."""
    match = _NUMBER.fullmatch(text)
    if match is None or len(text) > LONGEST_NUMBER:
        return Wrong(f"{text[:LONGEST_NUMBER]} is not a number that can be kept exactly")
    value = float(text) if match["fraction"] else int(text)
    if not isfinite(value):
        return Wrong(f"{text} is beyond what a number can hold")
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def not_finite(text: str) -> NotFinite | None:
    """`NaN`, `-Infinity` and how YAML writes them: `.nan`, `-.inf`."""
    match = _NOT_FINITE.fullmatch(text)
    if match is None:
        return None
    if "n" in text.lower() and "i" not in text.lower():
        return NotFinite("NaN")
    return NotFinite("-Infinity" if match["sign"] == "-" else "Infinity")


def plain(text: str) -> object:
    """What a word without quotes is: a constant, a number, or the text itself."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text.startswith((".", "-.", "+.")) and (found := not_finite(text)):
        return found
    if len(text) <= LONGEST_NUMBER and _NUMBER.fullmatch(text):
        return number(text)
    return text
