"""Whether a set and a signature speak of the same tensors, said in sentences that name what to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from formats.dtypes import DTYPES
from formats.sets.errors import ROWS, TOO_LARGE, BadSet
from formats.sets.members import Member
from formats.sets.naming import EXPECTED, INPUTS, TARGET, WEIGHT, Named
from formats.sets.testset import END_TO_END, REQUESTS, SAMPLES, RowKind, SetLimits, SetName
from formats.types import FREE, Signature, TensorSpec

Shape = tuple[int, ...]

_FAMILIES = {"b": "b", "i": "iu", "u": "iu", "f": "fiu", "O": "U"}
"""Expected values may be wider than the output: they are compared, not sent."""


def rows_of(found: Named, signature: Signature, limits: SetLimits) -> int:
    """The number of rows that all arrays agree on. Raises BadSet."""
    optional = {f"{INPUTS}{spec.name}" for spec in signature.inputs if spec.optional}
    counts = {name: _first_axis(name, member) for name, member in found.stacked.items()}
    required = {name: entries for name, entries in found.listed.items() if name not in optional}
    counts |= {name: _numbered(name, entries) for name, entries in required.items()}
    # rows may do without an optional input: its last row says nothing of how many there are
    at_least = {name: max(entries) + 1 for name, entries in found.listed.items() if name in optional}
    first, rows = next(iter((counts or at_least).items()))
    for name, other in (counts | at_least).items():
        if other > rows or (other < rows and name in counts):
            raise BadSet(f"{first} has {rows:,} rows, {name} has {other:,}.")
    if rows == 0:
        raise BadSet("The set has no rows.")
    if rows > limits.rows:
        raise BadSet(f"The set has {rows:,} rows, more than {limits.rows:,}.", code=TOO_LARGE)
    return rows


def _first_axis(name: str, member: Member) -> int:
    if not member.shape:
        raise BadSet(f"{name} is a single value: its first axis is the rows.")
    return member.shape[0]


def _numbered(name: str, entries: Mapping[int, Member]) -> int:
    gap = next((row for row in range(len(entries)) if row not in entries), None)
    if gap is not None:
        raise BadSet(f"There is no requests/{gap}/{name}: requests are numbered 0, 1, 2, without a gap.")
    return len(entries)


def kind_of(found: Named, signature: Signature, declared: RowKind | None) -> RowKind:
    """What one row is: as the manifest says; else as the number of axes says, where that is clear.

    Raises BadSet where it must be said, or cannot be what is said.
    """
    sent = [spec for spec in signature.inputs if f"{INPUTS}{spec.name}" in found.names(INPUTS)]
    listed = any(name.startswith(INPUTS) for name in found.listed)
    if declared == SAMPLES:
        _refuse_no_samples(sent, listed=listed)
    if declared is not None or listed:
        return declared or REQUESTS
    extra = {len(found.stacked[f"{INPUTS}{spec.name}"].shape) - len(spec.shape) for spec in sent}
    shared = Signature(tuple(sent), ()).row_kind() == SAMPLES
    if extra == {0} and not shared and all(spec.shape[:1] == (FREE,) for spec in sent):
        names = ", ".join(dict.fromkeys(spec.symbols[0] for spec in sent if spec.symbols))
        raise BadSet(
            f"The inputs' first axes have different names ({names}), so that a row is one whole request:"
            " write requests/<i>/inputs/<name>, or say rows: samples.",
            place=ROWS,
        )
    if any(FREE in spec.shape[1:] for spec in sent):
        raise BadSet(
            "An input has a free axis beside the first: say rows: samples, or rows: requests.", place=ROWS
        )
    return SAMPLES if extra != {1} and shared else REQUESTS


def _refuse_no_samples(sent: Sequence[TensorSpec], *, listed: bool) -> None:
    if listed:
        raise BadSet("Rows of different shapes are whole requests: say rows: requests.", place=ROWS)
    for spec in sent:
        if spec.shape[:1] != (FREE,):
            shape = list(spec.shape)
            raise BadSet(
                f"Input {spec.name} of shape {shape} takes no batch: say rows: requests.", place=ROWS
            )


def refuse_inputs(found: Named, kind: RowKind, signature: Signature) -> None:
    """Raise BadSet unless the inputs have the names, datatypes and shapes that the version takes."""
    given = {name.removeprefix(INPUTS) for name in found.names(INPUTS)}
    _refuse_unknown("input", given, signature.inputs)
    for spec in signature.inputs:
        name = f"{INPUTS}{spec.name}"
        if spec.name in given:
            for row, member in found.entries(name):
                _refuse_datatype(_called(name, row), spec, member.dtype)
                _refuse_shape(name, spec, _entry(member, row, kind), row, kind, "takes")
        elif not spec.optional:
            raise BadSet(f"The set has no {name}, which the version needs.")


def refuse_truths(found: Named, which: SetName) -> None:
    """Raise BadSet unless the set has what its kind needs beside the inputs, and nothing else."""
    expected = found.names(EXPECTED)
    columns = [name for name in found.names() if not name.startswith((INPUTS, EXPECTED))]
    if which == END_TO_END:
        if not expected:
            raise BadSet("An end-to-end set has expected/<output> beside its inputs; there is none.")
        if columns:
            raise BadSet(f"An end-to-end set has no {columns[0]}: that belongs to the confidence set.")
        return
    if expected:
        raise BadSet("A confidence set has no expected outputs: its truth is called target.")
    if TARGET not in columns:
        raise BadSet("A confidence set has a target for its inputs; there is none.")
    if found.tolerances:
        raise BadSet("A confidence set has no tolerances: they belong to the end-to-end set.")
    for name in columns:
        _refuse_column(name, list(found.entries(name)))


def refuse_expected(found: Named, kind: RowKind, signature: Signature, *, shapes: bool) -> None:
    """Raise BadSet unless expected values are such as the outputs can be: a version's answer has a shape."""
    given = {name.removeprefix(EXPECTED) for name in found.names(EXPECTED)}
    _refuse_unknown("output", given, signature.outputs)
    for spec in signature.outputs:
        name = f"{EXPECTED}{spec.name}"
        for row, member in found.entries(name):
            if member.dtype.kind not in _FAMILIES[DTYPES[spec.datatype].kind]:
                words = "text" if member.is_text else str(member.dtype)
                raise BadSet(f"{_called(name, row)} is {words}, the version gives {spec.datatype}.")
            # a graph that says nothing of an output's axes looks like one that gives single values
            if shapes and spec.shape:
                _refuse_shape(name, spec, _entry(member, row, kind), row, kind, "gives")


