"""The protocol's datatypes and numpy's: one table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BYTES": np.dtype(object),
}
DATATYPE_OF = {dtype: datatype for datatype, dtype in DTYPES.items()}
FLOATS = frozenset({"FP16", "FP32", "FP64"})


def datatype_of(array: Array) -> str:
    """The protocol's word for an array's elements. Raises KeyError for what the protocol does not know."""
    if array.dtype.kind in "OSU":
        return "BYTES"
    return DATATYPE_OF[array.dtype.newbyteorder("<") if array.dtype.itemsize > 1 else array.dtype]
