"""JSON values that no typed decoder takes, one by one: gaps, words for what JSON has no number for, mistakes.

Only where the fast way has refused a tensor is it read here: the second look finds the place.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import chain, pairwise
from typing import Any

import msgspec

from formats.dtypes import FLOATS
from formats.types import TensorSpec
from scoring.errors import BadTensor
from scoring.protocols.strict import NOT_UTF_8, is_text, loads
from scoring.tensors import REFUSED_INFINITY, REFUSED_NAN, bad_value

WORDS: Mapping[str, float] = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""How our own answers write what JSON has no number for."""
_SHOWN = 40
"""Of a value within a sentence."""
_EXACT = 2**53
"""Beyond it a number written with a point need not be the one that was meant."""


def values(spec: TensorSpec, data: msgspec.Raw) -> object:
    """A tensor's JSON as plain lists. Raises BadTensor where it is none."""
    try:
        return loads(bytes(data))
    except (ValueError, RecursionError) as error:
        raise BadTensor(f"input {spec.name!r} takes {spec.datatype}: {error}", input=spec.name) from None


def unrolled(spec: TensorSpec, shape: Sequence[int], nested: Any) -> list[Any]:
    """The elements of nested lists in row-major order. Raises BadTensor where they are not of `shape`."""
    count = 1
    for axis, inner in pairwise(shape):
        count *= axis
        if len(nested) != count or any(type(row) is not list or len(row) != inner for row in nested):
            raise BadTensor(
                f"input {spec.name!r} is ragged, or is not of the shape {list(shape)} that it declares",
                input=spec.name,
            )
        nested = list(chain.from_iterable(nested))
    return list(nested)


def shown_shape(spec: TensorSpec, nested: object) -> tuple[int, ...]:
    """The shape that nested lists show by their first entries. Raises BadTensor where they are too flat."""
    shape: list[int] = []
    level = nested
    for axis in spec.shape:
        if shape and not shape[-1]:
            # below an empty axis nothing is left to show: what is fixed stays
            shape.append(max(axis, 0))
            continue
        if not isinstance(level, list):
            raise BadTensor(
                f"input {spec.name!r} takes lists of shape {list(spec.shape)}, {len(spec.shape)} deep",
                input=spec.name,
            )
        shape.append(len(level))
        level = level[0] if level else ()
    return tuple(shape)


def typed(spec: TensorSpec, shape: Sequence[int], plain: Sequence[object]) -> list[object]:
    """The elements as the input's datatype has them. Raises BadTensor with the place of the first mistake."""
    take = _float if spec.datatype in FLOATS else _TAKES.get(spec.datatype, _whole)
    found = []
    for place, value in enumerate(plain):
        try:
            found.append(take(spec, value))
        except _No as no:
            raise bad_value(spec, shape, place, str(no)) from None
    return found


class _No(Exception):
    """Why a value is none of the datatype."""


def _float(spec: TensorSpec, value: object) -> float:
    if isinstance(value, int | float):
        # Also true and false: a column of them is how tables say one or nought.
        number = _as_float(value)
    elif value is None:
        number = math.nan
    elif isinstance(value, str) and value in WORDS:
        number = WORDS[value]
    else:
        raise _No(f"is {_shown(value)}: this input takes {spec.datatype}")
    if math.isnan(number) and not spec.missing:
        raise _No(f"is {'null' if value is None else 'NaN'}: {REFUSED_NAN}")
    if math.isinf(number) and not spec.infinite:
        raise _No(REFUSED_INFINITY)
    return number


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise _No("is larger than any float") from None


def _whole(spec: TensorSpec, value: object) -> int:
    if isinstance(value, int) or (type(value) is float and value.is_integer() and abs(value) <= _EXACT):
        return int(value)
    if value is None or value == "NaN":
        raise _No(f"is missing: {spec.datatype} has no NaN, so this input takes no missing values")
    raise _No(f"is {_shown(value)}: this input takes {spec.datatype}")


def _flag(spec: TensorSpec, value: object) -> bool:
    if type(value) is bool:
        return value
    raise _No(f"is {_shown(value)}: this input takes true or false")


def _text(spec: TensorSpec, value: object) -> str:
    if isinstance(value, str):
        if not is_text(value):
            raise _No(NOT_UTF_8)
        return value
    if value is None:
        raise _No("is null: texts have no missing value, send a text")
    raise _No(f"is {_shown(value)}: this input takes texts")


_TAKES = {"BOOL": _flag, "BYTES": _text}


def _shown(value: Any) -> str:
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