def _refuse_column(name: str, entries: Sequence[tuple[int | None, Member]]) -> None:
    if len({member.is_text for _, member in entries}) > 1:
        raise BadSet(f"{name} must be numbers in all rows, or texts in all rows.")
    for row, member in entries:
        single = member.size == 1 if row is not None else len(member.shape) == 1
        if name != TARGET and not single:
            shape = list(member.shape)[:8]
            raise BadSet(f"{name} has one value per row: {_called(name, row)} has shape {shape}.")
        if name == WEIGHT and member.dtype.kind not in "fiu":
            raise BadSet(f"weight is a number per row, not {member.dtype}.")


def _refuse_unknown(word: str, given: set[str], specs: Sequence[TensorSpec]) -> None:
    known = sorted(spec.name for spec in specs)
    if unknown := sorted(given - set(known)):
        raise BadSet(f"The version has no {word} {unknown[0][:100]!r}: it has {known}.")


def _refuse_datatype(called: str, spec: TensorSpec, dtype: np.dtype[np.generic]) -> None:
    if not _holds(spec.datatype, dtype):
        words = "text" if dtype.kind == "U" else str(dtype)
        wanted = "NumPy U dtype" if spec.datatype == "BYTES" else DTYPES[spec.datatype].name
        raise BadSet(f"{called} is {words}, the version takes {spec.datatype}: save it as {wanted}.")


def _holds(datatype: str, dtype: np.dtype[np.generic]) -> bool:
    """Whether a client's library would send such values as this datatype, say 64-bit floats as 32-bit."""
    if datatype == "BYTES" or dtype.kind == "U":
        return (datatype == "BYTES") == (dtype.kind == "U")
    return bool(np.can_cast(dtype, DTYPES[datatype], "same_kind"))


def _entry(member: Member, row: int | None, kind: RowKind) -> Shape:
    """The shape of one row as it is sent or comes back: a sample has a leading axis of length 1."""
    if row is not None:
        return member.shape
    return (1, *member.shape[1:]) if kind == SAMPLES else member.shape[1:]


def _refuse_shape(
    name: str, spec: TensorSpec, shape: Shape, row: int | None, kind: RowKind, verb: str
) -> None:
    if fits(shape, spec.shape):
        return
    of_samples = kind == SAMPLES and row is None
    if of_samples and not fits(shape[:1], spec.shape[:1]):
        raise BadSet(
            f"{name} has one entry per sample, the version {verb} {spec.name} in shape {list(spec.shape)}:"
            " say rows: requests.",
            place=ROWS,
        )
    ours, wanted = (axes[1:] if of_samples else axes for axes in (shape, spec.shape))
    what = f"A row of {name}" if row is None else _called(name, row)
    raise BadSet(
        f"{what} has shape {list(ours)}, the version {verb} {list(wanted)} (-1: any; rows are {kind})"
        f"{_hint(ours, wanted)}."
    )


def _hint(shape: Shape, wanted: Shape) -> str:
    if fits(shape, wanted[:-1]) and wanted[-1] == 1:
        return ": save array[..., None]"
    if fits(shape, wanted[1:]) and wanted[0] in (1, FREE):
        return ": save array[:, None]"
    if fits(shape[:-1], wanted) and shape[-1] == 1:
        return ": save array[..., 0]"
    return ""


def _called(name: str, row: int | None) -> str:
    return name if row is None else f"requests/{row}/{name}"


def fits(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether a shape is one that a spec's shape allows."""
    return len(shape) == len(wanted) and all(
        want in (FREE, axis) for axis, want in zip(shape, wanted, strict=True)
    )
