"""The rows on which two versions answer differently, out of the tables that proofs leave behind.

Rows are looked at block by block: a page of a set of a million rows costs one pass over two columns,
and never more memory than a block and a page.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from formats.answers import close
from formats.dtypes import Array
from formats.tables import Column, Table
from formats.types import Tolerance

BLOCK = 1 << 16
"""Rows that are compared as arrays at once: some MB, whatever a set has."""
BATCH = 1 << 12
"""Of the largest changes kept in one pass: more take memory, fewer another pass over all rows."""
SHOWN = 64
"""As many elements of a row as an examination keeps (`keeping.MOST_ELEMENTS`)."""
INPUT = "input/"
_BACK = "before_"


class Only(StrEnum):
    """Which rows are wanted: all that differ, or those that one of the two alone gets right."""

    CHANGED = "changed"
    HEAD_RIGHT = "head_right"
    BASE_RIGHT = "base_right"


class Order(StrEnum):
    LARGEST = "largest"
    SMALLEST = "smallest"
    ROW = "row"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two versions' answers with the rows that both were asked.

    rows       the head's rows: inputs and truth.
    at_head, at_base   which row of each table belongs together; None where all do, in their order.
    """

    rows: Table
    head: Table
    base: Table
    at_head: NDArray[np.int64] | None = None
    at_base: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return self.head.rows if self.at_head is None else len(self.at_head)

    @property
    def judges(self) -> bool:
        """Whether it is known of each answer that it is right."""
        return all("right" in side.columns for side in (self.head, self.base))

    def places(self, start: int, stop: int) -> tuple[Any, Any]:
        """The rows in each table of some places in this pair."""
        if self.at_head is None or self.at_base is None:
            return slice(start, stop), slice(start, stop)
        return self.at_head[start:stop], self.at_base[start:stop]

    def numbers(self, place: int) -> tuple[int, int]:
        if self.at_head is None or self.at_base is None:
            return place, place
        return int(self.at_head[place]), int(self.at_base[place])


