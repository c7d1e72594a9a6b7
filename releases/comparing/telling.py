"""Rows that differ, as JSON and as CSV say them: numbers as numbers, what JSON lacks by its word."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator

from releases.comparing.rows import Row

COLUMNS = ("row", "base_row", "change", "truth", "base", "head", "base_right", "head_right", "inputs")


def plain(row: Row) -> dict[str, object]:
    """One row as JSON can hold it."""
    return {
        "row": row.row,
        "base_row": row.base_row,
        "change": _sayable(row.change),
        "truth": _sayable(row.truth),
        "base": _sayable(row.base),
        "head": _sayable(row.head),
        "base_right": row.base_right,
        "head_right": row.head_right,
        "inputs": {name: _sayable(values) for name, values in row.inputs.items()},
    }


def json_lines(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(plain(row), ensure_ascii=False) + "\n"


def csv_rows(rows: Iterable[Row], neutral: Callable[[object], str]) -> Iterator[list[object]]:
    """The header, then one line for each row; lists as JSON, a single value as it is."""
    yield list(COLUMNS)
    for row in rows:
        yield [_cell(value, neutral) for value in plain(row).values()]


def _cell(value: object, neutral: Callable[[object], str]) -> object:
    if isinstance(value, list) and len(value) == 1:
        (value,) = value
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    return neutral(value) if isinstance(value, str) else value


def _sayable(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list | tuple):
        return [_sayable(each) for each in value]
    return value
