"""Writing a table: column by column, each from blocks of rows, so that nothing is held whole."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, BinaryIO, Self

import numpy as np

from formats.dtypes import DTYPES, Array, datatype_of
from formats.tables.head import MAGIC, TAIL, About, BadTable, Elements, Head, Layout, Part, dump

_AT_ONCE = 1 << 20
"""Bytes that wait before they are written: below it calls cost more than copying."""


class Writer:
    """One file, which has its name only when it is whole.

    most   bytes that it may have; what would make it larger raises BadTable and leaves no file.
    """

    def __init__(self, path: Path, rows: int, *, most: int) -> None:
        self._path, self._partial = path, path.with_suffix(".partial")
        self._rows, self._most = rows, most
        self._layouts: list[Layout] = []
        self._stream: BinaryIO = self._partial.open("wb")
        self.about: dict[str, str | int | float | bool | None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish()
        finally:
            self._stream.close()
            self._partial.unlink(missing_ok=True)

    def _finish(self) -> None:
        data, at = dump(Head(self._rows, tuple(self._layouts), self.about)), self._stream.tell()
        self._stream.write(data + TAIL.pack(at, len(data), MAGIC))
        self._stream.close()
        os.replace(self._partial, self._path)

    def tell(self, about: About) -> None:
        """Small facts for the head."""
        self.about |= about

    def even(self, name: str, blocks: Iterable[Array], *, whole: int = 0) -> None:
        """A column whose rows have one shape, from arrays with rows along axis 0."""
        first, all_blocks = _peeked(blocks)
        shape, datatype = first.shape[1:], datatype_of(first)
        if datatype == "BYTES":
            parts = self._texts([row.reshape(-1).tolist()] for block in all_blocks for row in block)
        else:
            dtype = DTYPES[datatype]
            parts = {"values": self._put(np.ascontiguousarray(b, dtype).reshape(-1) for b in all_blocks)}
        self._add(Layout(name, datatype, shape, parts, whole=whole))

    def uneven(self, name: str, rows: Iterable[Array], *, whole: int = 0) -> None:
        """A column whose rows have shapes of their own, one array for each row."""
        first, all_rows = _peeked(rows)
        datatype, rank = datatype_of(first), first.ndim
        shapes: list[int] = []
        ends: list[int] = []

        def noted() -> Iterator[Array]:
            end = 0
            for row in all_rows:
                if row.ndim != rank:
                    raise BadTable(f"the rows of {name!r} differ in rank")
                shapes.extend(row.shape)
                end += row.size
                ends.append(end)
                yield row.reshape(-1)

        if datatype == "BYTES":
            parts = self._texts([row.tolist()] for row in noted())
        else:
            parts = {"values": self._put(_gathered(np.asarray(row, DTYPES[datatype]) for row in noted()))}
        parts |= {"ends": self._put([_index(ends)]), "shapes": self._put([_index(shapes)])}
        self._add(Layout(name, datatype, None, parts, rank, whole))

    def _add(self, layout: Layout) -> None:
        self._layouts.append(layout)

    def _texts(self, rows: Iterable[list[list[str]]]) -> dict[Elements, Part]:
        """Texts have no width of their own; their ends wait in a file until all of them are there."""
        with TemporaryFile(dir=self._path.parent) as ends, TemporaryFile(dir=self._path.parent) as hashes:
            end = 0

            def encoded() -> Iterator[Array]:
                nonlocal end
                for (row,) in rows:
                    texts = [text.encode("utf-8", "surrogatepass") for text in row]
                    for text in texts:
                        end += len(text)
                        ends.write(end.to_bytes(8, "little"))
                    hashes.write(row_hash(texts))
                    yield np.frombuffer(b"".join(texts), np.uint8)

            parts: dict[Elements, Part] = {"bytes": self._put(_gathered(encoded()))}
            parts["element_ends"] = self._put(_read_back(ends))
            parts["hashes"] = self._put(_read_back(hashes))
            return parts

    def _put(self, arrays: Iterable[Array]) -> Part:
        self._stream.write(bytes(-self._stream.tell() % 8))
        at, items = self._stream.tell(), 0
        for array in arrays:
            if self._stream.tell() + array.nbytes > self._most:
                raise BadTable(f"it would have more than {self._most:,} bytes")
            self._stream.write(array.data if array.size else b"")
            items += array.size
        return Part(at, items)


def row_hash(texts: Iterable[bytes]) -> bytes:
    """Eight bytes that stand for a row of texts when two rows are compared."""
    found = hashlib.blake2b(digest_size=8)
    for text in texts:
        found.update(len(text).to_bytes(8, "little") + text)
    return found.digest()


def _peeked(blocks: Iterable[Array]) -> tuple[Array, Iterator[Array]]:
    rest = iter(blocks)
    first = next(rest, None)
    if first is None:
        raise BadTable("a column has no rows")

    def again() -> Iterator[Array]:
        yield first
        yield from rest

    return first, again()


def _gathered(rows: Iterable[Array]) -> Iterator[Array]:
    """Small arrays as fewer large ones."""
    held: list[Array] = []
    size = 0
    for row in rows:
        held.append(row)
        size += row.nbytes
        if size >= _AT_ONCE:
            yield np.concatenate(held)
            held, size = [], 0
    if held:
        yield np.concatenate(held)


def _read_back(stream: IO[bytes]) -> Iterator[Array]:
    stream.seek(0)
    while data := stream.read(_AT_ONCE):
        yield np.frombuffer(data, "<u8")


def _index(numbers: list[int]) -> Array:
    return np.array(numbers, "<u8")


def cut(array: Array, most: int) -> Array:
    """Rows with at most so many elements, in row-major order."""
    if math.prod(array.shape[1:]) <= most:
        return array
    return array.reshape(len(array), -1)[:, :most]
