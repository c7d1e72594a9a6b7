"""From a file to a set that fits its version's signature, or a refusal that says what does not fit."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from formats.types import Signature
from registry.inspection.refusals import Refused
from registry.inspection.sets import fitting
from registry.inspection.sets.archive import Archive
from registry.inspection.sets.columns import Array, Column, Held, Ragged, Streamed
from registry.inspection.sets.lines import read_lines, to_array
from registry.inspection.sets.testset import END_TO_END, REQUESTS, SAMPLES, SetLimits, TestSet

ZIP_MAGIC = b"PK"
ONE_REQUEST = re.compile(r"requests/(0|[1-9][0-9]{0,7})/(inputs|expected)/(.+)")
TOLERANCES = ("atol", "rtol")
TRUTHS = ("target", "weight", "group")
NO_LIMITS = SetLimits()


def read_set(
    path: Path, kind: str, signature: Signature, *, unit: str | None = None, limits: SetLimits = NO_LIMITS
) -> TestSet:
    """The set in a file, NPZ or JSON Lines.

    kind    end_to_end or confidence
    unit    what the manifest says of `rows`, None: inferred from the signature

    Raises Refused (code bad_set or too_large) with the field `files.<kind>` or `rows`.
    """
    field = f"files.{kind}"
    size = path.stat().st_size
    if size > limits.file_bytes:
        raise Refused("too_large", field, f"The set has {size:,} bytes, more than {limits.file_bytes:,}.")
    settled = fitting.unit_of(signature, unit)
    with path.open("rb") as stream:
        zipped = stream.read(len(ZIP_MAGIC)) == ZIP_MAGIC
    columns, tolerances, ragged = (
        _from_archive(path, field, limits) if zipped else _from_lines(path, field, signature, limits)
    )
    if ragged and unit == SAMPLES:
        raise Refused("bad_set", "rows", "Rows of different shapes are whole requests: say rows: requests.")
    settled = REQUESTS if ragged else settled
    found = TestSet(
        kind=kind,
        unit=settled,
        rows=fitting.rows_of(columns, field, limits),
        inputs={name[7:]: column for name, column in columns.items() if name.startswith("inputs/")},
        truths={name: column for name, column in columns.items() if not name.startswith("inputs/")},
        **fitting.tolerances_of(tolerances, field, allowed=kind == END_TO_END),
    )
    fitting.refuse_misfits(found, signature, field)
    return found


def _from_archive(
    path: Path, field: str, limits: SetLimits
) -> tuple[dict[str, Column], dict[str, Any], bool]:
    archive = Archive(path, field, limits)
    archive.count()
    columns: dict[str, Column] = {}
    tolerances: dict[str, Any] = {}
    entries: dict[str, dict[int, str]] = defaultdict(dict)
    for name, member in archive.members.items():
        if one := ONE_REQUEST.fullmatch(name):
            entries[f"{one[2]}/{one[3]}"][int(one[1])] = name
        elif name in TOLERANCES and member.shape == () and member.dtype.kind in "fiu":
            tolerances[name] = archive.read(name).item()
        elif name.startswith(("inputs/", "expected/", "slice/")) or name in TRUTHS:
            columns[name] = _streamed(archive, name, field)
        else:
            raise Refused("bad_set", field, f"The set has an array {name!r} that means nothing here.")
    stacked = next((name for name in columns if name.startswith(("inputs/", "expected/"))), None)
    if entries and stacked is not None:
        raise Refused(
            "bad_set", field, f"The set has {stacked} beside requests/: write rows in one of the two forms."
        )
    for column, named in entries.items():
        columns[column] = _ragged(archive, column, named, field)
    return columns, tolerances, bool(entries)


def _streamed(archive: Archive, name: str, field: str) -> Column:
    member = archive.members[name]
    if not member.shape:
        raise Refused("bad_set", field, f"{name} is a single value: its first axis is the rows.")
    dtype = member.dtype.newbyteorder("=")
    return Streamed(member.shape[0], member.shape[1:], dtype, partial(archive.opened, name))


def _ragged(archive: Archive, column: str, named: Mapping[int, str], field: str) -> Column:
    if set(named) != set(range(len(named))):
        raise Refused("bad_set", field, f"The requests with {column} are not numbered 0, 1, 2, and so on.")
    dtypes = {archive.members[name].dtype for name in named.values()}
    if len({dtype.newbyteorder("=") for dtype in dtypes if dtype.kind != "U"} | {d.kind for d in dtypes}) > 2:
        raise Refused("bad_set", field, f"{column} does not have the same datatype in every request.")
    return Ragged(dtypes.pop(), [partial(archive.read, named[place]) for place in range(len(named))])


def _from_lines(
    path: Path, field: str, signature: Signature, limits: SetLimits
) -> tuple[dict[str, Column], dict[str, Any], bool]:
    tolerances, rows = read_lines(path, field, limits)
    values: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        for name, value in _flat(row):
            values[name].append(value)
    datatypes = {f"inputs/{spec.name}": spec.datatype for spec in signature.inputs}
    datatypes |= {f"expected/{spec.name}": spec.datatype for spec in signature.outputs}
    columns = {}
    for name, column in values.items():
        if len(column) != len(rows):
            raise Refused("bad_set", field, f"{name} stands in {len(column)} of {len(rows)} lines.")
        columns[name] = _held(name, column, datatypes.get(name), field)
    return columns, tolerances, any(isinstance(column, Ragged) for column in columns.values())


def _flat(row: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found = [
        (f"{key}/{name}", value) for key in ("inputs", "expected") for name, value in row.get(key, {}).items()
    ]
    found += [(f"slice/{name}", value) for name, value in row.get("slice", {}).items()]
    return found + [(name, row[name]) for name in TRUTHS if name in row]


def _held(name: str, values: list[Any], datatype: str | None, field: str) -> Column:
    stacked = to_array(values, datatype)
    if stacked is not None:
        return Held(stacked)
    arrays: list[Array] = []
    for number, value in enumerate(values, start=1):
        array = to_array(value, datatype)
        if array is None:
            raise Refused("bad_set", field, f"{name} of row {number} is no {datatype or 'number or text'}.")
        arrays.append(array)
    return Ragged(arrays[0].dtype, [partial(_same, array) for array in arrays])


def _same(array: Array) -> Array:
    return array
