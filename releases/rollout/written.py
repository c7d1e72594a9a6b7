"""Designs, counts, standings and decisions as JSON, and back: the same value again, to the last bit.

One rule for all of these frozen values: an object by the names of its fields, a tuple as a list, a mapping
whose keys have parts as a sorted list of pairs, what JSON has no number for by its name. Of what is counted
only what there is any of is written; of all else everything, so that a default may change without changing
what was decided by it. What is missing has its default: it was written before there was such a thing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from difflib import get_close_matches
from enum import Enum
from functools import cache, partial
from math import isfinite
from operator import index
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from releases.rollout.counts import Additive

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Value = TypeVar("Value")
_Reader = Callable[[Any, str], Any]

_NO_NUMBERS = ("inf", "-inf", "nan")


class Unreadable(ValueError):
    """What was stored is none of ours: the sentence names the place and says what belongs there."""


def to_json(value: DataclassInstance) -> dict[str, Any]:
    """Equal values are written alike, in whatever order they were put together."""
    counted = isinstance(value, Additive)
    told = {each: getattr(value, each.name) for each in fields(value)}
    return {
        each.name: _written(member)
        for each, member in told.items()
        if not (counted and member == _default(each))
    }


def from_json(kind: type[Value], value: object, at: str = "") -> Value:
    """The value of which `to_json` made this. `at` is what to call it in a refusal.

    Raises Unreadable.
    """
    return _dataclass(kind, value, at or kind.__name__.lower())  # type: ignore[no-any-return]


# --- writing ----------------------------------------------------------------------------------------


def _written(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return float(value) if isfinite(value) else repr(float(value))
    if isinstance(value, tuple):
        return [_written(each) for each in value]
    if isinstance(value, Mapping):
        return _written_mapping(value)
    return to_json(value) if is_dataclass(value) and not isinstance(value, type) else index(value)


def _written_mapping(value: Mapping[Any, Any]) -> Any:
    pairs = [(_written(key), _written(value[key])) for key in sorted(value)]
    return dict(pairs) if all(isinstance(key, str) for key, _ in pairs) else [list(pair) for pair in pairs]


def _default(each: Field[Any]) -> Any:
    return each.default if each.default_factory is MISSING else each.default_factory()


# --- reading ----------------------------------------------------------------------------------------


@cache
def _reader(hint: Any) -> _Reader:
    """What reads a value of this type."""
    if is_dataclass(hint):
        return partial(_dataclass, hint)
    if hint in _PLAIN:
        return partial(_plain, hint)
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Mapping:
        named = parts[0] is str
        return partial(_mapping, _reader(parts[1] if named else tuple.__class_getitem__(parts)), named)
    if origin is tuple:
        return partial(_tuple, tuple(_reader(part) for part in parts if part is not ...), parts[-1] is ...)
    if type(None) in parts:
        return partial(_optional, _reader(parts[0]))
    return partial(_enum, hint)


@cache
def _members(kind: Any) -> tuple[dict[str, _Reader], frozenset[str]]:
    """How each field is read, and which ones must be there."""
    hints = get_type_hints(kind)
    needed = {each.name for each in fields(kind) if each.default is each.default_factory is MISSING}
    return {each.name: _reader(hints[each.name]) for each in fields(kind)}, frozenset(needed)


def _dataclass(kind: Any, value: Any, at: str) -> Any:
    readers, needed = _members(kind)
    if not isinstance(value, dict):
        raise Unreadable(f"{at} is an object, not {_short(value)}.")
    for name in value:
        if name not in readers:
            near = get_close_matches(str(name), readers, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(readers)}."
            raise Unreadable(f"{at} has no {name!r}: {hint}")
    if missing := sorted(needed - value.keys()):
        raise Unreadable(f"{at} lacks {missing[0]!r}.")
    return kind(**{name: readers[name](member, f"{at}.{name}") for name, member in value.items()})


_PLAIN: dict[Any, tuple[Any, str]] = {
    str: (str, "a text"),
    bool: (bool, "true or false"),
    int: (int, "a whole number"),
    float: (int | float, "a number"),
}


def _plain(hint: Any, value: Any, at: str) -> Any:
    if hint is float and value in _NO_NUMBERS:
        return float(value)
    kinds, words = _PLAIN[hint]
    if not isinstance(value, kinds) or (isinstance(value, bool) and hint is not bool):
        raise Unreadable(f"{at} is {words}, not {_short(value)}.")
    try:
        return hint(value)
    except OverflowError:
        raise Unreadable(f"{at} is a number of eight bytes, not {_short(value)}.") from None


def _enum(kind: type[Enum], value: Any, at: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(str(each.value) for each in kind)
        raise Unreadable(f"{at} is one of {known}, not {_short(value)}.") from None


def _optional(read: _Reader, value: Any, at: str) -> Any:
    return None if value is None else read(value, at)


def _tuple(readers: tuple[_Reader, ...], endless: bool, value: Any, at: str) -> Any:
    if not isinstance(value, list):
        raise Unreadable(f"{at} is a list, not {_short(value)}.")
    each = readers * len(value) if endless else readers
    if len(each) != len(value):
        raise Unreadable(f"{at} has {len(each)} members, not {len(value)}.")
    told = zip(each, value, strict=True)
    return tuple(read(member, f"{at}[{place}]") for place, (read, member) in enumerate(told))


def _mapping(read: _Reader, named: bool, value: Any, at: str) -> Any:
    if named:
        if not isinstance(value, dict):
            raise Unreadable(f"{at} is an object, not {_short(value)}.")
        return {name: read(member, f"{at}.{name}") for name, member in value.items()}
    if not isinstance(value, list):
        raise Unreadable(f"{at} is a list of pairs, not {_short(value)}.")
    pairs = [read(pair, f"{at}[{place}]") for place, pair in enumerate(value)]
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Unreadable(f"{at} says one thing twice.")
    return found


def _short(value: object) -> str:
    told = repr(value)
    return told if len(told) <= 60 else f"{told[:60]}…"
