"""Tables as Parquet, written row group by row group while they are read.

As much of the format as flat tables need: plain values, pages packed by gzip, columns that may lack a value.
Source: Apache Parquet, `parquet.thrift` of format 2.10 (numbers of fields and enumerations), Thrift's compact
protocol.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

MAGIC = b"PAR1"
MEDIA_TYPE = "application/vnd.apache.parquet"
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_Fields = dict[int, object]
_PLAIN, _RLE, _GZIP, _DATA_PAGE, _LEVEL = 0, 3, 2, 0, 1
"""Encodings, codec and kind of page by their numbers; its quickest level halves gzip's time."""


# --- Thrift's compact protocol: structs as {number of a field: value} ---------------------------------


class I32(int):
    """Written as a field of 32 bits; any other `int` has 64."""


class _Type(NamedTuple):
    code: int
    write: Callable[[Any], bytes]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _zigzag(value: int) -> bytes:
    return _varint(value << 1 if value >= 0 else (-value << 1) - 1)


def _binary(text: str) -> bytes:
    data = text.encode()
    return _varint(len(data)) + data


def _list(values: Sequence[object]) -> bytes:
    of = _type(values[0] if values else {})
    short = len(values) < 15
    head = bytes([(len(values) if short else 15) << 4 | of.code])
    return head + (b"" if short else _varint(len(values))) + b"".join(map(of.write, values))


def _struct(fields: _Fields) -> bytes:
    out, before = bytearray(), 0
    for number, value in sorted(fields.items()):
        if value is None:
            continue
        of, step = _type(value), number - before
        code = (1 if value else 2) if isinstance(value, bool) else of.code
        out += bytes([step << 4 | code]) + of.write(value)
        before = number
    return bytes(out + b"\0")


def _type(value: object) -> _Type:
    if isinstance(value, bool):
        return _Type(1, lambda _: b"")  # its value is in the head of its field
    for kind, of in (
        (I32, _Type(5, _zigzag)),
        (int, _Type(6, _zigzag)),
        (str, _Type(8, _binary)),
        (list, _Type(9, _list)),
    ):
        if isinstance(value, kind):
            return of
    return _Type(12, _struct)


# --- columns ------------------------------------------------------------------------------------------


def _texts(values: Sequence[str]) -> bytes:
    return b"".join(struct.pack("<I", len(data)) + data for data in (value.encode() for value in values))


def _times(values: Sequence[datetime]) -> bytes:
    return np.array([(value - _EPOCH) // _MICROSECOND for value in values], "<i8").tobytes()


@dataclass(frozen=True, slots=True)
class Kind:
    """What a column holds: how values are written, plain and in a row, and their types' numbers."""

    physical: int
    write: Callable[[Sequence[Any]], bytes]
    converted: int | None = None
    logical: _Fields | None = None


WHOLE = Kind(2, lambda values: np.array(values, "<i8").tobytes())
NUMBER = Kind(5, lambda values: np.array(values, "<f8").tobytes())
TEXT = Kind(6, _texts, 0, {1: {}})
TIME = Kind(2, _times, 10, {8: {1: True, 2: {2: {}}}})
"""With its zone; kept in microseconds since 1970, UTC."""


@dataclass(frozen=True, slots=True)
class Column:
    """`optional`: a row may have None."""

    name: str
    kind: Kind
    optional: bool = False

    def schema(self) -> _Fields:
        kind = self.kind
        converted = None if kind.converted is None else I32(kind.converted)
        return {1: I32(kind.physical), 3: I32(self.optional), 4: self.name, 6: converted, 10: kind.logical}

    def page(self, values: Sequence[object]) -> bytes:
        """One page: which rows have a value, a bit each, and the values."""
        if not self.optional:
            return self.kind.write(values)
        there = [value for value in values if value is not None]
        bits = np.packbits([value is not None for value in values], bitorder="little").tobytes()
        levels = _varint(len(bits) << 1 | 1) + bits
        return struct.pack("<I", len(levels)) + levels + self.kind.write(there)


def written(
    columns: Sequence[Column], rows: Iterable[Sequence[object]], at_once: int = 1 << 16
) -> Iterator[bytes]:
    """A file in pieces, a row group of at most `at_once` rows each: so many are held at a time, whatever
    there is. A row has one value for each column, in their order."""
    yield MAGIC
    at, total, groups, rest = len(MAGIC), 0, list[_Fields](), iter(rows)
    while group := list(islice(rest, at_once)):
        data, told = _group(columns, group, at)
        yield data
        at, total = at + len(data), total + len(group)
        groups.append(told)
    root: _Fields = {4: "schema", 5: I32(len(columns))}
    schema = [root, *(column.schema() for column in columns)]
    foot = _struct({1: I32(1), 2: schema, 3: total, 4: groups, 6: "Assay"})
    yield foot + struct.pack("<I", len(foot)) + MAGIC


def _group(columns: Sequence[Column], rows: Sequence[Sequence[object]], at: int) -> tuple[bytes, _Fields]:
    """The bytes of a row group that begins at `at`, and what the foot has to say of it."""
    out, chunks, whole = bytearray(), list[_Fields](), 0
    for column, values in zip(columns, zip(*rows, strict=True), strict=True):
        page = column.page(values)
        packed = gzip.compress(page, _LEVEL, mtime=0)
        about = {1: I32(len(rows)), 2: I32(_PLAIN), 3: I32(_RLE), 4: I32(_RLE)}
        head = _struct({1: I32(_DATA_PAGE), 2: I32(len(page)), 3: I32(len(packed)), 5: about})
        begins, size = at + len(out), len(head) + len(page)
        told: _Fields = {
            1: I32(column.kind.physical), 2: [I32(_PLAIN), I32(_RLE)], 3: [column.name], 4: I32(_GZIP),
            5: len(rows), 6: size, 7: len(head) + len(packed), 9: begins,
        }  # fmt: skip
        chunks.append({2: begins, 3: told})
        out += head + packed
        whole += size
    return bytes(out), {1: chunks, 2: whole, 3: len(rows)}
