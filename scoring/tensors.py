"""Tensors on their way: the protocol's words, numpy's types, and raw little-endian rows between them.

A `Block` is what every protocol decodes to: the shape, and the elements in row-major order as raw
little-endian bytes (a list of str for BYTES). Blocks of several requests join by concatenation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple, cast

import numpy as np

from formats.dtypes import DTYPES, Array
from formats.types import TensorSpec
from scoring.errors import BadTensor

REFUSED_NAN = "this input takes no missing values (NaN, null), unless the manifest says missing: true"
REFUSED_INFINITY = "is infinite: this input takes finite numbers only"


class Block(NamedTuple):
    """One tensor of one request. `raw` is a list of str when the datatype is BYTES.

    `settled` is False until somebody has looked: raw floats of a client may hold NaN.
    """

    shape: tuple[int, ...]
    raw: bytes | list[str]
    settled: bool = True


def to_array(blocks: Sequence[Block], spec: TensorSpec, shape: tuple[int, ...]) -> Array:
    """One array of the blocks, one below the other along axis 0.

    Raises BadTensor on NaN and infinities that the input does not take.
    """
    if spec.datatype == "BYTES":
        array = np.empty(sum(len(block.raw) for block in blocks), dtype=object)
        array[:] = list(chain.from_iterable(block.raw for block in blocks))
        return array.reshape(shape)
    raws = cast("list[bytes]", [block.raw for block in blocks])
    array = np.frombuffer(raws[0] if len(raws) == 1 else b"".join(raws), dtype=DTYPES[spec.datatype]).reshape(
        shape
    )
    if False in [block.settled for block in blocks] and not np.isfinite(array).all():
        _refuse_gaps(spec, array)
    return array


def bad_value(spec: TensorSpec, shape: Sequence[int], place: int, words: str) -> BadTensor:
    """A refusal that names input, row and feature of the element at a place in row-major order."""
    return BadTensor(f"input {placed(spec, shape, place)}: {words}", input=spec.name)


def placed(spec: TensorSpec, shape: Sequence[int], place: int) -> str:
    """A tensor's name with the row and the feature of one element."""
    named = spec.where(*_row_and_feature(spec, shape, place))
    return f"{spec.name!r}{named and ', '}{named}"


def _row_and_feature(spec: TensorSpec, shape: Sequence[int], place: int) -> tuple[int | None, int | None]:
    if not shape:
        return None, None
    if len(shape) == 1:
        return (None, place) if spec.features else (place, None)
    row = place // max(math.prod(shape[1:]), 1)
    return row, place % shape[-1]


def _refuse_gaps(spec: TensorSpec, array: Array) -> None:
    gaps = [
        (~np.isfinite(array) & ~np.isnan(array), spec.infinite, REFUSED_INFINITY),
        (np.isnan(array), spec.missing, f"is NaN: {REFUSED_NAN}"),
    ]
    for flags, taken, words in gaps:
        if not taken and flags.any():
            raise bad_value(spec, array.shape, int(flags.reshape(-1).argmax()), words)
