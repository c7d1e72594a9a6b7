"""JSON Lines sets: one row per line, for sets small enough to be written by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from formats.dtypes import DTYPES, FLOATS
from registry.inspection.refusals import Refused
from registry.inspection.sets.columns import Array
from registry.inspection.sets.testset import SetLimits

ROW_KEYS = {"inputs", "expected", "target", "weight", "group", "slice"}
TOLERANCES = {"atol", "rtol"}
WORDS = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}


def read_lines(path: Path, field: str, limits: SetLimits) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(tolerances, which stand on the first line; one document per row). Raises Refused naming the line."""
    if path.stat().st_size > limits.text_bytes:
        raise Refused("bad_set", field, f"A JSON Lines set has at most {limits.text_bytes:,} bytes: use NPZ.")
    rows: list[dict[str, Any]] = []
    tolerances: dict[str, Any] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        document = _document(line, number, field)
        if not rows:
            tolerances = {key: document.pop(key) for key in TOLERANCES & document.keys()}
        if "inputs" not in document or not document.keys() <= ROW_KEYS:
            raise Refused(
                "bad_set", field, f"Line {number} is not a row: it needs inputs, and expected or target."
            )
        rows.append(document)
    return tolerances, rows


def to_array(value: Any, datatype: str | None) -> Array | None:
    """A JSON value as an array of the protocol's datatype (None: as it comes); None when it does not fit."""
    try:
        array = np.array(_numbers(value) if datatype in FLOATS else value)
    except ValueError:
        return None
    if datatype is None:
        return array if array.dtype.kind in "biufU" else None
    dtype = DTYPES[datatype]
    if datatype == "BYTES" or array.dtype.kind == "U":
        return array if (datatype == "BYTES") == (array.dtype.kind == "U") else None
    if array.dtype.kind not in {"b": "b", "f": "iuf"}.get(dtype.kind, "iu"):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(dtype)
    exact = dtype.kind == "f" or bool((cast.astype(object) == array.astype(object)).all())
    return cast if exact else None


def _document(line: bytes, number: int, field: str) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Refused("bad_set", field, f"Line {number} is not JSON: {error}") from error
    if not isinstance(document, dict) or not all(
        isinstance(document.get(key, {}), Mapping) for key in ("inputs", "expected", "slice")
    ):
        raise Refused("bad_set", field, f"Line {number} is not an object of inputs and expected or target.")
    return document


def _numbers(value: Any) -> Any:
    """Lists with the words that stand for what JSON has no number for; other texts stay texts."""
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return WORDS.get(value, value) if isinstance(value, str) else value
