"""Labels as codes: which of the classes each one is. Whole numbers are compared as whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from formats.dtypes import Array
from releases.statistics import arrays
from releases.statistics.arrays import Codes, Entries

_SPAN = 1 << 16
"""A table of so many places fits the caches, and is faster than sorting only when there are more values than
that."""
_EXACT = 2**53
"""Whole numbers up to it are exact as float64."""
_WHOLE = 2.0**63
"""Beyond it a float has no int64."""


@dataclass(frozen=True, slots=True)
class Code:
    """What the labels of one array are called in common: `codes[i]` is the code of `labels[i]`."""

    labels: Array
    codes: Codes

    def of(self, values: Array) -> Codes:
        """values  labels that all occur in `labels`; the same shape comes back."""
        return self.codes[np.searchsorted(self.labels, values)]


def distinct(entries: Entries) -> Array:
    """The labels that occur, sorted; a few million places at a time."""
    found = [_distinct(arrays.flat(entries, *block)) for block in arrays.blocks(arrays.sizes(entries))]
    return found[0] if len(found) == 1 else np.unique(np.concatenate(found))


def _distinct(values: Array) -> Array:
    """Few labels over many places (pixels, tokens) are counted: a sort would take twenty times as long."""
    if values.dtype.kind not in "iu" or len(values) < _SPAN:
        return np.unique(values)
    low, high = int(values.min()), int(values.max())
    if high - low >= _SPAN or high >= 2**63:
        return np.unique(values)
    counts = np.bincount(values.astype(np.int64) - low)
    return (np.flatnonzero(counts) + low).astype(values.dtype)


def common(found: Sequence[Array]) -> tuple[list[object], list[Code]]:
    """The names of all labels in their order, and each array's code; `found` is what `distinct` gave.

    numpy would compare whole numbers with floats as floats: 2**53 and 2**53 + 1 would be one label.
    """
    alike = _alike(found)
    names, codes = np.unique(np.concatenate(alike), return_inverse=True)
    ends = np.cumsum([len(each) for each in alike])[:-1]
    parts = np.split(codes.astype(np.int64), ends)
    return names.tolist(), [Code(labels, part) for labels, part in zip(found, parts, strict=True)]


def _alike(found: Sequence[Array]) -> list[Array]:
    """The same values in types that numpy compares exactly."""
    if any(each.dtype.kind in "US" for each in found):
        return list(found)
    if all(_is_whole(each) for each in found):
        return [each.astype(np.int64) for each in found]
    whole = [each for each in found if each.dtype.kind in "iub" and each.size]
    if all(abs(int(each[place])) <= _EXACT for each in whole for place in (0, -1)):
        return [each.astype(np.float64) for each in found]
    return [each.astype(object) for each in found]


def _is_whole(labels: Array) -> bool:
    if labels.dtype.kind == "f":
        return bool((np.abs(labels) < _WHOLE).all() and (labels == np.floor(labels)).all())
    return labels.dtype.kind in "ib" or not labels.size or int(labels[-1]) < 2**63
