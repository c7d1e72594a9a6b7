"""How a client asks a model, for its very signature: pasted as it stands, it is answered. Pure."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from formats.types import Choice
from registry.manifest.stored import StoredTensor

if TYPE_CHECKING:
    from registry.manifest.stored import StoredSpec

NUMPY = {
    "BOOL": "bool_",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BYTES": "object_",
    **{f"{sign}INT{bits}": f"{sign.lower()}int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)},
}
MOST_WRITTEN = 100
"""So many values are written out; more are made by a line of Python."""
MOST_AS_JSON = 500_000
"""Beyond, a request is larger than JSON may be, and goes as binary tensors alone."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where clients reach scoring, and whether they need a token there."""

    url: str
    public: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """One input of one row: `value` everywhere, because that is allowed everywhere."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    value: Choice

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def nested(self) -> object:
        found: object = self.value
        for axis in reversed(self.shape):
            found = [found] * axis
        return found

    def as_python(self) -> str:
        """The same as an expression, however many there are."""
        text = _literal(self.value)
        for axis in reversed(self.shape):
            text = f"[{text}] * {axis}" if axis != 1 else f"[{text}]"
        return text


def examples(
    signature: Mapping[str, Sequence[StoredSpec]], told: Mapping[str, StoredTensor]
) -> list[Example]:
    """Every input that must be sent. `told` is what the manifest says of the inputs, by name."""
    return [
        Example(
            spec["name"],
            spec["datatype"],
            tuple(1 if axis == -1 else int(axis) for axis in spec.get("shape", [])),
            _allowed(spec, told.get(spec["name"]) or StoredTensor()),
        )
        for spec in signature.get("inputs", [])
        if not spec.get("optional")
    ]


def curl(model: str, inputs: list[Example], door: Door) -> str:
    """A request to `/score/<model>`; nothing where JSON is no way to send one row."""
    if sum(each.size for each in inputs) > MOST_AS_JSON:
        return ""
    written = sum(each.size for each in inputs) <= MOST_WRITTEN
    head = [f"curl {shlex.quote(f'{door.url}/score/{quote(model)}')}", *_token(door)]
    head.append('-H "Content-Type: application/json"')
    if written:
        body = {"inputs": {each.name: each.nested() for each in inputs}, "unit": "user-17"}
        return " \\\n  ".join([*head, f"-d {shlex.quote(json.dumps(body))}"])
    tensors = ", ".join(f"{_literal(each.name)}: {each.as_python()}" for each in inputs)
    code = f'import json\nprint(json.dumps({{"inputs": {{{tensors}}}, "unit": "user-17"}}))'
    return f"python3 -c {shlex.quote(code)} |\n" + " \\\n  ".join([*head, "-d @-"])


def triton(model: str, inputs: list[Example], outputs: list[str], door: Door) -> str:
    """The same with `tritonclient`, unmodified."""
    scheme, _, host = door.url.rpartition("://")
    secure = ", ssl=True" if scheme == "https" else ""
    lines = [
        *([] if door.public else ["import os", ""]),
        "import numpy as np",
        "import tritonclient.http as triton",
        "",
        f"client = triton.InferenceServerClient({_literal(host)}{secure})",
        "inputs = []",
    ]
    for each in inputs:
        kind = NUMPY.get(each.datatype, "float32")
        lines += [
            f"values = np.full({each.shape}, {_literal(each.value)}, dtype=np.{kind})",
            f'tensor = triton.InferInput({_literal(each.name)}, values.shape, "{each.datatype}")',
            "tensor.set_data_from_numpy(values)",
            "inputs.append(tensor)",
        ]
    headers = "" if door.public else ", headers=headers"
    if headers:
        lines.append('headers = {"Authorization": f"Bearer {os.environ[\'ASSAY_TOKEN\']}"}')
    lines.append(f"answer = client.infer({_literal(model)}, inputs{headers})")
    return "\n".join([*lines, *(f"print(answer.as_numpy({_literal(name)}))" for name in outputs)])


def _token(door: Door) -> list[str]:
    return [] if door.public else ['-H "Authorization: Bearer $ASSAY_TOKEN"']


def _allowed(spec: StoredSpec, told: StoredTensor) -> Choice:
    """A value that the signature allows: the first choice, or zero, or what lies in the range."""
    datatype, whole = spec["datatype"], not spec["datatype"].startswith("FP")
    if choices := told.get("choices") or spec.get("choices"):
        return choices[0]
    if datatype in ("BYTES", "BOOL"):
        return "text" if datatype == "BYTES" else True
    low, high = told.get("range") or spec.get("range") or (0, 0)
    nearest = min(max(0, low), high)
    return math.ceil(nearest) if whole else float(nearest)


def _literal(value: object) -> str:
    """Python for a value, all of it printable; texts in the quotes that a shell leaves alone."""
    return json.dumps(value) if isinstance(value, str) and value.isascii() else ascii(value)
