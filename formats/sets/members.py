"""The arrays of a set by name, wherever they lie: in an NPZ file, or in memory as JSON Lines came in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from formats.dtypes import Array
from formats.sets.errors import BadSet

KINDS = "biufU"
MOST_BITS = 8
"""Bytes of a number: what is wider than float64 and int64 has no tensor."""


@dataclass(frozen=True, slots=True)
class Member:
    """One array as its header describes it."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    fortran: bool = False

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def content_bytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def is_text(self) -> bool:
        return self.dtype.kind == "U"


class Source(Protocol):
    """Where arrays come from. Raises BadSet where bytes are not what their header said."""

    @property
    def members(self) -> Mapping[str, Member]: ...

    def elements(self, name: str) -> Iterator[Array]:
        """All elements of an array as flat parts, in the order in which they lie in the file."""
        ...

    def read(self, name: str) -> Array:
        """A whole array in memory."""
        ...

    def mapped(self, name: str, scratch: Path) -> Array:
        """A whole array, left on the disk where it is large; `scratch` is for what must be unpacked."""
        ...


Entry = Callable[[], Array]


@dataclass(frozen=True, slots=True)
class InMemory:
    """Arrays that are there."""

    arrays: Mapping[str, Array]

    @property
    def members(self) -> Mapping[str, Member]:
        return {name: Member(name, array.shape, array.dtype) for name, array in self.arrays.items()}

    def elements(self, name: str) -> Iterator[Array]:
        yield self.arrays[name].reshape(-1)

    def read(self, name: str) -> Array:
        return self.arrays[name]

    def mapped(self, name: str, scratch: Path) -> Array:
        return self.arrays[name]


def refuse_strange(name: str, dtype: np.dtype[np.generic]) -> None:
    """Raise BadSet unless an array holds plain numbers, booleans or texts."""
    if dtype.kind == "S":
        raise BadSet(f"The set has {name} as bytes: save texts as NumPy U dtype, array.astype('U').")
    if dtype.kind not in KINDS or dtype.fields is not None or dtype.subdtype is not None:
        raise BadSet(
            f"The set has {name} as {str(dtype)[:60]}: save numbers, bools, or texts as NumPy U dtype."
        )
    if dtype.kind != "U" and dtype.itemsize > MOST_BITS:
        raise BadSet(f"The set has {name} as {dtype}: save numbers of at most 64 bits.")
    if not dtype.itemsize:
        raise BadSet(f"The set has {name} as texts of no length: save them again, array.astype('U1').")
