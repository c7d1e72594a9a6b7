"""A segment of the prediction log: samples as columns in an NPZ archive, which can hold no code.

| column | per | holds |
|---|---|---|
| `request_id` | request | 64 characters |
| `at_ms`, `latency_us` | request | epoch milliseconds, microseconds |
| `arm` | request | the plan's reason |
| `unit` | request | 64 bits: the unit's pseudonym under the rollout's salt |
| `rows` | request | how many rows it had |
| `revision` | request | of the entry whose weights chose the version; it is in the request id, too |
| `propensity` | request | the chance with which they did; NaN where they did not: see below |
| `shadow` | request | whether it is what another version said to the same request, unheard |
| `inputs/<name>`, `outputs/<name>` | element | the values of all requests, one after the other |
| `.../<name>.shape` | request | its shape, -1 throughout where the tensor was not sent |
| `.../<name>.lengths` | element | of a text in bytes of UTF-8; the column itself is those bytes |

Where the requests differ in nothing but their rows, the values keep their trailing axes. A tensor
that is left out has no columns; a hashed one is UINT64, one value a row.

A shadow's row has the request id of the client's, by which they are joined, and no inputs: the client's has
them. Its propensity is NaN, as that of an answer by version number or by a fallback. So is that of a unit
which kept its version under a bandit: its chance is by the weights of its revision, which was an earlier one.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import BinaryIO

import numpy as np

from formats.dtypes import DTYPES, Array
from formats.types import HASHED, OMITTED, Signature, TensorSpec
from scoring.control import Part, Sample
from scoring.request_ids import recorded

FORMAT = 1
"""What readers ask for first: raised when an older one would read a segment wrongly."""
_HASH = np.dtype("<u8")
_FACTS = ("request_id", "at_ms", "latency_us", "arm", "unit", "rows", "revision", "propensity", "shadow")
"""Archives of the release before have no more than the first six."""


def pack(samples: Sequence[Sample], signature: Signature) -> bytes:
    """The archive of some samples of one version."""
    columns: dict[str, Array] = {
        "format": np.int64(FORMAT),  # type: ignore[dict-item]
        "request_id": np.array([sample.request_id for sample in samples], dtype="U64"),
        "at_ms": np.array([sample.at_ms for sample in samples], dtype="<i8"),
        "latency_us": np.array([sample.micros for sample in samples], dtype="<i8"),
        "arm": np.array([sample.arm for sample in samples], dtype="U"),
        "unit": np.array([sample.unit for sample in samples], dtype="<u8"),
        "rows": np.array([sample.rows for sample in samples], dtype="<i8"),
        "revision": np.array([recorded(sample.request_id).revision for sample in samples], dtype="<i8"),
        "propensity": np.array([sample.propensity for sample in samples], dtype="<f8"),
        "shadow": np.array([sample.shadow for sample in samples], dtype=np.bool_),
    }
    for side, specs in (("inputs", signature.inputs), ("outputs", signature.outputs)):
        for place, spec in enumerate(specs):
            if spec.sensitive != OMITTED:
                parts = [getattr(sample, side)[place] for sample in samples]
                columns |= _tensor(f"{side}/{spec.name}", spec, parts)
    return _archive(columns)


def unpack(stream: BinaryIO) -> Iterator[tuple[dict[str, object], dict[str, Array | None]]]:
    """Each request of an archive: its facts, and its tensors by column name, None where it sent none."""
    with np.load(stream, allow_pickle=False) as found:
        columns = {name: found[name] for name in found.files}
    names = [name.removesuffix(".shape") for name in columns if name.endswith(".shape")]
    values = {name: _cut(columns, name) for name in names}
    facts = [name for name in _FACTS if name in columns]
    for place in range(len(columns["request_id"])):
        told = {name: columns[name][place].item() for name in facts}
        yield told, {name: next(values[name]) for name in names}


def _tensor(name: str, spec: TensorSpec, parts: Sequence[Part | None]) -> dict[str, Array]:
    there = [part for part in parts if part is not None]
    axes = len(there[0].shape) if there else len(spec.shape)
    shapes = np.array([[-1] * axes if p is None else p.shape for p in parts], dtype="<i8")
    columns = {f"{name}.shape": shapes.reshape(len(parts), axes)}
    if spec.datatype == "BYTES" and spec.sensitive != HASHED:
        texts = [text.encode() for part in there if isinstance(part.raw, list) for text in part.raw]
        columns[f"{name}.lengths"] = np.array([len(text) for text in texts], dtype="<i8")
        columns[name] = np.frombuffer(b"".join(texts), dtype=np.uint8)
        return columns
    dtype = _HASH if spec.sensitive == HASHED else DTYPES[spec.datatype]
    flat = np.frombuffer(b"".join([part.raw for part in there if isinstance(part.raw, bytes)]), dtype)
    trailing = {tuple(part.shape[1:]) for part in there}
    rest: tuple[int, ...] = trailing.pop() if len(trailing) == 1 else (0,)
    columns[name] = flat.reshape(-1, *rest) if 0 not in rest else flat
    return columns


def _cut(columns: Mapping[str, Array], name: str) -> Iterator[Array | None]:
    flat = columns[name].reshape(-1)
    if f"{name}.lengths" in columns:
        flat = _texts(flat.tobytes(), columns[f"{name}.lengths"])
    start = 0
    for shape in columns[f"{name}.shape"].tolist():
        if shape and shape[0] < 0:
            yield None
            continue
        yield flat[start : start + prod(shape)].reshape(shape)
        start += prod(shape)


def _texts(raw: bytes, lengths: Array) -> Array:
    ends = np.cumsum(lengths).tolist()
    starts = [0, *ends][:-1]
    texts = [raw[start:end].decode() for start, end in zip(starts, ends, strict=True)]
    return np.array(texts, dtype=object)


def _archive(columns: Mapping[str, Array]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, column in columns.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asanyarray(column), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
