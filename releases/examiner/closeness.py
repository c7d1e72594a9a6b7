"""When two answers are the same: whole numbers, texts and booleans exactly, floats within a tolerance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Floats are the same when |expected - got| <= atol + rtol * |expected|; NaN is the same as NaN."""

    atol: float = 1e-6
    rtol: float = 1e-5


def first_difference(expected: Array, got: Array, tolerance: Tolerance) -> int | None:
    """The place in row-major order of the first element that differs, None where all are the same.

    Both have the same shape. Text is never the same as a number.
    """
    if (expected.dtype.kind in "US") != (got.dtype.kind in "US"):
        return 0 if expected.size else None
    if "f" in (expected.dtype.kind, got.dtype.kind):
        same = _close(expected.astype(np.float64), got.astype(np.float64), tolerance)
    else:
        same = expected == got
    differing = np.flatnonzero(~np.asarray(same).reshape(-1))
    return int(differing[0]) if differing.size else None


def _close(
    expected: NDArray[np.float64], got: NDArray[np.float64], tolerance: Tolerance
) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        within = np.abs(expected - got) <= tolerance.atol + tolerance.rtol * np.abs(expected)
    finite = np.isfinite(expected)
    exact = (expected == got) | (np.isnan(expected) & np.isnan(got))
    return np.asarray(np.where(finite, within, exact))
