"""When two answers are the same: whole numbers, texts and booleans exactly, floats within a tolerance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

DEFAULT_ATOL = 1e-6
DEFAULT_RTOL = 1e-5


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Floats are the same when |expected - got| <= atol + rtol * |expected|; NaN is the same as NaN."""

    atol: float = DEFAULT_ATOL
    rtol: float = DEFAULT_RTOL


def first_difference(expected: Array, got: Array, tolerance: Tolerance) -> int | None:
    """The place in row-major order of the first element that differs, None where all are the same.

    Both have the same shape. Text is never the same as a number; a whole number is the same as another
    one only, and as a float within the tolerance, both with all their digits.
    """
    if (expected.dtype.kind in "US") != (got.dtype.kind in "US"):
        return 0 if expected.size else None
    if "f" in (expected.dtype.kind, got.dtype.kind):
        wide = np.float64 if expected.dtype.kind == got.dtype.kind else np.longdouble
        same = _close(expected.astype(wide), got.astype(wide), tolerance)
    else:
        same = expected == got
    differing = np.flatnonzero(~np.asarray(same).reshape(-1))
    return int(differing[0]) if differing.size else None


def _close(expected: Array, got: Array, tolerance: Tolerance) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore", over="ignore"):
        within = np.abs(expected - got) <= tolerance.atol + tolerance.rtol * np.abs(expected)
    finite = np.isfinite(expected)
    exact = (expected == got) | (np.isnan(expected) & np.isnan(got))
    return np.asarray(np.where(finite, within, exact))
