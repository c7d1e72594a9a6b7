"""Open Inference Protocol v2, JSON tensors.

Members that are optional may be null, which says the same as leaving them out. Members that the
protocol does not name are not looked at, and neither are parameters that nobody asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from formats.types import TensorSpec
from scoring.errors import BadRequest, BadTensor
from scoring.protocols.inputs import InputReader
from scoring.protocols.oip_answers import Chosen
from scoring.protocols.strict import NULL, decode, refuse_duplicates
from scoring.tensors import Block

Parameters = dict[str, object] | None | UnsetType


class InferInput(msgspec.Struct):
    """One input tensor. `data` stays raw until the signature says what it must be."""

    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw | UnsetType = UNSET
    parameters: Parameters = UNSET


class InferOutput(msgspec.Struct):
    """An output that the client asks for by name."""

    name: str
    parameters: Parameters = UNSET


class InferRequest(msgspec.Struct):
    """The protocol's inference request. KServe's client names the model again, where the path has it."""

    inputs: list[InferInput]
    id: str | UnsetType | None = UNSET
    parameters: Parameters = UNSET
    outputs: list[InferOutput] | UnsetType | None = UNSET
    model_name: str | UnsetType | None = UNSET

    def unit(self) -> str | None:
        """The unit that the client names in `parameters.unit`. Raises BadRequest when it is no text."""
        if not self.parameters:
            return None
        unit = self.parameters.get("unit")
        if unit is not None and not isinstance(unit, str):
            raise BadRequest("parameters.unit must be a text")
        return unit


_decode = msgspec.json.Decoder(InferRequest).decode


def read(body: bytes) -> InferRequest:
    """The request in a JSON body. Raises BadRequest."""
    request = decode(_decode, body)
    if not is_plain(request, body):
        refuse_duplicates(body)
    return request


def is_plain(request: InferRequest, body: bytes) -> bool:
    """True when the body has no key but those that the request shows, and each of them once."""
    return body.count(b":") == _keys(request)


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
        if tensor.data is not UNSET and tensor.data != NULL:
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
    if not request.outputs:
        return tuple((place, binary_all) for place in range(len(specs)))
    places = {spec.name: place for place, spec in enumerate(specs)}
    chosen = []
    for output_ in request.outputs:
        if output_.name not in places:
            raise BadRequest(f"there is no output {output_.name!r}: this version gives {sorted(places)}")
        if output_.parameters and "classification" in output_.parameters:
            raise BadRequest("the classification extension is not offered: ask for the output itself")
        binary = _flag(output_.parameters, "binary_data", default=binary_all)
        chosen.append((places[output_.name], binary))
    return tuple(chosen)


def _flag(parameters: Parameters, name: str, *, default: bool = False) -> bool:
    value = parameters.get(name) if parameters else None
    if value is None:
        return default
    if not isinstance(value, bool):
        raise BadRequest(f"parameter {name} must be true or false")
    return value


def _binary_size(tensor: InferInput, used: int, tail: memoryview | None) -> int:
    size = tensor.parameters.get("binary_data_size") if tensor.parameters else None
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
    keys = 1 + _parameter_keys(request.parameters)
    keys += (request.id is not UNSET) + (request.model_name is not UNSET)
    for tensor in request.inputs:
        keys += 3 if tensor.data is UNSET else 4
        keys += _parameter_keys(tensor.parameters)
    if request.outputs is not UNSET:
        keys += 1 + sum(1 + _parameter_keys(output_.parameters) for output_ in request.outputs or ())
    return keys


def _parameter_keys(parameters: Parameters) -> int:
    return 0 if parameters is UNSET else 1 + len(parameters or ())
