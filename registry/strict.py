"""What somebody writes, read into a frozen value: refusals name the field and say what to write.

The types of the value's fields say all of it: bounds, and in `Meta(description=...)` the sentence. Where a
bound cannot say what holds, `Meta(extra={"holds": predicate})` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec.structs import fields

from registry.errors import BadInput

S = TypeVar("S", bound=msgspec.Struct)


def read(kind: type[S], document: object, place: str) -> S:
    """The value in a document; what is left out takes its default.

    place  dotted name of the document. Raises BadInput with the name of the field below it.
    """
    types = _types(kind)
    if not isinstance(document, Mapping):
        raise BadInput(f"Write an object: {', '.join(types)}.", field=place)
    for name in document:
        if name not in types:
            raise BadInput(f"There is no {name!r} here: {near(name, types)}", field=f"{place}.{name}")
    for each in fields(kind):
        if each.required and each.name not in document:
            raise BadInput(_sentence(*_parted(each.type)), field=f"{place}.{each.name}")
    return kind(**{name: _value(types[name], said, f"{place}.{name}") for name, said in document.items()})


def near(name: object, known: Iterable[str], introduced: str = "there are") -> str:
    """What somebody may have meant who wrote a name that is none, or all that is."""
    known = list(known)
    close = get_close_matches(str(name), known, n=1)
    return f"did you mean {close[0]}?" if close else f"{introduced} {', '.join(known)}."


@cache
def _types(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {each.name: each.type for each in fields(kind)}


def _value(kind: Any, said: object, place: str) -> Any:
    bare, meta = _parted(kind)
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        return read(bare, said, place)
    if get_origin(bare) is Mapping and isinstance(said, Mapping):
        key, value = get_args(bare)
        return {_value(key, name, place): _value(value, said[name], f"{place}.{name}") for name in said}
    try:
        found = msgspec.convert(said, kind)
    except msgspec.ValidationError as error:
        raise BadInput(_sentence(bare, meta) or f"{error}.", field=place) from error
    if not all(each.extra["holds"](found) for each in meta if each.extra and "holds" in each.extra):
        raise BadInput(_sentence(bare, meta), field=place)
    return found


def _parted(kind: Any) -> tuple[Any, list[msgspec.Meta]]:
    """A type without its annotations, and these."""
    bare, *meta = get_args(kind) if get_origin(kind) is Annotated else (kind,)
    return bare, meta


def _sentence(bare: Any, meta: list[msgspec.Meta]) -> str:
    if bare is bool:
        return "Write true or false."
    if get_origin(bare) is Literal:
        return f"Write one of {', '.join(get_args(bare))}."
    return next((each.description for each in meta if each.description), "")
