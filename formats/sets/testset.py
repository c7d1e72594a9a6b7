"""A set as one value: rows to ask, and what is known about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from formats.dtypes import Array
from formats.sets.members import Entry
from formats.types import Tolerance

SetName = Literal["end_to_end", "confidence"]
END_TO_END: SetName = "end_to_end"
CONFIDENCE: SetName = "confidence"

RowKind = Literal["samples", "requests"]
SAMPLES: RowKind = "samples"
REQUESTS: RowKind = "requests"


@dataclass(frozen=True, slots=True)
class SetLimits:
    """file_bytes is what lies on disk; content_bytes what comes out of it, counted and never believed."""

    file_bytes: int = 4 << 30
    content_bytes: int = 8 << 30
    text_bytes: int = 64 << 20
    members: int = 200_000
    rows: int = 20_000_000


@dataclass(frozen=True, slots=True)
class Stacked:
    """Arrays by tensor name, rows along axis 0."""

    arrays: Mapping[str, Array]
    kind: RowKind

    def row(self, index: int) -> dict[str, Array]:
        """One row as it is asked: a sample keeps its leading axis, of length 1."""
        if self.kind == SAMPLES:
            return self.rows(index, index + 1)
        return {name: array[index] for name, array in self.arrays.items()}

    def rows(self, start: int, stop: int) -> dict[str, Array]:
        """Several samples in one request."""
        return {name: array[start:stop] for name, array in self.arrays.items()}


@dataclass(frozen=True, slots=True)
class Listed:
    """Tensors of each row by themselves, whose shapes may differ; each is read when its turn comes.

    An optional input that a row does not have is not in `entries[name]`. Tensors that have one shape in
    all rows may be `stacked` beside them, one whole row per place on axis 0.
    """

    entries: Mapping[str, Mapping[int, Entry]]
    stacked: Mapping[str, Array] = field(default_factory=dict)

    def row(self, index: int) -> dict[str, Array]:
        listed = {name: rows[index]() for name, rows in self.entries.items() if index in rows}
        return listed | {name: array[index] for name, array in self.stacked.items()}


@dataclass(frozen=True, slots=True)
class Ragged(Sequence[Array]):
    """One array for each row, whose shapes differ."""

    entries: Sequence[Entry]

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Array:  # type: ignore[override]
        return self.entries[index]()


@dataclass(frozen=True, slots=True)
class TestSet:
    """A set. Arrays have one entry per row along axis 0; what the file does not have is None or empty.

    kind       samples: a row is one place on the leading axis of every input;
               requests: a row is one whole request
    expected   outputs by name, row by row
    target     the truth, for the metric, of any rank; weight, group and slices have one value per row
    """

    __test__ = False  # the word is ours before it is the test runner's

    kind: RowKind
    rows: int
    inputs: Stacked | Listed
    expected: Stacked | Listed | None = None
    target: Array | Ragged | None = None
    weight: Array | None = None
    group: Array | None = None
    slices: Mapping[str, Array] = field(default_factory=dict)
    tolerance: Tolerance = field(default_factory=Tolerance)
