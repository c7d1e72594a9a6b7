"""A set in an NPZ file: `inputs/<name>`, `expected/<output>`, `target`, or `requests/<i>/inputs/<name>`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from formats.types import Signature
from releases.examiner.archive import Archive
from releases.examiner.closeness import Tolerance
from releases.examiner.findings import BadSet
from releases.examiner.sets import ExaminedSet, Listed, Stacked, kind_of
from releases.examiner.spec import RowKind

Array = NDArray[Any]
Columns = Mapping[str, Array]

_REQUEST = re.compile(r"requests/(0|[1-9]\d{0,8})/(inputs|expected)/(.+)")
_SINGLE = {"target", "weight", "group", "atol", "rtol"}


class _Found(NamedTuple):
    inputs: dict[str, Array]
    expected: dict[str, Array]
    slices: dict[str, Array]
    single: dict[str, Array]
    requests: dict[int, tuple[dict[str, Array], dict[str, Array]]]


def read(path: Path, signature: Signature, declared: RowKind | None, scratch: Path) -> ExaminedSet:
    """The set; large arrays stay on disk. Raises BadSet."""
    with Archive(path, scratch) as archive:
        found = _sorted(archive)
    common: dict[str, Any] = {
        "target": found.single.get("target"),
        "weight": found.single.get("weight"),
        "group": found.single.get("group"),
        "slices": found.slices,
        "tolerance": _tolerance(found.single),
    }
    if found.requests:
        return _listed(found, common)
    kind = kind_of({name: array.shape for name, array in found.inputs.items()}, signature, declared)
    inputs = Stacked(found.inputs, kind)
    expected = Stacked(found.expected, kind) if found.expected else None
    rows = len(next(iter(found.inputs.values())))
    return ExaminedSet(kind, rows, inputs, expected, **common)


def _sorted(archive: Archive) -> _Found:
    found = _Found({}, {}, {}, {}, {})
    places = {"inputs": found.inputs, "expected": found.expected, "slice": found.slices}
    for name in archive.names():
        place, _, rest = name.partition("/")
        if request := _REQUEST.fullmatch(name):
            pair = found.requests.setdefault(int(request[1]), ({}, {}))
            pair[request[2] == "expected"][request[3]] = archive[name]
        elif place in places and rest:
            places[place][rest] = _with_rows(name, archive[name])
        elif name in _SINGLE:
            found.single[name] = archive[name] if name.endswith("tol") else _with_rows(name, archive[name])
        else:
            raise BadSet(f"the set holds {name[:100]!r}, which means nothing in a set")
    return found


def _with_rows(name: str, array: Array) -> Array:
    if not array.ndim:
        raise BadSet(f"{name} is one value; it needs one per row along its first axis")
    return array


def _tolerance(single: Columns) -> Tolerance:
    values = {name: _scalar(name, array) for name, array in single.items() if name.endswith("tol")}
    return Tolerance(**values)


def _scalar(name: str, array: Array) -> float:
    if array.size != 1 or array.dtype.kind not in "iuf":
        raise BadSet(f"{name} must be one number")
    value = float(array.reshape(-1)[0])
    if not (np.isfinite(value) and value >= 0):
        raise BadSet(f"{name} must be a finite number, zero or greater")
    return value


def _listed(found: _Found, common: dict[str, Any]) -> ExaminedSet:
    if found.inputs or found.expected:
        raise BadSet("the set has both inputs/ and requests/: a row is written in one of the two forms")
    rows = len(found.requests)
    if set(found.requests) != set(range(rows)):
        raise BadSet(f"requests/ must be numbered 0 to {rows - 1} without a gap")
    items = [found.requests[index] for index in range(rows)]
    expected = Listed([pair[1] for pair in items]) if any(pair[1] for pair in items) else None
    return ExaminedSet("requests", rows, Listed([pair[0] for pair in items]), expected, **common)
