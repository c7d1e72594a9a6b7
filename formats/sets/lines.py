"""A small set as JSON Lines: `{"inputs": {...}, "expected": {...}}` or `{"inputs": {...}, "target": ...}`.

Lines become arrays of the same names as in an NPZ: one array where all lines have the same shape, else
requests/<line>/<name>.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from formats.dtypes import Array
from formats.sets.columns import Column, to_array
from formats.sets.errors import BadSet
from formats.sets.foreign import BOM
from formats.sets.members import InMemory
from formats.sets.naming import COLUMNS, EXPECTED, INPUTS, SLICES, TOLERANCES
from formats.sets.testset import SetLimits
from formats.types import Signature

OBJECTS = {"inputs": INPUTS, "expected": EXPECTED, "slice": SLICES}
KEYS = (*OBJECTS, *COLUMNS)


def read_lines(path: Path, signature: Signature, limits: SetLimits) -> InMemory:
    """The set's arrays. Raises BadSet with the line that is wrong."""
    if path.stat().st_size > limits.text_bytes:
        raise BadSet(f"A set as JSON Lines has at most {limits.text_bytes:,} bytes: save it as NPZ.")
    datatypes = {f"{INPUTS}{spec.name}": spec.datatype for spec in signature.inputs}
    datatypes |= {f"{EXPECTED}{spec.name}": spec.datatype for spec in signature.outputs}
    optional = {f"{INPUTS}{spec.name}" for spec in signature.inputs if spec.optional}
    arrays: dict[str, Array] = {}
    columns: dict[str, Column] = {}
    rows = 0
    for number, row in _rows(path):
        arrays |= {name: _tolerance(name, row, number, first=not rows) for name in TOLERANCES if name in row}
        for name, value in _flat(row, number):
            column = columns.get(name) or columns.setdefault(name, Column(name, datatypes.get(name)))
            if value is not None or name not in optional:
                column.add(rows, number, value)
        rows += 1
    if not rows:
        raise BadSet("The set is empty: it has no lines.")
    for name, column in columns.items():
        arrays |= column.arrays(rows, optional=name in optional)
    return InMemory(arrays)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            text = line.removeprefix(BOM) if number == 1 else line
            if text.strip():
                yield number, _row(text, number)


def _row(line: bytes, number: int) -> dict[str, object]:
    try:
        row = _DECODER.decode(line.decode())
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


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("it has one name twice in an object")
    return made


_DECODER = json.JSONDecoder(object_pairs_hook=_once)


def _flat(row: Mapping[str, Any], number: int) -> Iterator[tuple[str, object]]:
    yield from ((name, row[name]) for name in COLUMNS if name in row)
    for key, prefix in OBJECTS.items():
        for name, value in row.get(key, {}).items():
            if not name:
                raise BadSet(f"Line {number} has something without a name under {key}.")
            yield f"{prefix}{name}", value


def _tolerance(name: str, row: Mapping[str, object], number: int, *, first: bool) -> Array:
    if not first:
        raise BadSet(f"Line {number} has {name}: tolerances are the set's and stand on its first line.")
    return to_array(row[name], None, name)
