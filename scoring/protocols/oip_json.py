"""Open Inference Protocol v2, JSON tensors."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from formats.types import TensorSpec
from scoring.errors import BadRequest, BadTensor
from scoring.protocols.inputs import InputReader
from scoring.protocols.oip_answers import Chosen
from scoring.protocols.strict import decode, refuse_duplicates
from scoring.tensors import Block

Parameters = dict[str, str | bool | int | float]


class InferInput(msgspec.Struct, forbid_unknown_fields=True):
    """One input tensor. `data` stays raw until the signature says what it must be."""

    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw | UnsetType = UNSET
    parameters: Parameters | UnsetType = UNSET


class InferOutput(msgspec.Struct, forbid_unknown_fields=True):
    """An output that the client asks for by name."""

    name: str
    parameters: Parameters | UnsetType = UNSET


class InferRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The protocol's inference request."""

    inputs: list[InferInput]
    id: str | UnsetType = UNSET
    parameters: Parameters | UnsetType = UNSET
    outputs: list[InferOutput] | UnsetType = UNSET

    def unit(self) -> str | None:
        """The unit that the client names in `parameters.unit`. Raises BadRequest when it is no text."""
        if self.parameters is UNSET:
            return None
        unit = self.parameters.get("unit")
        if unit is not None and not isinstance(unit, str):
            raise BadRequest("parameters.unit must be a text")
        return unit


_decode = msgspec.json.Decoder(InferRequest).decode


def read(body: bytes) -> InferRequest:
    """The request in a JSON body. Raises BadRequest."""
    request = decode(_decode, body)
    if body.count(b":") != _keys(request):
        refuse_duplicates(body)
    return request


def blocks(request: InferRequest, reader: InputReader, tail: memoryview | None = None) -> list[Block | None]:
    """The request's tensors in the order of the signature.

    tail    the binary section, when the request has one.

    Raises BadTensor on unknown, missing, doubled or ill-formed inputs.
    """
    found: list[Block | None] = [None] * len(reader.readers)
    used = 0
    for tensor in request.inputs:
        place = reader.find(tensor.name)
        if found[place] is not None:
            raise BadTensor(f"input {tensor.name!r} is given twice")
        spec_reader = reader.readers[place]
        if tensor.datatype != spec_reader.spec.datatype:
            raise BadTensor(
                f"input {tensor.name!r} is sent as {tensor.datatype}, the signature says"
                f" {spec_reader.spec.datatype}"
            )
        shape = tuple(tensor.shape)
        if tensor.data is not UNSET:
            found[place] = spec_reader.json(shape, tensor.data)
            continue
        size = _binary_size(tensor, used, tail)
        found[place] = spec_reader.binary(shape, bytes(tail[used : used + size]) if tail else b"")
        used += size
    if tail is not None and used != len(tail):
        raise BadTensor(f"the inputs take {used} binary bytes, the body has {len(tail)}")
    return found if None not in found else reader.complete(found)


def wanted(request: InferRequest, specs: Sequence[TensorSpec]) -> Chosen:
    """Which outputs go out, as places in `specs`, and whether as binary. Raises BadRequest."""
    binary_all = _flag(request.parameters, "binary_data_output")
    if request.outputs is UNSET or not request.outputs:
        return tuple((place, binary_all) for place in range(len(specs)))
    places = {spec.name: place for place, spec in enumerate(specs)}
    chosen = []
    for output_ in request.outputs:
        if output_.name not in places:
            raise BadRequest(f"there is no output {output_.name!r}: this version gives {sorted(places)}")
        if output_.parameters is not UNSET and "classification" in output_.parameters:
            raise BadRequest("the classification extension is not offered: ask for the output itself")
        binary = _flag(output_.parameters, "binary_data", default=binary_all)
        chosen.append((places[output_.name], binary))
    return tuple(chosen)


def _flag(parameters: Parameters | UnsetType, name: str, *, default: bool = False) -> bool:
    if parameters is UNSET:
        return default
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise BadRequest(f"parameter {name} must be true or false")
    return value


def _binary_size(tensor: InferInput, used: int, tail: memoryview | None) -> int:
    size = None if tensor.parameters is UNSET else tensor.parameters.get("binary_data_size")
    if size is None:
        raise BadTensor(f"input {tensor.name!r} has neither data nor parameters.binary_data_size")
    if tail is None:
        raise BadTensor(
            f"input {tensor.name!r} is sent as binary without the header Inference-Header-Content-Length"
        )
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= len(tail) - used:
        raise BadTensor(
            f"input {tensor.name!r} says {size} binary bytes, the body has {len(tail) - used} left"
        )
    return size


def _keys(request: InferRequest) -> int:
    keys = 1 if request.parameters is UNSET else 2 + len(request.parameters)
    if request.id is not UNSET:
        keys += 1
    for tensor in request.inputs:
        keys += 3 if tensor.data is UNSET else 4
        if tensor.parameters is not UNSET:
            keys += 1 + len(tensor.parameters)
    if request.outputs is not UNSET:
        keys += 1 + sum(1 + _parameter_keys(output_.parameters) for output_ in request.outputs)
    return keys


def _parameter_keys(parameters: Parameters | UnsetType) -> int:
    return 0 if parameters is UNSET else 1 + len(parameters)
