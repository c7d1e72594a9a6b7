"""Tensors on their way: the protocol's words, numpy's types, and raw little-endian rows between them.

A `Block` is what every protocol decodes to: the shape, and the elements in row-major order as raw
little-endian bytes (a list of str for BYTES). Blocks of several requests join by concatenation.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from formats.dtypes import DTYPES, Array
from scoring.errors import BadTensor


class Block(NamedTuple):
    """One tensor of one request. `raw` is bytes-like, or a list of str when the datatype is BYTES.

    `finite` is False until somebody has looked: raw floats of a client may hold NaN.
    """

    shape: tuple[int, ...]
    raw: Any
    finite: bool = True


def to_array(blocks: Sequence[Block], datatype: str, shape: tuple[int, ...]) -> Array:
    """One array of the blocks, one below the other along axis 0. Raises BadTensor on NaN and infinity."""
    if datatype == "BYTES":
        array = np.empty(sum(len(block.raw) for block in blocks), dtype=object)
        array[:] = list(chain.from_iterable(block.raw for block in blocks))
        return array.reshape(shape)
    raw = blocks[0].raw if len(blocks) == 1 else b"".join([block.raw for block in blocks])
    array = np.frombuffer(raw, dtype=DTYPES[datatype]).reshape(shape)
    if False in [block.finite for block in blocks] and not np.isfinite(array).all():
        raise BadTensor("an input holds NaN or an infinity: send finite numbers only")
    return array
