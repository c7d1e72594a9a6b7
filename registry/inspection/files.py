"""From a file to a protobuf model, or a sentence about what the file is instead."""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped, unused-ignore]

from registry.inspection.policy import Policy
from registry.inspection.refusals import Refused

HEAD_BYTES = 512
"""What every kind of file that is recognised has its mark in: tar's is at 257."""
PICKLE_PROTOCOLS = {2, 3, 4, 5}
OTHER_FILES = {
    b"PK\x03\x04": "a zip archive, as PyTorch and Keras save models: export it to ONNX",
    b"\x89HDF": "an HDF5 file, as Keras saves models: export it to ONNX",
    b"\x1f\x8b": "packed with gzip: send it unpacked",
    b"version https://git-lfs": "a Git LFS pointer: run git lfs pull and send the model itself",
    b"<": "a web page or XML: the download that made it went wrong",
    b"{": "JSON",
}
TRUNCATED = "It is truncated, or no ONNX file at all"
UNREADABLE = "It is truncated, no ONNX file at all, or nests subgraphs deeper than the format is read"


def read_model(path: Path, key: str, policy: Policy) -> onnx.ModelProto:
    """The model in a file. Raises Refused, code not_onnx or too_large."""
    field = f"files.{key}"
    size = path.stat().st_size
    if size > policy.file_bytes:
        raise Refused("too_large", field, f"The {key} has {size:,} bytes, more than {policy.file_bytes:,}.")
    content = path.read_bytes()
    if words := _something_else(content[:HEAD_BYTES]):
        raise Refused("not_onnx", field, f"The {key} is not ONNX: it is {words}.")
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(content)
    except DecodeError:
        raise Refused("not_onnx", field, f"The {key} cannot be read. {UNREADABLE}.") from None
    if model.ir_version < 1 or not model.opset_import or not model.graph.output:
        raise Refused(
            "not_onnx", field, f"The {key} has no graph with outputs and operator sets. {TRUNCATED}."
        )
    return model


def _something_else(head: bytes) -> str:
    if not head:
        return "empty"
    if head[0] == 0x80 and len(head) > 1 and head[1] in PICKLE_PROTOCOLS:
        return "a Python pickle, which is never opened here: export the model to ONNX"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return next((words for start, words in OTHER_FILES.items() if text.startswith(start)), "")
