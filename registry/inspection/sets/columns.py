"""Columns of a set: held in memory, streamed from an archive, or one array per row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Column(Protocol):
    """One entry per row. `shape` is one entry's shape, None where entries differ."""

    @property
    def rows(self) -> int: ...

    @property
    def shape(self) -> tuple[int, ...] | None: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def parts(self, size: int) -> Iterator[Array]:
        """Arrays of `size` entries, (size, *shape), the last one shorter."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """A column in memory."""

    array: Array

    @property
    def rows(self) -> int:
        return len(self.array)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape[1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    def parts(self, size: int) -> Iterator[Array]:
        for start in range(0, self.rows, size):
            yield self.array[start : start + size]


@dataclass(frozen=True, slots=True)
class Streamed:
    """A column that is read from its archive as it is needed; `opened()` reads the next entries."""

    rows: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    opened: Callable[[], Callable[[int], Array]]

    def parts(self, size: int) -> Iterator[Array]:
        read = self.opened()
        for start in range(0, self.rows, size):
            yield read(min(size, self.rows - start))


@dataclass(frozen=True, slots=True)
class Ragged:
    """Entries of different shapes, each read when its turn comes."""

    dtype: np.dtype[Any]
    entries: Sequence[Callable[[], Array]]
    shape: None = None

    @property
    def rows(self) -> int:
        return len(self.entries)

    def parts(self, size: int) -> Iterator[Array]:
        if size != 1:
            raise ValueError("entries of different shapes come one by one")
        for entry in self.entries:
            yield entry()[np.newaxis]