def matched(head_rows: Table, base_rows: Table, head: Table, base: Table) -> Pair:
    """The rows that stand in both sets, by their content; of rows that are alike in one set, the first."""
    ours, theirs = (rows.columns["digest"].values(slice(None)) for rows in (head_rows, base_rows))
    _, at_head, at_base = np.intersect1d(ours, theirs, return_indices=True)
    order = np.argsort(at_head)
    return Pair(head_rows, head, base, at_head[order], at_base[order])


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between rows: the key that they are ordered by and the place in the pair of the row beside
    it; the rows after it are meant, or `back`, those before it."""

    key: float
    place: int
    back: bool = False

    def __str__(self) -> str:
        # Without the plus of an exponent, which an address would read as a space.
        return f"{_BACK if self.back else ''}{self.key.hex()}_{self.place}".replace("+", "")

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """None for what is no cursor."""
        key, _, place = text.removeprefix(_BACK).rpartition("_")
        try:
            return cls(float.fromhex(key), int(place), text.startswith(_BACK))
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `change` is how far the answers are apart, infinite where they cannot be measured so."""

    row: int
    base_row: int
    change: float
    inputs: Mapping[str, Sequence[object]]
    truth: Sequence[object]
    base: Sequence[Any]
    head: Sequence[Any]
    base_right: bool | None
    head_right: bool | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the rows, and how many there are of each kind in all.

    judged   whether it is known of each answer that it is right; else nobody is counted as right.
    """

    rows: Sequence[Row]
    compared: int
    counts: Mapping[Only, int]
    judged: bool
    next: Cursor | None
    previous: Cursor | None


@dataclass(frozen=True, slots=True)
class _Block:
    """Some places of the pair: how far the answers are apart, and which of them are of which kind."""

    start: int
    change: NDArray[np.float64]
    kinds: Mapping[Only, NDArray[np.bool_]]


def page(
    pair: Pair,
    only: Only = Only.CHANGED,
    order: Order = Order.LARGEST,
    *,
    at: Cursor | None = None,
    most: int = 50,
) -> Page:
    """At most so many rows after the cursor, or before it, in one pass."""
    counts = dict.fromkeys(Only, 0)
    # What lies before a place is what lies after it in the order turned round.
    way = -1 if at is not None and at.back else 1
    best: tuple[Array, Array, Array] = (np.empty(0), np.empty(0, np.int64), np.empty(0))
    for block in _blocks(pair):
        for kind, mask in block.kinds.items():
            counts[kind] += int(mask.sum())
        found = np.flatnonzero(block.kinds[only])
        keys, places = way * _keys(block, found, order), way * (found + block.start)
        if at is not None:
            edge, place = way * at.key, way * at.place
            later = (keys > edge) | ((keys == edge) & (places > place))
            keys, places, found = keys[later], places[later], found[later]
        best = _least(
            most + 1, tuple(map(np.concatenate, zip(best, (keys, places, block.change[found]), strict=True)))
        )
    keys, places, change = (part[:most][::way] for part in best)
    told = [row(pair, int(place), float(far)) for place, far in zip(way * places, change, strict=True)]
    edges = [(float(way * keys[end]), int(way * places[end])) for end in (0, -1) if told]
    more = len(best[0]) > most
    return Page(
        told,
        len(pair),
        counts,
        pair.judges,
        next=Cursor(*edges[-1]) if edges and (more or way < 0) else None,
        previous=Cursor(*edges[0], back=True) if edges and (more if way < 0 else at is not None) else None,
    )


def each(pair: Pair, only: Only = Only.CHANGED, order: Order = Order.ROW) -> Iterator[Row]:
    """All of them, as they are read. By the size of the change it takes a pass for every BATCH of them, and
    no more memory."""
    if order is Order.ROW:
        for block in _blocks(pair):
            for at in np.flatnonzero(block.kinds[only]).tolist():
                yield row(pair, block.start + at, float(block.change[at]))
        return
    found = page(pair, only, order, most=BATCH)
    yield from found.rows
    while found.next is not None:
        found = page(pair, only, order, at=found.next, most=BATCH)
        yield from found.rows


def row(pair: Pair, place: int, change: float) -> Row:
    at_head, at_base = pair.numbers(place)
    inputs = {
        name.removeprefix(INPUT): column.beginning(at_head, SHOWN)
        for name, column in pair.rows.columns.items()
        if name.startswith(INPUT)
    }
    return Row(
        at_head,
        at_base,
        change,
        inputs,
        pair.rows.columns["truth"].beginning(at_head, SHOWN),
        pair.base.columns["answer"].beginning(at_base, SHOWN),
        pair.head.columns["answer"].beginning(at_head, SHOWN),
        _right(pair.base, at_base),
        _right(pair.head, at_head),
    )


def _right(side: Table, at: int) -> bool | None:
    column = side.columns.get("right")
    return None if column is None else bool(column.beginning(at, 1)[0])


def _least(most: int, found: Any) -> Any:
    """The first so many in order: by key, then by place."""
    keys, places, _ = found
    if len(keys) > most:
        # Among equal keys the order of places counts, so all that equal the last one stay in.
        last = np.partition(keys, most - 1)[most - 1]
        inside = keys <= last
        found = tuple(part[inside] for part in found)
        keys, places, _ = found
    order = np.lexsort((places, keys))[:most]
    return tuple(part[order] for part in found)


def _keys(block: _Block, found: Array, order: Order) -> NDArray[np.float64]:
    if order is Order.ROW:
        return (found + block.start).astype(np.float64)
    return -block.change[found] if order is Order.LARGEST else block.change[found]


def _blocks(pair: Pair) -> Iterator[_Block]:
    for start in range(0, len(pair), BLOCK):
        at_head, at_base = pair.places(start, min(start + BLOCK, len(pair)))
        change = _changes(pair, at_head, at_base)
        changed = change > 0
        kinds = {Only.CHANGED: changed}
        if pair.judges:
            ours, theirs = (side.columns["right"].values(at) for side, at in
                            ((pair.head, at_head), (pair.base, at_base)))  # fmt: skip
            changed |= ours != theirs
            kinds |= {Only.HEAD_RIGHT: ours & ~theirs, Only.BASE_RIGHT: theirs & ~ours}
        else:
            kinds |= dict.fromkeys((Only.HEAD_RIGHT, Only.BASE_RIGHT), np.zeros(len(change), bool))
        yield _Block(start, change, kinds)


def _changes(pair: Pair, at_head: Any, at_base: Any) -> NDArray[np.float64]:
    """How far apart each row's answers are; 0 within the tolerance."""
    ours, theirs = pair.head.columns["answer"], pair.base.columns["answer"]
    if ours.is_text and theirs.is_text:
        return np.asarray(ours.hashes(at_head) != theirs.hashes(at_base), np.float64)
    count = len(range(at_head.start, at_head.stop)) if isinstance(at_head, slice) else len(at_head)
    if ours.is_text or theirs.is_text:
        return np.full(count, math.inf)
    if ours.shape is not None and theirs.shape is not None:
        if ours.shape != theirs.shape:
            return np.full(count, math.inf)
        return _apart(pair.head.about, theirs.values(at_base), ours.values(at_head))
    return _one_by_one(pair.head.about, ours, theirs, _numbered(at_head), _numbered(at_base))


def _numbered(at: Any) -> Sequence[int]:
    return range(at.start, at.stop) if isinstance(at, slice) else at.tolist()


def _one_by_one(
    about: Mapping[str, object], ours: Column, theirs: Column, at_head: Sequence[int], at_base: Sequence[int]
) -> NDArray[np.float64]:
    far = []
    for head, base in zip(at_head, at_base, strict=True):
        one, other = ours.row(head), theirs.row(base)
        alike = one.shape == other.shape
        far.append(float(_apart(about, other[np.newaxis], one[np.newaxis])[0]) if alike else math.inf)
    return np.array(far)


def _apart(about: Mapping[str, Any], base: Array, head: Array) -> NDArray[np.float64]:
    """By amounts, the largest of a row's elements; by labels, the share of elements that differ."""
    rows = len(base)
    floats = "f" in (base.dtype.kind, head.dtype.kind)
    if not floats and not about.get("graded"):
        other = (base != head).reshape(rows, -1)
        return np.asarray(other.mean(axis=1), np.float64) if other.shape[1] else np.zeros(rows)
    before, after = (side.astype(np.float64).reshape(rows, -1) for side in (base, head))
    tolerance = Tolerance(float(about.get("atol", 0)), float(about.get("rtol", 0)))
    same = close(before, after, tolerance) if floats else before == after
    with np.errstate(invalid="ignore"):
        far = np.abs(after - before)
    far = np.where(same, 0.0, np.where(np.isnan(far), math.inf, far))
    return np.asarray(far.max(axis=1, initial=0.0), np.float64)
