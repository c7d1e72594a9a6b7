"""What the head says: every column with its parts, each part with its place in the file."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from formats.dtypes import DTYPES

MAGIC = b"ASSAYTB1"
TAIL = struct.Struct("<QQ8s")
MOST_BYTES = 4 << 30
"""As large as a cell may write: what is read was written in one."""
_MOST_HEAD_BYTES = 1 << 20
"""Thousands of columns; parsed as a whole before anything else is believed."""
_MOST_ITEMS = 10**12
"""Of a column: products of two of these and an item's size stay exact, and no file is so long."""

Whole = Annotated[int, Meta(ge=0, le=_MOST_ITEMS)]
Word = Annotated[str, Meta(max_length=200)]
Elements = Literal["values", "bytes", "ends", "element_ends", "shapes", "hashes"]
About = Mapping[str, str | int | float | bool | None]
_INDEX: Mapping[str, np.dtype[np.uint64]] = {
    name: np.dtype("<u8") for name in ("ends", "element_ends", "shapes", "hashes")
}


class BadTable(ValueError):
    """The file is not one of these, or it was cut short."""


@dataclass(frozen=True, slots=True)
class Part:
    """A flat array: where it begins, in bytes, and how many items it has."""

    at: Whole
    items: Whole


@dataclass(frozen=True, slots=True)
class Layout:
    """One column.

    datatype  the protocol's word; of BYTES the elements are UTF-8 texts.
    shape     of one row, None where each row has its own: then `shapes` and `ends` say it, with `rank` axes.
    whole     how many elements a row had before it was cut to those that are kept; 0 where nothing was cut.
    parts     values: the elements; bytes and element_ends: the texts and where each ends; ends: where each
              row's elements end; shapes: the rows' shapes; hashes: 8 bytes for each row of texts.
    """

    name: Word
    datatype: Word
    shape: Annotated[tuple[Whole, ...], Meta(max_length=32)] | None
    parts: dict[Elements, Part]
    rank: Annotated[int, Meta(ge=0, le=32)] = 0
    whole: Whole = 0

    @property
    def is_text(self) -> bool:
        return self.datatype == "BYTES"

    def dtype(self, part: str) -> np.dtype[np.generic]:
        if part in _INDEX:
            return _INDEX[part]
        return np.dtype(np.uint8) if part == "bytes" else DTYPES[self.datatype]


@dataclass(frozen=True, slots=True)
class Head:
    rows: Whole
    columns: Annotated[tuple[Layout, ...], Meta(max_length=10_000)]
    about: dict[Word, str | int | float | bool | None] = field(default_factory=dict)


_decoder = msgspec.json.Decoder(Head)


def parse(data: bytes, room: int) -> Head:
    """The head, whose parts all lie in the first `room` bytes and fit its rows. Raises BadTable."""
    try:
        head = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadTable(f"the head is malformed: {error}") from error
    for layout in head.columns:
        if layout.datatype not in DTYPES:
            raise BadTable(f"column {layout.name!r} has no known datatype")
        wanted = _wanted(layout, head.rows)
        if wanted.keys() != layout.parts.keys():
            raise BadTable(f"column {layout.name!r} has not the parts that it needs")
        for name, part in layout.parts.items():
            if part.at + part.items * layout.dtype(name).itemsize > room:
                raise BadTable(f"column {layout.name!r} reaches beyond the file")
            if wanted[name] not in (None, part.items):
                raise BadTable(f"column {layout.name!r} has not as many {name} as the table has rows")
    return head


def _wanted(layout: Layout, rows: int) -> dict[str, int | None]:
    """How many items each part must have; None where only the elements themselves say it."""
    elements = None if layout.shape is None else rows * math.prod(layout.shape)
    wanted: dict[str, int | None] = {"values": elements}
    if layout.is_text:
        wanted = {"bytes": None, "element_ends": elements, "hashes": rows}
    if layout.shape is None:
        wanted |= {"ends": rows, "shapes": rows * layout.rank}
    return wanted


def dump(head: Head) -> bytes:
    """Raises BadTable where it grew too large to be read again."""
    data = msgspec.json.encode(head)
    if len(data) > _MOST_HEAD_BYTES:
        raise BadTable("there are too many columns")
    return data


def locate(tail: bytes, size: int) -> tuple[int, int]:
    """Where the head begins and ends. Raises BadTable."""
    if len(tail) != TAIL.size:
        raise BadTable("the file is too short")
    at, length, magic = TAIL.unpack(tail)
    if magic != MAGIC or length > _MOST_HEAD_BYTES or at + length + TAIL.size != size:
        raise BadTable("the file does not end as a table does")
    return at, at + length
