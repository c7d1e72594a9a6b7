"""Predictions as they come in, row by row into one array in a file: `predictions.npy`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np

from formats.dtypes import Array
from releases.proof.examiner.findings import BadAnswer
from releases.statistics.arrays import Entries, Ragged


class Predictions:
    """One entry per row along axis 0, in a memory map.

    stacked   whether an answer has rows along its first axis (samples), or is one row itself: then the
              rows' shapes may differ.

    Texts have no width of their own and are kept in memory until all are there. The file has its name
    only when all rows are in it: half of the champion's answers would be compared as if they were whole.
    """

    def __init__(self, path: Path, rows: int, *, stacked: bool) -> None:
        self._path = path
        self._partial = path.with_suffix(".partial")
        self._rows = rows
        self._stacked = stacked
        self._loose: _Loose | None = None
        self.entries: Entries = np.empty(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        if isinstance(self.entries, np.memmap):
            self.entries.flush()
        if error is None:
            os.replace(self._partial, self._path)

    def _close(self) -> None:
        if self._loose is not None:
            self._loose.close()
        self._loose = None

    def fill(self, answers: Iterable[Array]) -> None:
        """Put the answers below each other. Raises BadAnswer where they are not one entry per row."""
        filled, texts = 0, []
        self._close()
        for answer in answers:
            entries = answer if self._stacked and answer.ndim else answer[None]
            if filled + len(entries) > self._rows:
                raise BadAnswer(f"the version answered with more rows than the {self._rows} that were asked")
            if answer.dtype.kind == "U":
                texts.append(entries)
            else:
                self._place(filled, entries)
            filled += len(entries)
        if filled != self._rows:
            raise BadAnswer(f"the version answered with {filled} rows where {self._rows} were asked")
        if texts:
            self._save(texts)
        elif self._loose is not None:
            self.entries = self._loose.written(self._partial)

    def _place(self, start: int, entries: Array) -> None:
        if self._loose is not None:
            self._loose.add(entries)
            return
        target, shape = self.entries, (self._rows, *entries.shape[1:])
        if isinstance(target, Ragged) or (target.shape, target.dtype) != (shape, entries.dtype):
            if start and not isinstance(target, Ragged):
                self._loosen(target[:start], entries)
                return
            target = np.lib.format.open_memmap(self._partial, mode="w+", dtype=entries.dtype, shape=shape)
            self.entries = target
        target[start : start + len(entries)] = entries

    def _loosen(self, before: Array, entries: Array) -> None:
        """From here on each row has a shape of its own."""
        if self._stacked:
            raise BadAnswer(
                f"the output's shape changes from row to row: {list(entries.shape)} at {len(before)}"
            )
        self._loose = _Loose(self._path.with_suffix(".loose"), before)
        self._loose.add(entries)

    def _save(self, texts: list[Array]) -> None:
        try:
            if self._stacked or len({each.shape for each in texts}) == 1:
                self.entries = np.concatenate(texts)
            else:
                self.entries = Ragged.of([each[0] for each in texts])
        except ValueError as error:
            raise BadAnswer("the output's shape changes from row to row") from error
        with self._partial.open("wb") as stream:
            write(stream, self.entries)


class _Loose:
    """Rows of one datatype and as many axes, whose lengths differ; elements go to a file as they come."""

    def __init__(self, path: Path, before: Array) -> None:
        self._path = path
        self._stream = path.open("wb")
        self._dtype, self._axes = before.dtype, before.ndim
        self._shapes: list[tuple[int, ...]] = []
        for row in before:
            self.add(row[None])

    def add(self, entries: Array) -> None:
        if entries.ndim != self._axes or entries.dtype != self._dtype:
            raise BadAnswer(
                f"the output changes from row to row: {entries.dtype} with {entries.ndim - 1} axes"
                f" at {len(self._shapes)}"
            )
        self._shapes.append(entries.shape[1:])
        self._stream.write(np.ascontiguousarray(entries).tobytes())

    def close(self) -> None:
        self._stream.close()

    def written(self, path: Path) -> Ragged:
        """All of it at `path`, in the form that `read` takes."""
        self.close()
        size = self._path.stat().st_size
        values: Array = np.memmap(self._path, self._dtype, "r") if size else np.empty(0, self._dtype)
        found = Ragged(values, np.array(self._shapes, np.int64))
        with path.open("wb") as stream:
            write(stream, found)
        return found


def write(stream: BinaryIO, entries: Entries) -> None:
    """One array; of rows whose shapes differ, all elements and then the shapes."""
    if isinstance(entries, Ragged):
        np.save(stream, entries.values, allow_pickle=False)
        np.save(stream, entries.shapes, allow_pickle=False)
    else:
        np.save(stream, entries, allow_pickle=False)


def read(path: Path) -> Entries:
    """What `write` wrote; large arrays stay in the file. Raises ValueError and EOFError."""
    values: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    end = getattr(values, "offset", 0) + values.nbytes
    with path.open("rb") as stream:
        stream.seek(end)
        if not stream.read(1) or not isinstance(values, np.memmap):
            return values
        stream.seek(end)
        shapes = np.load(stream, allow_pickle=False)
    if values.ndim != 1 or shapes.ndim != 2 or shapes.dtype != np.int64 or (shapes < 0).any():
        raise ValueError("its rows have no shapes")
    if int(shapes.prod(axis=1).sum()) != len(values):
        raise ValueError("its rows' shapes are not those of its elements")
    return Ragged(values, shapes)
