"""How a client asks a model, for its very signature. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

NUMPY = {
    "BOOL": "bool_",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BYTES": "object_",
    **{f"{sign}INT{bits}": f"{sign.lower()}int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)},
}
MOST_VALUES = 8


def curl(model: str, signature: Mapping[str, Any], url: str) -> str:
    """A request to `/score/<model>` with one row of the right shape."""
    body = {"inputs": {spec["name"]: _row(spec) for spec in signature.get("inputs", [])}, "unit": "user-17"}
    text = json.dumps(body).replace('"..."', "...").replace("'", "'\\''")
    return (
        f"curl {url}/score/{model} \\\n"
        '  -H "Authorization: Bearer $ASSAY_TOKEN" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d '{text}'"
    )


def triton(model: str, signature: Mapping[str, Any], url: str) -> str:
    """The same with `tritonclient`, unmodified."""
    host = url.split("://", 1)[-1]
    lines = [
        "import os",
        "",
        "import numpy as np",
        "import tritonclient.http as triton",
        "",
        f'client = triton.InferenceServerClient("{host}")',
        "inputs = []",
    ]
    for spec in signature.get("inputs", []):
        shape = tuple(_sizes(spec))
        kind = NUMPY.get(spec["datatype"], "float32")
        name = json.dumps(spec["name"])
        lines += [
            f"values = np.zeros({shape}, dtype=np.{kind})",
            f'tensor = triton.InferInput({name}, values.shape, "{spec["datatype"]}")',
            "tensor.set_data_from_numpy(values)",
            "inputs.append(tensor)",
        ]
    lines += [
        'headers = {"Authorization": f"Bearer {os.environ[\'ASSAY_TOKEN\']}"}',
        f"answer = client.infer({json.dumps(model)}, inputs, headers=headers)",
    ]
    lines += [f"print(answer.as_numpy({json.dumps(spec['name'])}))" for spec in signature.get("outputs", [])]
    return "\n".join(lines)


def _sizes(spec: Mapping[str, Any]) -> list[int]:
    return [1 if axis == -1 else int(axis) for axis in spec.get("shape", [])]


def _row(spec: Mapping[str, Any]) -> Any:
    value: Any = {"BYTES": "text", "BOOL": True}.get(spec["datatype"], 0)
    if spec["datatype"].startswith("FP"):
        value = 0.0
    return _nested(_sizes(spec), value)


def _nested(sizes: list[int], value: Any) -> Any:
    if not sizes:
        return value
    if len(sizes) == 1 and sizes[0] > MOST_VALUES:
        return [value, value, "..."]
    return [_nested(sizes[1:], value) for _ in range(min(sizes[0], 2))]
