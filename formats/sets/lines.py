"""A small set as JSON Lines: `{"inputs": {...}, "expected": {...}}` or `{"inputs": {...}, "target": ...}`.

Lines become arrays of the same names as in an NPZ: one array where all lines have the same shape, else
requests/<line>/<name>.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from formats.dtypes import DTYPES, FLOATS, Array
from formats.sets.errors import BadSet
from formats.sets.foreign import BOM
from formats.sets.members import InMemory
from formats.sets.naming import COLUMNS, EXPECTED, INPUTS, SLICES, TOLERANCES
from formats.sets.testset import SetLimits
from formats.types import Signature

OBJECTS = {"inputs": INPUTS, "expected": EXPECTED, "slice": SLICES}
KEYS = (*OBJECTS, *COLUMNS)
WORDS = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf, None: np.nan}

Columns = dict[str, dict[int, Array]]


def read_lines(path: Path, signature: Signature, limits: SetLimits) -> InMemory:
    """The set's arrays. Raises BadSet with the line that is wrong."""
    if path.stat().st_size > limits.text_bytes:
        raise BadSet(f"A set as JSON Lines has at most {limits.text_bytes:,} bytes: save it as NPZ.")
    datatypes = {f"{INPUTS}{spec.name}": spec.datatype for spec in signature.inputs}
    datatypes |= {f"{EXPECTED}{spec.name}": spec.datatype for spec in signature.outputs}
    optional = {f"{INPUTS}{spec.name}" for spec in signature.inputs if spec.optional}
    arrays: dict[str, Array] = {}
    columns: Columns = {}
    rows = 0
    for number, row in _rows(path):
        arrays |= {name: _tolerance(name, row, number, first=not rows) for name in TOLERANCES if name in row}
        for name, value in _flat(row, number):
            if value is not None or name not in optional:
                called = f"{name} of line {number}"
                columns.setdefault(name, {})[rows] = _array(value, datatypes.get(name), called)
        rows += 1
    if not rows:
        raise BadSet("The set is empty: it has no lines.")
    for name, column in columns.items():
        arrays |= _stacked(name, column, rows, optional=name in optional)
    return InMemory(arrays)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            text = line.removeprefix(BOM) if number == 1 else line
            if text.strip():
                yield number, _row(text, number)


def _row(line: bytes, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise BadSet(f"Line {number} is not JSON: {str(error)[:200]}.") from error
    if not isinstance(row, dict) or not isinstance(row.get("inputs"), dict):
        raise BadSet(f'Line {number} is no row: it is {{"inputs": {{...}}, ...}} with expected or target.')
    for name, value in row.items():
        if name not in KEYS and name not in TOLERANCES:
            raise BadSet(f"Line {number} has {name[:100]!r}, which means nothing in a set: it has {KEYS}.")
        if name in OBJECTS and not isinstance(value, dict):
            raise BadSet(f"Line {number} is no row: {name} is an object of names and values.")
    return row


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("it has one name twice in an object")
    return made


def _flat(row: Mapping[str, Any], number: int) -> Iterator[tuple[str, Any]]:
    yield from ((name, row[name]) for name in COLUMNS if name in row)
    for key, prefix in OBJECTS.items():
        for name, value in row.get(key, {}).items():
            if not name:
                raise BadSet(f"Line {number} has something without a name under {key}.")
            yield f"{prefix}{name}", value


def _tolerance(name: str, row: Mapping[str, Any], number: int, *, first: bool) -> Array:
    if not first:
        raise BadSet(f"Line {number} has {name}: tolerances are the set's and stand on its first line.")
    return _array(row[name], None, name)


def _array(value: Any, datatype: str | None, called: str) -> Array:
    """A JSON value as an array of the protocol's datatype; None: as it comes, numbers or texts."""
    try:
        return _typed(value, datatype)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        wanted = datatype or "number or text"
        raise BadSet(f"{called[:120]} is no {wanted}: {str(error)[:200]}.") from error


def _typed(value: Any, datatype: str | None) -> Array:
    found = _regular(_numbers(value) if datatype in FLOATS else value)
    if found.dtype.kind == "O" or (found.dtype.kind == "U" and not all(map(_is_text, _leaves(value)))):
        raise TypeError("it must be numbers alone, or texts alone")
    if datatype is None:
        return _whole(value, DTYPES["UINT64"]) if _is_rounded(found, value) else found
    wanted = DTYPES[datatype]
    if datatype == "BYTES" or found.dtype.kind == "U" or wanted.kind == "b":
        if found.dtype.kind != {"O": "U", "b": "b"}.get(wanted.kind) and found.size:
            raise TypeError(f"it holds {_kind(found)}")
        return found if found.size else found.astype(np.str_ if wanted.kind == "O" else wanted)
    if wanted.kind in "iu":
        return _whole(value, wanted)
    with np.errstate(over="ignore"):
        return found.astype(wanted)


def _regular(value: Any) -> Array:
    try:
        return np.array(value)
    except ValueError:
        raise ValueError("its lists differ in length") from None


def _whole(value: Any, wanted: np.dtype[Any]) -> Array:
    """Whole numbers with all their digits: numpy would round, cut or wrap what does not fit."""
    found = np.array(value)
    if found.dtype.kind not in "biu" or (found.dtype == np.uint64 and wanted != np.uint64):
        exact = np.array(value, dtype=object)
        if any(not isinstance(each, bool | int | float) or each != int(each) for each in exact.reshape(-1)):
            raise ValueError("it holds a number that is not whole")
        found = np.array([int(each) for each in exact.reshape(-1)], dtype=wanted).reshape(exact.shape)
    made = found.astype(wanted)
    if not np.array_equal(made, found):
        raise ValueError("a number is too large")
    return made


def _is_rounded(found: Array, value: Any) -> bool:
    """Whether numpy has made floats of whole numbers, because no type of 64 bits holds them all."""
    return found.dtype.kind == "f" and all(isinstance(leaf, int) for leaf in _leaves(value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _numbers(value: Any) -> Any:
    """Lists with the words that stand for what JSON has no number for; other texts stay texts."""
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return WORDS.get(value, value) if value is None or isinstance(value, str) else value


def _kind(array: Array) -> str:
    return {"U": "text", "b": "true or false"}.get(array.dtype.kind, "numbers")


def _stacked(name: str, column: dict[int, Array], rows: int, *, optional: bool) -> dict[str, Array]:
    """One array where each row has one of the same shape, else each row's by itself."""
    if len(column) < rows and not optional:
        raise BadSet(f"{name} stands in {len(column):,} of {rows:,} lines.")
    texts = {array.dtype.kind == "U" for array in column.values()}
    if len(texts) > 1:
        raise BadSet(f"{name} must be numbers in all rows, or texts in all rows.")
    shapes = {array.shape for array in column.values()}
    if len(column) == rows and len(shapes) == 1:
        return {name: np.stack(_alike(name, list(column.values())))}
    return {f"requests/{row}/{name}": array for row, array in column.items()}


def _alike(name: str, arrays: list[Array]) -> list[Array]:
    """Arrays whose common type holds all their digits."""
    dtypes = {array.dtype for array in arrays}
    if np.dtype(np.uint64) in dtypes and len(dtypes) > 1 and all(dtype.kind in "iu" for dtype in dtypes):
        if min(int(array.min()) for array in arrays if array.size) < 0:
            raise BadSet(f"{name} holds whole numbers that no type of 64 bits has all.")
        return [array.astype(np.uint64) for array in arrays]
    return arrays
