"""Reading a table: the file is mapped, and rows are taken out of it as they are asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from formats.dtypes import Array
from formats.tables.head import TAIL, BadTable, Head, Layout, locate, parse

_MOST_TEXT_BYTES = 2000
"""Of one value: what is shown is cut shorter, and a page has hundreds of them."""


class Column:
    """One column. Rows are named by a slice or an array of numbers."""

    def __init__(self, layout: Layout, content: Array) -> None:
        self.name, self.datatype, self.shape = layout.name, layout.datatype, layout.shape
        self.whole, self.is_text = layout.whole, layout.is_text
        self._rank = layout.rank
        self._parts: dict[str, Array] = {}
        for name, part in layout.parts.items():
            dtype = layout.dtype(name)
            self._parts[name] = content[part.at : part.at + part.items * dtype.itemsize].view(dtype)

    def values(self, rows: slice | Sequence[int] | Array) -> Array:
        """Numbers of rows that have one shape: shape (rows, *shape)."""
        if self.shape is None or self.is_text:
            raise BadTable(f"the rows of {self.name!r} cannot be stacked")
        return np.asarray(self._parts["values"].reshape(-1, *self.shape)[rows])

    def hashes(self, rows: slice | Sequence[int] | Array) -> Array:
        """What stands for the rows of a column of texts; two rows with the same hash are the same."""
        return np.asarray(self._parts["hashes"][rows])

    def row(self, index: int) -> Array:
        """All numbers of one row, in its own shape."""
        start, stop, shape = self._where(index)
        values = self._parts["values"][start:stop]
        if len(values) != stop - start:
            raise BadTable(f"{self.name!r} ends too early")
        return np.asarray(values).reshape(shape)

    def beginning(self, index: int, most: int) -> list[object]:
        """At most so many elements of one row, in row-major order, each text by its beginning."""
        start, stop, _ = self._where(index)
        stop = min(stop, start + most)
        if self.is_text:
            return [self._text(element) for element in range(start, stop)]
        return list(self._parts["values"][start:stop].tolist())

    def size(self, index: int) -> int:
        """How many elements the row has, or had before it was cut."""
        start, stop, _ = self._where(index)
        return self.whole or stop - start

    def _where(self, index: int) -> tuple[int, int, tuple[int, ...]]:
        if self.shape is not None:
            size = math.prod(self.shape)
            return index * size, (index + 1) * size, self.shape
        start, stop = self._between("ends", index)
        shape = tuple(self._parts["shapes"][index * self._rank : (index + 1) * self._rank].tolist())
        if math.prod(shape) != stop - start:
            raise BadTable(f"row {index} of {self.name!r} has not the shape that it says")
        return start, stop, shape

    def _text(self, element: int) -> str:
        start, stop = self._between("element_ends", element)
        told = bytes(self._parts["bytes"][start : min(stop, start + _MOST_TEXT_BYTES)])
        return told.decode("utf-8", "replace")

    def _between(self, part: str, index: int) -> tuple[int, int]:
        ends = self._parts[part]
        if index >= len(ends):
            raise BadTable(f"{self.name!r} ends too early")
        start, stop = int(ends[index - 1]) if index else 0, int(ends[index])
        if not start <= stop:
            raise BadTable(f"{self.name!r} has an end before its beginning")
        return start, stop


class Table:
    """A table that lies on the disk. Raises BadTable where it is none."""

    def __init__(self, path: Path) -> None:
        size = path.stat().st_size
        with path.open("rb") as stream:
            stream.seek(max(size - TAIL.size, 0))
            start, end = locate(stream.read(), size)
            stream.seek(start)
            self._head: Head = parse(stream.read(end - start), start)
        content: Array = np.memmap(path, np.uint8, "r")
        self.rows = self._head.rows
        self.about: Mapping[str, object] = self._head.about
        self.columns = {layout.name: Column(layout, content) for layout in self._head.columns}
