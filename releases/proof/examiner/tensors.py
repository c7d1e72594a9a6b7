"""Tensors on the wire, as a client writes and reads them: v2 JSON, and the binary-tensor extension."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from struct import pack, unpack_from
from typing import Any, TypedDict

import numpy as np

from formats.answers import elements
from formats.dtypes import DTYPES, Array
from formats.types import TensorSpec
from releases.proof.examiner.connection import Raw
from releases.proof.examiner.findings import BadAnswer, BadSet

Tensors = Mapping[str, Array]


def cast(array: Array, spec: TensorSpec) -> Array:
    """`array` with the elements of `spec`, as a client's library would send them; no copy where they are.

    Raises BadSet where that would change a value: text for numbers, fractions for whole numbers.
    """
    if spec.datatype == "BYTES":
        if array.dtype.kind != "U":
            raise BadSet(f"input {spec.name!r} takes texts, the set has {array.dtype}")
        return array
    wanted = DTYPES[spec.datatype]
    if array.dtype == wanted:
        return array
    if not np.can_cast(array.dtype, wanted, "same_kind"):
        raise BadSet(f"input {spec.name!r} takes {spec.datatype}, the set has {array.dtype}")
    with np.errstate(over="ignore"):
        made = array.astype(wanted)
    if wanted.kind in "iub" and not np.array_equal(made, array):
        raise BadSet(f"input {spec.name!r} has numbers that do not fit {spec.datatype}")
    return made


class Parameters(TypedDict, total=False):
    binary_data_size: int


class Output(TypedDict, total=False):
    """One output as a server should write it; whoever reads one minds KeyError and TypeError."""

    name: str
    datatype: str
    shape: list[int]
    data: list[object]
    parameters: Parameters


class Answered(TypedDict, total=False):
    outputs: list[Output]


def json_request(inputs: Tensors, specs: Iterable[TensorSpec]) -> dict[str, object]:
    """The request's JSON form, plain values only."""
    return {"inputs": [_json_input(spec, inputs[spec.name]) for spec in specs if spec.name in inputs]}


def _json_input(spec: TensorSpec, array: Array) -> dict[str, object]:
    data = plain(cast(array, spec))
    return {"name": spec.name, "datatype": spec.datatype, "shape": list(array.shape), "data": data}


def plain(array: Array) -> list[Any]:
    """The elements in row-major order, as JSON can write them: what is not finite becomes a word."""
    values: list[Any] = array.reshape(-1).tolist()
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return [value if math.isfinite(value) else _word(value) for value in values]
    return values


def _word(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def binary_request(
    inputs: Tensors, specs: Iterable[TensorSpec], outputs: Sequence[str]
) -> tuple[bytes, list[Raw]]:
    """The JSON header and the tensors' raw parts. `outputs` are asked for as binary; none: all of them."""
    heads, parts = [], list[Raw]()
    for spec in specs:
        if spec.name not in inputs:
            continue
        raw = _raw(cast(inputs[spec.name], spec))
        size = memoryview(raw).nbytes
        heads.append(
            {
                "name": spec.name,
                "datatype": spec.datatype,
                "shape": list(inputs[spec.name].shape),
                "parameters": {"binary_data_size": size},
            }
        )
        parts.append(raw)
    request: dict[str, object] = {"inputs": heads, "parameters": {"binary_data_output": True}}
    if outputs:
        request["outputs"] = [{"name": name, "parameters": {"binary_data": True}} for name in outputs]
    return json.dumps(request).encode(), parts


def _raw(array: Array) -> Raw:
    if array.dtype.kind == "U":
        texts = [value.encode() for value in array.reshape(-1).tolist()]
        return b"".join(pack("<I", len(text)) + text for text in texts)
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(np.uint8).data if flat.size else b""


def loads(data: Raw) -> Any:
    """A JSON object that the server wrote. Raises BadAnswer."""
    try:
        document = json.loads(bytes(data), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadAnswer(f"the server's answer is not JSON: {str(error)[:200]}") from error
    if not isinstance(document, dict):
        raise BadAnswer("the server's answer is not a JSON object")
    return document


def _no_constant(word: str) -> object:
    raise ValueError(f"{word} is no JSON")


def json_outputs(answer: Answered) -> dict[str, Array]:
    """The outputs of a JSON answer, by name. Raises BadAnswer."""
    try:
        return {str(output["name"]): _from_json(output) for output in answer["outputs"]}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadAnswer(f"the server's answer is malformed: {str(error)[:200]}") from error


def _from_json(output: Output) -> Array:
    try:
        return elements(output["datatype"], output["data"]).reshape(_shape(output))
    except ValueError as error:
        raise ValueError(f"output {output['name']!r}: {error}") from error


def _shape(output: Output) -> tuple[int, ...]:
    shape = tuple(output["shape"])
    if not all(isinstance(axis, int) and axis >= 0 for axis in shape):
        raise ValueError(f"output {output['name']!r} has shape {list(shape)}")
    return shape


def binary_outputs(header: Answered, tail: memoryview) -> dict[str, Array]:
    """The outputs behind a binary answer's header, by name; numbers are views of `tail`. Raises BadAnswer."""
    found, used = {}, 0
    try:
        for output in header["outputs"]:
            if "data" in output:
                found[str(output["name"])] = _from_json(output)
                continue
            size = int(output["parameters"]["binary_data_size"])
            if not 0 <= size <= len(tail) - used:
                raise ValueError(f"output {output['name']!r} is longer than the answer")
            found[str(output["name"])] = _from_binary(output, tail[used : used + size])
            used += size
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadAnswer(f"the server's answer is malformed: {str(error)[:200]}") from error
    return found


def _from_binary(output: Output, raw: memoryview) -> Array:
    if output["datatype"] == "BYTES":
        return np.array(_texts(raw), dtype=np.str_).reshape(_shape(output))
    return np.frombuffer(raw, dtype=DTYPES[output["datatype"]]).reshape(_shape(output))


def _texts(raw: memoryview) -> list[str]:
    texts, place = [], 0
    while place < len(raw):
        if len(raw) - place < 4:
            raise ValueError("texts are cut off")
        (length,) = unpack_from("<I", raw, place)
        place += 4 + length
        if place > len(raw):
            raise ValueError("texts are cut off")
        texts.append(bytes(raw[place - length : place]).decode())
    return texts
