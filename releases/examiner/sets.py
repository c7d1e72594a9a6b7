"""An end-to-end or a confidence set, whatever its file format: rows to ask, and what is known about them.

What a client would send is raw inputs of the extractor. A row is a *sample* where every input has a
free leading axis, or one whole *request*; which of the two, the arrays themselves say by their axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from formats.types import FREE, Signature, TensorSpec
from releases.examiner.closeness import Tolerance
from releases.examiner.findings import BadSet
from releases.examiner.spec import RowKind

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Stacked:
    """Arrays by tensor name, rows along axis 0."""

    arrays: Mapping[str, Array]
    kind: RowKind

    def row(self, index: int) -> dict[str, Array]:
        """One row as it is asked: a sample keeps its leading axis, of length 1."""
        if self.kind == "samples":
            return self.rows(index, index + 1)
        return {name: array[index] for name, array in self.arrays.items()}

    def rows(self, start: int, stop: int) -> dict[str, Array]:
        """Several samples in one request."""
        return {name: array[start:stop] for name, array in self.arrays.items()}


@dataclass(frozen=True, slots=True)
class Listed:
    """One mapping of arrays for each request, whose shapes may differ."""

    items: Sequence[Mapping[str, Array]]

    def row(self, index: int) -> dict[str, Array]:
        return dict(self.items[index])


@dataclass(frozen=True, slots=True)
class ExaminedSet:
    """A set. Arrays have one entry per row along axis 0; what the file does not have is None or empty.

    expected   outputs by name, row by row, in the same form as the inputs.
    target     the truth, for the metric; weight, group and slices go with it.
    """

    kind: RowKind
    rows: int
    inputs: Stacked | Listed
    expected: Stacked | Listed | None = None
    target: Array | None = None
    weight: Array | None = None
    group: Array | None = None
    slices: Mapping[str, Array] = field(default_factory=dict)
    tolerance: Tolerance = field(default_factory=Tolerance)


def kind_of(inputs: Mapping[str, tuple[int, ...]], signature: Signature, declared: RowKind | None) -> RowKind:
    """What a row is, by the shapes of the stacked inputs.

    Raises BadSet where an input fits neither, inputs disagree, or the manifest says something else.
    """
    specs = {spec.name: spec for spec in signature.inputs}
    _complete(inputs, signature)
    kinds = {name: _kind(specs[name], shape) for name, shape in inputs.items()}
    if len(set(kinds.values())) > 1:
        raise BadSet(f"inputs disagree on what a row is: {kinds}")
    (kind,) = set(kinds.values())
    if declared is not None and declared != kind:
        raise BadSet(f"the manifest says 'rows: {declared}', but the arrays hold {kind}")
    return kind


def _complete(names: Mapping[str, Any], signature: Signature) -> None:
    known = {spec.name for spec in signature.inputs}
    if unknown := sorted(set(names) - known):
        raise BadSet(f"the version has no input {unknown[0]!r}: it takes {sorted(known)}")
    if missing := [spec.name for spec in signature.inputs if not spec.optional and spec.name not in names]:
        raise BadSet(f"the set has no inputs/{missing[0]}")
    if not names:
        raise BadSet("the set has no inputs")


def _kind(spec: TensorSpec, shape: tuple[int, ...]) -> RowKind:
    if spec.shape[:1] == (FREE,) and fits(shape[1:], spec.shape[1:]) and len(shape) == len(spec.shape):
        return "samples"
    if shape and fits(shape[1:], spec.shape):
        return "requests"
    raise BadSet(
        f"inputs/{spec.name} has shape {list(shape)}, which is neither rows of samples nor of whole requests"
        f" for an input of shape {list(spec.shape)}"
    )


def fits(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether a shape is one that a spec's shape allows."""
    return len(shape) == len(wanted) and all(
        want in (FREE, axis) for axis, want in zip(shape, wanted, strict=True)
    )


def checked(found: ExaminedSet, signature: Signature) -> ExaminedSet:
    """`found` again. Raises BadSet where its parts have different numbers of rows, or mean nothing."""
    if not found.rows:
        raise BadSet("the set has no rows")
    columns = {"target": found.target, "weight": found.weight, "group": found.group}
    columns |= {f"slice/{name}": column for name, column in found.slices.items()}
    if isinstance(found.inputs, Stacked):
        columns |= {f"inputs/{name}": array for name, array in found.inputs.arrays.items()}
    if isinstance(found.expected, Stacked):
        columns |= {f"expected/{name}": array for name, array in found.expected.arrays.items()}
    for name, column in columns.items():
        if column is not None and len(column) != found.rows:
            raise BadSet(f"{name} has {len(column)} rows, the set has {found.rows}")
    _expected(found, signature)
    _one_per_row(found)
    return found


def _expected(found: ExaminedSet, signature: Signature) -> None:
    known = {spec.name for spec in signature.outputs}
    match found.expected:
        case Stacked(arrays=arrays):
            named = set(arrays)
        case Listed(items=items):
            named = set().union(*items)
        case _:
            return
    if unknown := sorted(named - known):
        raise BadSet(f"the version has no output {unknown[0]!r}: it gives {sorted(known)}")


def _one_per_row(found: ExaminedSet) -> None:
    """Weights and groups are plain columns; weights are finite and not negative."""
    for name, column in {"weight": found.weight, "group": found.group, **found.slices}.items():
        if column is not None and column.ndim != 1:
            raise BadSet(f"{name} must have one value per row, it has shape {list(column.shape)}")
    if found.weight is None:
        return
    if (
        found.weight.dtype.kind not in "iuf"
        or not np.isfinite(found.weight).all()
        or (found.weight < 0).any()
    ):
        raise BadSet("weight must hold finite numbers that are not negative")
    if not found.weight.any():
        raise BadSet("all weights are zero")
