"""A small, honest upload: a model of three classes, its sets, its texts, its manifest."""

from __future__ import annotations

import copy
import io
import json
from functools import cache
from typing import Any

import numpy as np
import onnx
from django.core.files.uploadedfile import SimpleUploadedFile
from onnx import TensorProto, helper

WEIGHTS = np.array([[1.0, -1.0, 0.2], [0.5, 1.5, -0.7]], dtype=np.float32)
NAMES = {
    "model": "model.onnx",
    "end_to_end": "end_to_end.npz",
    "confidence": "confidence.npz",
    "requirements": "requirements.txt",
    "card": "CARD.md",
}


def graph(operator: str = "MatMul") -> bytes:
    """x of shape (N, 2) -> scores (N, 3) and label (N)."""
    nodes = [
        helper.make_node(operator, ["x", "weights"], ["scores"]),
        helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
    ]
    made = helper.make_graph(
        nodes,
        "three_classes",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, 3]),
        ],
        [helper.make_tensor("weights", TensorProto.FLOAT, WEIGHTS.shape, WEIGHTS.ravel())],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if operator == "MatMul":
        onnx.checker.check_model(model)
    return model.SerializeToString()


def npz(**arrays: Any) -> bytes:
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()


@cache
def contents() -> dict[str, bytes]:
    """key -> bytes of one file."""
    rows = np.random.default_rng(7).normal(size=(300, 2)).astype(np.float32)
    scores = rows @ WEIGHTS
    labels = scores.argmax(axis=1)
    return {
        "model": graph(),
        "end_to_end": npz(
            **{"inputs/x": rows[:10], "expected/label": labels[:10], "expected/scores": scores[:10]}
        ),
        "confidence": npz(**{"inputs/x": rows, "target": labels}),
        "requirements": b"numpy==2.4.6\n",
        "card": b"# Three classes\n\nFor tests.\n",
    }


def manifest(model: str, /, **changes: Any) -> dict[str, Any]:
    """The document of that upload, with whole sections changed."""
    document = {
        "model": model,
        "files": dict(NAMES),
        "training": {"library": "numpy", "library_version": "2.4.6", "algorithm": "by hand"},
        "data": {
            "training": {"version": "1", "uri": "s3://lake/x", "sha256": "ab" * 32, "rows": 10},
            "validation": {"version": "1", "uri": "s3://lake/x-val"},
        },
        "metric": {"name": "accuracy", "output": "label", "range": [0.9, 1.0]},
        "signature": {
            "inputs": {"x": {"description": "two numbers", "features": ["a", "b"]}},
            "outputs": {"label": {"description": "the class"}},
        },
        "built": {"by": "ci@example.org", "at": "2026-11-20T10:00:00Z"},
        "tags": {"team": "tests"},
    }
    return copy.deepcopy(document) | changes


def form(model: str, given: dict[str, bytes | None] | None = None, /, **changes: Any) -> dict[str, Any]:
    """The multipart form: `given` replaces bytes by key, or leaves a part out where it says None."""
    parts: dict[str, Any] = {
        key: SimpleUploadedFile(NAMES.get(key, key), data)
        for key, data in {**contents(), **(given or {})}.items()
        if data is not None
    }
    parts["manifest"] = SimpleUploadedFile("model.json", json.dumps(manifest(model, **changes)).encode())
    return parts
