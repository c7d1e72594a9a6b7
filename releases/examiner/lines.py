"""A small set as JSON Lines: `{"inputs": {...}, "expected": {...}}` or `{"inputs": {...}, "target": ...}`.

A line's values are nested lists. Where each has one axis less than the signature, a line is a
sample; where each has all axes, it is one whole request.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from formats.dtypes import DTYPES
from formats.types import Signature, TensorSpec
from releases.examiner.closeness import Tolerance
from releases.examiner.findings import BadSet
from releases.examiner.sets import ExaminedSet, Listed, Stacked, kind_of
from releases.examiner.spec import RowKind

Array = NDArray[Any]
Row = Mapping[str, Any]

MOST_BYTES = 256 << 20
MOST_LINES = 1_000_000
_KEYS = {"inputs", "expected", "target", "weight", "group", "slice", "atol", "rtol"}
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def read(path: Path, signature: Signature, declared: RowKind | None) -> ExaminedSet:
    """The set. `atol` and `rtol` may stand on the first line. Raises BadSet with the line that is wrong."""
    rows = _rows(path)
    inputs = [_tensors(row, "inputs", signature.inputs, index) for index, row in enumerate(rows)]
    expected = [_tensors(row, "expected", signature.outputs, index) for index, row in enumerate(rows)]
    common: dict[str, Any] = {
        "target": _column(rows, "target"),
        "weight": _column(rows, "weight"),
        "group": _column(rows, "group"),
        "slices": _slices(rows),
        "tolerance": _tolerance(rows[0]),
    }
    stacked = _stacked(inputs)
    kind: RowKind = "requests"
    if stacked is not None:
        kind = kind_of({name: array.shape for name, array in stacked.items()}, signature, declared)
    answers = _stacked(expected) if any(expected) else None
    if kind == "samples" and stacked is not None:
        made = Stacked(answers, kind) if answers is not None else None
        if made is None and any(expected):
            raise BadSet("the rows' expected outputs differ in shape")
        return ExaminedSet(kind, len(rows), Stacked(stacked, kind), made, **common)
    return ExaminedSet(kind, len(rows), Listed(inputs), Listed(expected) if any(expected) else None, **common)


def _rows(path: Path) -> list[Row]:
    if path.stat().st_size > MOST_BYTES:
        raise BadSet(f"a set as JSON Lines has at most {MOST_BYTES >> 20} MiB: send it as NPZ")
    rows = []
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if number > MOST_LINES:
                raise BadSet(f"a set as JSON Lines has at most {MOST_LINES} lines: send it as NPZ")
            if line.strip():
                rows.append(_row(line, number))
    if not rows:
        raise BadSet("the set has no rows")
    return rows


def _row(line: bytes, number: int) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadSet(f"line {number} is not JSON: {str(error)[:200]}") from error
    if not isinstance(row, dict) or not isinstance(row.get("inputs"), dict):
        raise BadSet(f"line {number} has no inputs")
    if unknown := sorted(set(row) - _KEYS):
        raise BadSet(f"line {number} has {unknown[0][:100]!r}, which means nothing in a set")
    return row


def _tensors(row: Row, key: str, specs: Sequence[TensorSpec], index: int) -> dict[str, Array]:
    values = row.get(key) or {}
    known = {spec.name: spec for spec in specs}
    if not isinstance(values, dict) or set(values) - set(known):
        raise BadSet(f"row {index}: {key} must name some of {sorted(known)}")
    return {name: _array(value, known[name], index) for name, value in values.items() if value is not None}


def _array(value: Any, spec: TensorSpec, index: int) -> Array:
    try:
        return _typed(value, spec.datatype)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise BadSet(f"row {index}: {spec.name} is no {spec.datatype}: {str(error)[:200]}") from error


def _typed(value: Any, datatype: str) -> Array:
    dtype = DTYPES[datatype]
    if dtype.kind == "f":
        return np.array(_numbers(value), dtype=dtype)
    found = np.array(value)
    if found.dtype.kind not in {"O": "U", "b": "b"}.get(dtype.kind, "iu"):
        raise TypeError(f"it holds {found.dtype}")
    made = found if datatype == "BYTES" else found.astype(dtype)
    if not np.array_equal(made, found):
        raise ValueError("a number does not fit")
    return made


def _numbers(value: Any) -> Any:
    """JSON has no word for what is not finite; the protocol writes it as text."""
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return _WORDS.get(value, value) if isinstance(value, str) else value


def _stacked(rows: Sequence[Mapping[str, Array]]) -> dict[str, Array] | None:
    """One array per name, None where the rows' shapes or names differ."""
    shapes = {name: array.shape for name, array in rows[0].items()}
    if any({name: array.shape for name, array in row.items()} != shapes for row in rows):
        return None
    return {name: np.stack([row[name] for row in rows]) for name in shapes}


def _column(rows: Sequence[Row], key: str) -> Array | None:
    return _values([row.get(key) for row in rows], key)


def _values(values: Sequence[Any], name: str) -> Array | None:
    if all(value is None for value in values):
        return None
    try:
        column = np.array(values)
    except ValueError as error:
        raise BadSet(f"{name} differs in shape from row to row") from error
    if column.dtype.kind not in "biufU" or _mixed(values):
        raise BadSet(f"{name} must be numbers in all rows, or texts in all rows")
    return column


def _mixed(values: Iterable[Any]) -> bool:
    """numpy would make texts of numbers that stand beside texts."""
    return len({isinstance(value, str) for value in values}) > 1


def _slices(rows: Sequence[Row]) -> dict[str, Array]:
    names = {name for row in rows for name in row.get("slice") or {}}
    found = {name: _values([(row.get("slice") or {}).get(name) for row in rows], name) for name in names}
    return {name: column for name, column in sorted(found.items()) if column is not None}


def _tolerance(first: Row) -> Tolerance:
    values = {key: first[key] for key in ("atol", "rtol") if key in first}
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise BadSet(f"{name} must be a finite number, zero or greater")
    return Tolerance(**values)
