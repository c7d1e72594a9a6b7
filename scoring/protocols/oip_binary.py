"""Triton's binary-tensor extension: a JSON header of stated length, then the tensors' raw bytes."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack
from typing import Any

import numpy as np
import orjson

from scoring.errors import BadRequest
from scoring.protocols import oip_json
from scoring.protocols.oip_json import InferRequest
from scoring.tensors import DTYPES, Array
from scoring.types import TensorSpec


def split(body: bytes, header_length: int) -> tuple[InferRequest, memoryview]:
    """The JSON header and the binary section. Raises BadRequest when the header's length lies."""
    if header_length > len(body):
        raise BadRequest(
            f"Inference-Header-Content-Length says {header_length}, the body has {len(body)} bytes"
        )
    return oip_json.read(body[:header_length]), memoryview(body)[header_length:]


def outputs(
    specs: Sequence[TensorSpec], arrays: Sequence[Array], chosen: Sequence[tuple[int, bool]]
) -> tuple[bytes, bytes]:
    """The inside of the response's `outputs`, and the binary section that follows the JSON."""
    heads, tail = [], []
    for place, binary in chosen:
        spec, array = specs[place], arrays[place]
        if not binary:
            heads.append(oip_json.output(spec, array))
            continue
        raw = _raw(spec, array)
        head: dict[str, Any] = {
            "name": spec.name,
            "datatype": spec.datatype,
            "shape": list(array.shape),
            "parameters": {"binary_data_size": len(raw)},
        }
        heads.append(orjson.dumps(head))
        tail.append(raw)
    return b",".join(heads), b"".join(tail)


def _raw(spec: TensorSpec, array: Array) -> bytes:
    if spec.datatype != "BYTES":
        return np.ascontiguousarray(array, dtype=DTYPES[spec.datatype]).tobytes()
    texts = [text.encode() if isinstance(text, str) else bytes(text) for text in array.reshape(-1).tolist()]
    return b"".join(pack("<I", len(text)) + text for text in texts)
