"""JSON values of many rows as arrays, some at a time: a list of Python numbers is ten times their size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from formats.answers import WORDS
from formats.dtypes import DTYPES, FLOATS, Array
from formats.sets.errors import BadSet

BLOCK = 1024
"""Rows of JSON that become one array: fewer cost an array each, more are held as objects."""
_WORDS: Mapping[object, float] = dict(((None, np.nan), *WORDS.items()))


@dataclass(slots=True)
class Column:
    """The values of one name. `parts` are rows with their values stacked, as far as shapes are alike."""

    name: str
    datatype: str | None
    parts: list[tuple[Sequence[int], Array]] = field(default_factory=list)
    _rows: list[int] = field(default_factory=list)
    _lines: list[int] = field(default_factory=list)
    _values: list[object] = field(default_factory=list)

    def add(self, row: int, line: int, value: object) -> None:
        """Raises BadSet with the line whose value is none of the datatype."""
        self._rows.append(row)
        self._lines.append(line)
        self._values.append(value)
        if len(self._rows) == BLOCK:
            self._turn()

    def arrays(self, rows: int, *, optional: bool) -> dict[str, Array]:
        """One array where all rows have values of one shape, else requests/<row>/<name>. Raises BadSet."""
        self._turn()
        held = sum(len(part) for part, _ in self.parts)
        if held < rows and not optional:
            raise BadSet(f"{self.name} stands in {held:,} of {rows:,} lines.")
        stacked = [array for _, array in self.parts]
        if len({array.dtype.kind == "U" for array in stacked}) > 1:
            raise BadSet(f"{self.name} must be numbers in all rows, or texts in all rows.")
        if held == rows and len({array.shape[1:] for array in stacked}) == 1:
            return {self.name: np.concatenate(_alike(self.name, stacked))}
        return {
            f"requests/{row}/{self.name}": value
            for part, array in self.parts
            for row, value in zip(part, array, strict=True)
        }

    def _turn(self) -> None:
        """Make arrays of what has been added."""
        rows, lines, values = self._rows, self._lines, self._values
        if not rows:
            return
        try:
            self.parts.append((_short(rows), _typed(values, self.datatype)))
        except _NO_VALUE:
            for row, line, value in zip(rows, lines, values, strict=True):
                array = to_array(value, self.datatype, f"{self.name} of line {line}")
                self.parts.append(((row,), array[np.newaxis]))
        self._rows, self._lines, self._values = [], [], []


_NO_VALUE = (TypeError, ValueError, OverflowError, RecursionError)


def to_array(value: object, datatype: str | None, called: str) -> Array:
    """A JSON value as an array of the protocol's datatype; None: as it comes, numbers or texts."""
    try:
        return _typed(value, datatype)
    except _NO_VALUE as error:
        wanted = datatype or "number or text"
        raise BadSet(f"{called[:120]} is no {wanted}: {str(error)[:200]}.") from error


def _typed(value: object, datatype: str | None) -> Array:
    found = _regular(value)
    if datatype in FLOATS and found.dtype.kind in "OU":
        found = _regular(_numbers(value))
    if found.dtype.kind == "O" or (found.dtype.kind == "U" and not all(map(_is_text, _leaves(value)))):
        raise TypeError("it must be numbers alone, or texts alone")
    if datatype is None:
        return _whole(value, found, DTYPES["UINT64"]) if _is_rounded(found, value) else found
    wanted = DTYPES[datatype]
    if datatype == "BYTES" or found.dtype.kind == "U" or wanted.kind == "b":
        if found.dtype.kind != {"O": "U", "b": "b"}.get(wanted.kind) and found.size:
            raise TypeError(f"it holds {_kind(found)}")
        return found if found.size else found.astype(np.str_ if wanted.kind == "O" else wanted)
    if wanted.kind in "iu":
        return _whole(value, found, wanted)
    with np.errstate(over="ignore"):
        return found.astype(wanted)


def _regular(value: object) -> Array:
    try:
        return np.array(value)
    except ValueError:
        raise ValueError("its lists differ in length") from None


def _whole(value: object, found: Array, wanted: np.dtype[np.generic]) -> Array:
    """Whole numbers with all their digits: numpy would round, cut or wrap what does not fit."""
    if found.dtype.kind not in "biu" or (found.dtype == np.uint64 and wanted != np.uint64):
        exact = np.array(value, dtype=object)
        if any(not isinstance(each, bool | int | float) or each != int(each) for each in exact.reshape(-1)):
            raise ValueError("it holds a number that is not whole")
        found = np.array([int(each) for each in exact.reshape(-1)], dtype=wanted).reshape(exact.shape)
    made = found.astype(wanted)
    if not np.array_equal(made, found):
        raise ValueError("a number is too large")
    return made


def _is_rounded(found: Array, value: object) -> bool:
    """Whether numpy has made floats of whole numbers, because no type of 64 bits holds them all."""
    return found.dtype.kind == "f" and all(isinstance(leaf, int) for leaf in _leaves(value))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _numbers(value: object) -> object:
    """Lists with the words that stand for what JSON has no number for; other texts stay texts."""
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return _WORDS.get(value, value) if value is None or isinstance(value, str) else value


def _kind(array: Array) -> str:
    return {"U": "text", "b": "true or false"}.get(array.dtype.kind, "numbers")


def _short(rows: list[int]) -> Sequence[int]:
    whole = range(rows[0], rows[-1] + 1)
    return whole if len(whole) == len(rows) else rows


def _alike(name: str, arrays: list[Array]) -> list[Array]:
    """Arrays whose common type holds all their digits."""
    dtypes = {array.dtype for array in arrays}
    if np.dtype(np.uint64) in dtypes and len(dtypes) > 1 and all(dtype.kind in "iu" for dtype in dtypes):
        if min(int(array.min()) for array in arrays if array.size) < 0:
            raise BadSet(f"{name} holds whole numbers that no type of 64 bits has all.")
        return [array.astype(np.uint64) for array in arrays]
    return arrays
