"""Constants whose declared size is not the size of their bytes."""

from __future__ import annotations

import math
from functools import cache

import onnx
from onnx import TensorProto, helper

MOST_AXES = 64
"""NumPy has no tensor of more."""
MOST_ELEMENTS = (1 << 63) - 1
"""The largest number of 64 bits with a sign: runtimes count elements in one, and would wrap."""
KINDS = ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")
PACKED = {"INT4", "UINT4", "FLOAT4E2M1"}
PACKED_TIGHTLY = {"INT2", "UINT2"}
COMPLEX = {"COMPLEX64", "COMPLEX128"}


def trouble(tensor: TensorProto) -> str:
    """What is wrong with a constant, or nothing; what lies in another file is `external`'s to look at."""
    if wrong := shape_trouble(tensor):
        return wrong
    if tensor.data_location == TensorProto.EXTERNAL:
        return ""
    if len(kinds := _kinds(tensor)) > 1:
        return f"holds its values twice, as {kinds[0]} and as {kinds[1]}"
    wanted = math.prod(tensor.dims)
    if is_text(tensor):
        there, needed = len(tensor.string_data), wanted
    elif tensor.HasField("raw_data"):
        there, needed = len(tensor.raw_data), math.ceil(wanted * _element_bytes(tensor.data_type))
    else:
        there, needed = _typed_values(tensor), _values(tensor.data_type, wanted)
    return "" if there == needed else f"declares {wanted:,} elements and does not hold them"


def shape_trouble(tensor: TensorProto) -> str:
    if any(axis < 0 for axis in tensor.dims):
        return "has a negative axis"
    if len(tensor.dims) > MOST_AXES:
        return f"has {len(tensor.dims):,} axes, more than {MOST_AXES}"
    if math.prod(max(axis, 1) for axis in tensor.dims) > MOST_ELEMENTS:
        return "declares more elements than can be counted"
    if tensor.data_type not in TensorProto.DataType.values() or tensor.data_type == TensorProto.UNDEFINED:
        return "has an unknown datatype"
    return ""


def _kinds(tensor: TensorProto) -> list[str]:
    return [name for name in KINDS if len(getattr(tensor, name))]


def is_text(tensor: TensorProto) -> bool:
    return bool(tensor.data_type == TensorProto.STRING)


def holds_values(tensor: TensorProto) -> bool:
    """Whether the message itself has values, where they should lie in another file."""
    return bool(tensor.HasField("raw_data") or _typed_values(tensor) or len(tensor.string_data))


def bytes_of(tensor: TensorProto) -> int:
    """Bytes of a constant whose size is right."""
    if tensor.data_type == TensorProto.STRING:
        return sum(len(text) for text in tensor.string_data)
    elements: int = math.prod(tensor.dims)
    return math.ceil(elements * _element_bytes(tensor.data_type))


@cache
def _element_bytes(data_type: int) -> float:
    name = str(TensorProto.DataType.Name(data_type))
    if name in PACKED_TIGHTLY:
        return 0.25
    return 0.5 if name in PACKED else float(helper.tensor_dtype_to_np_dtype(data_type).itemsize)


def _values(data_type: int, elements: int) -> int:
    name = TensorProto.DataType.Name(data_type)
    if name in PACKED_TIGHTLY:
        return math.ceil(elements / 4)
    return math.ceil(elements / 2) if name in PACKED else elements * (2 if name in COMPLEX else 1)


def _typed_values(tensor: onnx.TensorProto) -> int:
    fields = (tensor.float_data, tensor.int32_data, tensor.int64_data, tensor.double_data, tensor.uint64_data)
    return sum(len(values) for values in fields)
