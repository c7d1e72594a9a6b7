"""From a file to a set that fits its version's signature, or a refusal that says what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from formats.dtypes import Array
from formats.sets import fitting, survey
from formats.sets.archive import Archive
from formats.sets.errors import TOO_LARGE, BadSet
from formats.sets.foreign import refuse_foreign
from formats.sets.lines import read_lines
from formats.sets.members import Source
from formats.sets.naming import EXPECTED, GROUP, INPUTS, SLICES, TARGET, WEIGHT, Named, named
from formats.sets.survey import Gaps
from formats.sets.testset import (
    Listed,
    Ragged,
    RowKind,
    SetLimits,
    SetName,
    Stacked,
    TestSet,
)
from formats.types import FREE, Signature, Tolerance

ZIP_MAGIC = b"PK"
HEAD_BYTES = 4096
"""Enough to tell a zip archive from JSON behind any white space."""
NO_LIMITS = SetLimits()


@dataclass(frozen=True, slots=True)
class Target:
    """The truth's form. `shape` is one row's, with a free axis where rows differ; `dtype` is numpy's word."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class OpenSet:
    """A set whose form is right: names, datatypes, shapes, rows, weights and tolerances."""

    which: SetName
    kind: RowKind
    rows: int
    tolerance: Tolerance
    signature: Signature
    source: Source = field(repr=False)
    names: Named = field(repr=False)

    def gaps(self) -> Mapping[str, Gaps]:
        """Read all values once, from first to last and little at a time: where inputs hold NaN or infinities.

        Raises BadSet where bytes are missing, a text is none, or a whole number does not fit its input.
        """
        return survey.survey(self.source, self.names, self.signature.inputs)

    def target(self) -> Target | None:
        """The truth's form, for the metric to judge; None where the set has none.

        Raises BadSet where rows differ in their number of axes.
        """
        members = [member for _, member in self.names.entries(TARGET)]
        if not members:
            return None
        stacked = TARGET in self.names.stacked
        shapes = {member.shape[1:] if stacked else member.shape for member in members}
        dtype = np.result_type(*{member.dtype for member in members})
        if len({len(shape) for shape in shapes}) > 1:
            raise BadSet("The rows of target differ in their number of axes.")
        axes = (set(lengths) for lengths in zip(*shapes, strict=True))
        shape = tuple(axis.pop() if len(axis) == 1 else FREE for axis in axes)
        return Target(shape, str(dtype.newbyteorder("=")))

    def load(self, scratch: Path) -> TestSet:
        """The arrays; large ones stay on the disk, in `scratch` if they were packed. Raises BadSet."""
        return TestSet(
            kind=self.kind,
            rows=self.rows,
            inputs=self._tensors(INPUTS, scratch) or Stacked({}, self.kind),
            expected=self._tensors(EXPECTED, scratch),
            target=self._column(TARGET, scratch),
            weight=_plain(self._column(WEIGHT, scratch)),
            group=_plain(self._column(GROUP, scratch)),
            slices={
                name.removeprefix(SLICES): column
                for name in sorted(self.names.names(SLICES))
                if (column := _plain(self._column(name, scratch))) is not None
            },
            tolerance=self.tolerance,
        )

    def _tensors(self, prefix: str, scratch: Path) -> Stacked | Listed | None:
        stacked = {
            name.removeprefix(prefix): self.source.mapped(name, scratch)
            for name in self.names.stacked
            if name.startswith(prefix)
        }
        listed = {
            name.removeprefix(prefix): {
                row: partial(self.source.read, member.name) for row, member in entries.items()
            }
            for name, entries in self.names.listed.items()
            if name.startswith(prefix)
        }
        if listed:
            return Listed(listed, stacked)
        return Stacked(stacked, self.kind) if stacked else None

    def _column(self, name: str, scratch: Path) -> Array | Ragged | None:
        """One entry per row; entries of one shape become one array."""
        if name in self.names.stacked:
            array = self.source.mapped(name, scratch)
            return array.astype(array.dtype.newbyteorder("="), copy=False)
        if name not in self.names.listed:
            return None
        entries = self.names.listed[name]
        reads = [partial(self.source.read, entries[row].name) for row in range(self.rows)]
        shapes = {member.shape for member in entries.values()}
        if name != TARGET:
            return np.array([read().reshape(()) for read in reads])
        return np.stack([read() for read in reads]) if len(shapes) == 1 else Ragged(reads)


def open_set(
    path: Path,
    which: SetName,
    signature: Signature,
    *,
    rows: RowKind | None = None,
    limits: SetLimits = NO_LIMITS,
    outputs_known: bool = True,
) -> OpenSet:
    """The set in a file, NPZ or JSON Lines, judged by its form.

    rows           what the manifest says of `rows`, None: inferred from the signature and the arrays
    outputs_known  False while only the file's own word on its outputs is there: the shapes that are expected
                   of them are judged once the model is loaded

    Raises BadSet.
    """
    size = path.stat().st_size
    if size > limits.file_bytes:
        raise BadSet(f"The set has {size:,} bytes, more than {limits.file_bytes:,}.", code=TOO_LARGE)
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    source: Source
    if head.startswith(ZIP_MAGIC):
        source = Archive(path, limits)
    else:
        refuse_foreign(head, which)
        source = read_lines(path, signature, limits)
    found = named(source.members, which, signature)
    count = fitting.rows_of(found, signature, limits)
    kind = fitting.kind_of(found, signature, rows)
    fitting.refuse_inputs(found, kind, signature)
    fitting.refuse_truths(found, which)
    fitting.refuse_expected(found, kind, signature, shapes=outputs_known)
    tolerance = Tolerance(**survey.tolerances(source, found))
    survey.refuse_weights(source, found)
    return OpenSet(which, kind, count, tolerance, signature, source, found)


def _plain(column: Array | Ragged | None) -> Array | None:
    """Columns of one value per row, as the form demands them."""
    assert not isinstance(column, Ragged)  # noqa: S101 - only a target's rows may differ
    return column
