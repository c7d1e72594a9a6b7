"""Triton's binary-tensor extension: a JSON header of stated length, then the tensors' raw bytes."""

from __future__ import annotations

from scoring.errors import BadRequest
from scoring.protocols import oip_json
from scoring.protocols.oip_json import InferRequest


def split(body: bytes, header_length: int) -> tuple[InferRequest, memoryview]:
    """The JSON header and the binary section. Raises BadRequest when the header's length lies."""
    if header_length > len(body):
        raise BadRequest(
            f"Inference-Header-Content-Length says {header_length}, the body has {len(body)} bytes"
        )
    return oip_json.read(body[:header_length]), memoryview(body)[header_length:]
