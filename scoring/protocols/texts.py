"""Arrays as JSON text. What JSON has no number for goes out as "NaN", "Infinity", "-Infinity"."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import orjson

from formats.dtypes import Array

_NUMPY = orjson.OPT_SERIALIZE_NUMPY


def nested_text(array: Array) -> bytes:
    """Nested lists, as deep as the array has axes."""
    if array.dtype.kind in "OU":
        return orjson.dumps(array.tolist())
    if array.ndim == 0:
        return nested_text(array.reshape(1))[1:-1]
    text = orjson.dumps(array if array.flags.c_contiguous else np.ascontiguousarray(array), option=_NUMPY)
    # A numeric array has no null of its own: this is how orjson writes what is not finite.
    return text if b"null" not in text else orjson.dumps(_worded(array.tolist()))


def flat_text(array: Array) -> bytes:
    """One flat list in row-major order."""
    return nested_text(array.reshape(-1))


def row_texts(array: Array) -> list[bytes]:
    """The flat list's inside of each row along axis 0: one encoding for all rows of a run."""
    if array.dtype.kind not in "OU" and array.ndim <= 2:
        text = nested_text(array)
        if b'"' not in text:
            return text[1:-1].split(b",") if array.ndim == 1 else text[2:-2].split(b"],[")
    return [flat_text(row)[1:-1] for row in array.reshape(len(array), -1)]


def _worded(value: Any) -> Any:
    if isinstance(value, list):
        return [_worded(item) for item in value]
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
