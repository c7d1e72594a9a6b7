"""Whether a set and a signature speak of the same tensors, said in sentences that name what to change."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from formats.dtypes import DTYPES
from formats.types import FREE, Signature, TensorSpec
from registry.inspection.refusals import Refused
from registry.inspection.sets.columns import Column
from registry.inspection.sets.testset import (
    DEFAULT_ATOL,
    DEFAULT_RTOL,
    END_TO_END,
    REQUESTS,
    SAMPLES,
    SetLimits,
    TestSet,
)

UNITS = (SAMPLES, REQUESTS)


def unit_of(signature: Signature, declared: str | None) -> str:
    """What one row is: as declared, else samples exactly where every input has a free leading axis.

    Raises Refused when it must be declared, or cannot be what is declared.
    """
    required = [spec for spec in signature.inputs if not spec.optional] or list(signature.inputs)
    free = [spec for spec in required if spec.shape[:1] == (FREE,)]
    if declared == SAMPLES and len(free) < len(required):
        fixed = next(spec for spec in required if spec not in free)
        shape = list(fixed.shape)
        raise Refused(
            "bad_set", "rows", f"Input {fixed.name} of shape {shape} takes no batch: say rows: requests."
        )
    if declared is not None:
        return declared
    if any(FREE in spec.shape[1:] for spec in required):
        raise Refused(
            "bad_set",
            "rows",
            "An input has a free axis beside the first: say rows: samples, or rows: requests.",
        )
    return SAMPLES if len(free) == len(required) else REQUESTS


def rows_of(columns: Mapping[str, Column], field: str, limits: SetLimits) -> int:
    """The number of rows that all columns agree on. Raises Refused."""
    counts = {name: column.rows for name, column in columns.items()}
    if not any(name.startswith("inputs/") for name in counts):
        raise Refused("bad_set", field, "The set has no inputs: name its arrays inputs/<tensor>.")
    first = next(iter(counts))
    other = next((name for name, rows in counts.items() if rows != counts[first]), None)
    if other is not None:
        message = f"{first} has {counts[first]:,} rows, {other} has {counts[other]:,}."
        raise Refused("bad_set", field, message)
    if counts[first] == 0:
        raise Refused("bad_set", field, "The set has no rows.")
    if counts[first] > limits.rows:
        raise Refused("too_large", field, f"The set has {counts[first]:,} rows, more than {limits.rows:,}.")
    return counts[first]


def tolerances_of(given: Mapping[str, Any], field: str, *, allowed: bool) -> dict[str, float]:
    """atol and rtol, with their defaults. Raises Refused for what is no tolerance."""
    if given and not allowed:
        raise Refused(
            "bad_set", field, "A confidence set has no tolerances: they belong to the end-to-end set."
        )
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise Refused("bad_set", field, f"{name} must be a number of at least 0.")
    return {"atol": float(given.get("atol", DEFAULT_ATOL)), "rtol": float(given.get("rtol", DEFAULT_RTOL))}


def refuse_misfits(found: TestSet, signature: Signature, field: str) -> None:
    """Raise Refused unless names, datatypes and shapes are the signature's."""
    _refuse_names("input", found.inputs, signature.inputs, field)
    for spec in signature.inputs:
        if spec.name in found.inputs:
            _refuse_tensor("inputs", spec, found.inputs[spec.name], found.unit, field)
        elif not spec.optional:
            raise Refused("bad_set", field, f"The set has no inputs/{spec.name}, which the version needs.")
    expected = {
        name.removeprefix("expected/"): c for name, c in found.truths.items() if name[:9] == "expected/"
    }
    _refuse_names("output", expected, signature.outputs, field)
    if found.kind == END_TO_END:
        _refuse_expected(found, expected, signature, field)
    else:
        _refuse_truths(found, bool(expected), field)


def _refuse_expected(
    found: TestSet, expected: Mapping[str, Column], signature: Signature, field: str
) -> None:
    if not expected or len(expected) != len(found.truths):
        raise Refused(
            "bad_set", field, "An end-to-end set has expected/<output> for its inputs, nothing else."
        )
    for spec in signature.outputs:
        if spec.name in expected:
            _refuse_kind("expected", spec, expected[spec.name], field)


def _refuse_truths(found: TestSet, expected: bool, field: str) -> None:
    if expected or "target" not in found.truths:
        raise Refused(
            "bad_set", field, "A confidence set has a target for its inputs, and no expected outputs."
        )
    for name, column in found.truths.items():
        if column.shape is None or len(column.shape) > (name == "target"):
            raise Refused("bad_set", field, f"{name} has one value per row.")
    weight = found.truths.get("weight")
    if weight is not None and weight.dtype.kind not in "fiu":
        raise Refused("bad_set", field, "weight is a number per row.")


def _refuse_names(word: str, given: Iterable[str], specs: Iterable[TensorSpec], field: str) -> None:
    known = sorted(spec.name for spec in specs)
    if unknown := [name for name in given if name not in known]:
        raise Refused("bad_set", field, f"The version has no {word} {unknown[0]!r}: it has {known}.")


def _refuse_tensor(where: str, spec: TensorSpec, column: Column, unit: str, field: str) -> None:
    if not _holds(spec.datatype, column.dtype):
        kind = "text" if column.dtype.kind == "U" else str(column.dtype)
        wanted = "NumPy U dtype" if spec.datatype == "BYTES" else DTYPES[spec.datatype].name
        raise Refused(
            "bad_set",
            field,
            f"{where}/{spec.name} is {kind}, the version takes {spec.datatype}: save it as {wanted}.",
        )
    wanted_shape = spec.shape[1:] if unit == SAMPLES else spec.shape
    shapes = [column.shape] if column.shape is not None else [entry.shape[1:] for entry in column.parts(1)]
    for shape in (shape for shape in shapes if not _fits(shape, wanted_shape)):
        raise Refused(
            "bad_set",
            field,
            f"A row of {where}/{spec.name} has shape {list(shape)}, the version takes"
            f" {list(wanted_shape)} (-1: any; rows are {unit}).",
        )


def _refuse_kind(where: str, spec: TensorSpec, column: Column, field: str) -> None:
    """Expected values may be wider than the output: they are compared, not sent."""
    families = {"b": "b", "i": "iu", "u": "iu", "f": "fiu", "O": "U"}
    if column.dtype.kind not in families[DTYPES[spec.datatype].kind]:
        raise Refused(
            "bad_set", field, f"{where}/{spec.name} is {column.dtype}, the version gives {spec.datatype}."
        )


def _holds(datatype: str, dtype: np.dtype[Any]) -> bool:
    """Whether a client's library would send such values as this datatype, say 64-bit floats as 32-bit."""
    if datatype == "BYTES" or dtype.kind == "U":
        return (datatype == "BYTES") == (dtype.kind == "U")
    return bool(np.can_cast(dtype, DTYPES[datatype], "same_kind"))


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        want in (FREE, axis) for axis, want in zip(shape, wanted, strict=True)
    )
