"""Answers as the protocol's JSON writes them, and when two are the same.

Whole numbers, texts and booleans are compared exactly, floats within a tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from formats.dtypes import DTYPES, Array
from formats.types import Signature, Tolerance

WORDS: Mapping[str, float] = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""How JSON says what it has no number for."""
_TYPES: Mapping[str, set[type]] = {"f": {int, float}, "i": {int}, "u": {int}, "b": {bool}, "O": {str}}


class Tolerances(Tolerance, frozen=True, omit_defaults=True):
    """How close a version's outputs must be: the set's own word, and the signature's on single outputs."""

    # Without a default here: a document says both.
    atol: float
    rtol: float
    outputs: dict[str, Tolerance] = {}

    @classmethod
    def of(cls, own: Tolerance, signature: Signature) -> Tolerances:
        outputs = {spec.name: spec.tolerance for spec in signature.outputs if spec.tolerance}
        return cls(own.atol, own.rtol, outputs)

    def on(self, output: str) -> Tolerance:
        return self.outputs.get(output, self)


def elements(datatype: str, data: Iterable[object]) -> Array:
    """The elements of one output's JSON data, however its lists nest, flat in row-major order.

    numpy would cut fractions off and make texts of numbers: the values' types are looked at first.
    Raises ValueError, TypeError, OverflowError or KeyError on what is no data of this datatype.
    """
    dtype = DTYPES[datatype]
    values = list(_flat(data))
    if dtype.kind == "f":
        values = [WORDS[value] if isinstance(value, str) else value for value in values]
    if not set(map(type, values)) <= _TYPES[dtype.kind]:
        raise ValueError(f"there is data that is not {datatype}")
    with np.errstate(over="ignore"):
        return np.array(values, dtype=np.str_ if dtype.kind == "O" else dtype)


def _flat(data: Iterable[object]) -> Iterator[object]:
    for value in data:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


def first_difference(expected: Array, got: Array, tolerance: Tolerance) -> int | None:
    """The place in row-major order of the first element that differs, None where all are the same.

    Both have the same shape. Text is never the same as a number; a whole number is the same as another
    one only, and as a float within the tolerance, both with all their digits.
    """
    if (expected.dtype.kind in "US") != (got.dtype.kind in "US"):
        return 0 if expected.size else None
    if "f" in (expected.dtype.kind, got.dtype.kind):
        wide = np.float64 if expected.dtype.kind == got.dtype.kind else np.longdouble
        same = close(expected.astype(wide), got.astype(wide), tolerance)
    else:
        same = expected == got
    differing = np.flatnonzero(~np.asarray(same).reshape(-1))
    return int(differing[0]) if differing.size else None


def close(expected: Array, got: Array, tolerance: Tolerance) -> NDArray[np.bool_]:
    """Which floats are the same within the tolerance; NaN is the same as NaN."""
    with np.errstate(invalid="ignore", over="ignore"):
        within = np.abs(expected - got) <= tolerance.atol + tolerance.rtol * np.abs(expected)
    finite = np.isfinite(expected)
    exact = (expected == got) | (np.isnan(expected) & np.isnan(got))
    return np.asarray(np.where(finite, within, exact))
