"""Predictions as they come in, row by row into one array in a file: `predictions.npy`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from releases.examiner.findings import BadAnswer

Array = NDArray[Any]


class Predictions:
    """One entry per row along axis 0, in a memory map.

    stacked   whether an answer has rows along its first axis (samples), or is one row itself.

    Texts have no width of their own and are kept in memory until all are there. The file has its name
    only when all rows are in it: half of the champion's answers would be compared as if they were whole.
    """

    def __init__(self, path: Path, rows: int, *, stacked: bool) -> None:
        self._path = path
        self._partial = path.with_suffix(".partial")
        self._rows = rows
        self._stacked = stacked
        self.array: Array = np.empty(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(self.array, np.memmap):
            self.array.flush()
        if error is None:
            os.replace(self._partial, self._path)

    def fill(self, answers: Iterable[Array]) -> None:
        """Put the answers below each other. Raises BadAnswer where they are not one entry per row."""
        filled, texts = 0, []
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

    def _place(self, start: int, entries: Array) -> None:
        target = self.array
        if target.shape != (self._rows, *entries.shape[1:]) or target.dtype != entries.dtype:
            if start:
                raise BadAnswer(
                    f"the output's shape changes from row to row: {list(entries.shape)} at {start}"
                )
            shape = (self._rows, *entries.shape[1:])
            target = np.lib.format.open_memmap(self._partial, mode="w+", dtype=entries.dtype, shape=shape)
            self.array = target
        target[start : start + len(entries)] = entries

    def _save(self, texts: list[Array]) -> None:
        try:
            self.array = np.concatenate(texts)
        except ValueError as error:
            raise BadAnswer("the output's shape changes from row to row") from error
        with self._partial.open("wb") as stream:
            np.save(stream, self.array, allow_pickle=False)
