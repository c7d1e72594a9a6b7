"""One entry per row, of any rank: arrays of one shape, or of a shape of their own in each row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from formats.dtypes import Array
from formats.types import FREE

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_AT_ONCE = 1 << 20
"""Elements of a part: the copies stay in some MB."""


@dataclass(frozen=True, slots=True)
class Ragged:
    """Rows whose shapes differ.

    values   all elements of all rows one after the other, shape (elements,).
    shapes   of each row, shape (rows, rank).
    """

    values: Array
    shapes: Codes

    @classmethod
    def of(cls, rows: Sequence[Array]) -> Ragged:
        """Raises ValueError where the rows differ in rank."""
        if len({row.ndim for row in rows}) > 1:
            raise ValueError("the rows differ in rank")
        values = np.concatenate([row.reshape(-1) for row in rows])
        return cls(values, np.array([row.shape for row in rows], np.int64).reshape(len(rows), -1))

    def __len__(self) -> int:
        return len(self.shapes)

    def rows(self) -> Iterator[Array]:
        ends = np.cumsum(self.shapes.prod(axis=1))
        for end, shape in zip(ends.tolist(), self.shapes.tolist(), strict=True):
            yield self.values[end - prod(shape) : end].reshape(shape)


Entries = Array | Ragged


def row_shape(entries: Entries) -> tuple[int, ...]:
    """The shape of one row, with a free axis where rows differ."""
    if not isinstance(entries, Ragged):
        return entries.shape[1:]
    first = entries.shapes[0]
    same = (entries.shapes == first).all(axis=0)
    return tuple(int(axis) if fixed else FREE for axis, fixed in zip(first, same, strict=True))


def entry(entries: Entries, row: int) -> Array:
    """One row."""
    if not isinstance(entries, Ragged):
        return np.asarray(entries[row])
    end = int(entries.shapes[: row + 1].prod(axis=1).sum())
    shape = entries.shapes[row]
    return entries.values[end - int(shape.prod()) : end].reshape(shape)


def each(entries: Entries) -> Iterator[Array]:
    """The rows, one after the other."""
    return entries.rows() if isinstance(entries, Ragged) else iter(entries)


def dtype(entries: Entries) -> np.dtype[np.generic]:
    return entries.values.dtype if isinstance(entries, Ragged) else entries.dtype


def sizes(entries: Entries) -> Codes:
    """How many elements each row has; shape (rows,)."""
    if isinstance(entries, Ragged):
        return np.asarray(entries.shapes.prod(axis=1), np.int64)
    return np.full(len(entries), prod(entries.shape[1:]), np.int64)


def flat(entries: Entries, start: int, stop: int) -> Array:
    """The elements of some rows one after the other, in row-major order; a view where it can be."""
    if not isinstance(entries, Ragged):
        return entries[start:stop].reshape(-1)
    ends = np.concatenate([[0], np.cumsum(sizes(entries))])
    return entries.values[ends[start] : ends[stop]]


def columns(entries: Entries, start: int, stop: int, axis: int) -> Array:
    """The same with one axis of a row laid across: shape (places, length of that axis)."""
    if not isinstance(entries, Ragged):
        part = np.moveaxis(entries[start:stop], axis + 1, -1)
        return part.reshape(-1, part.shape[-1])
    ends = np.concatenate([[0], np.cumsum(sizes(entries))])
    parts = Ragged(entries.values[ends[start] : ends[stop]], entries.shapes[start:stop])
    length = int(entries.shapes[0][axis])
    return np.concatenate([np.moveaxis(row, axis, -1).reshape(-1, length) for row in parts.rows()])


def blocks(counts: Codes) -> Iterator[tuple[int, int]]:
    """(start, stop) of runs of rows, each of about a million elements at most; `counts` as from `sizes`."""
    ends, start = np.cumsum(counts), 0
    while start < len(counts):
        done = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _AT_ONCE, side="right")))
        yield start, stop
        start = stop
