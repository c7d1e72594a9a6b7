"""Open Inference Protocol v2 over gRPC: protobuf <-> the same request with binary tensors over HTTP."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
from google.protobuf.json_format import ParseDict
from google.protobuf.message import DecodeError, Message

from scoring.errors import BadRequest, BadTensor
from scoring.protocols import inference_pb2 as messages

SERVICE = "inference.GRPCInferenceService"
# Where a datatype's elements stand in InferTensorContents, and how struct packs them. FP16 has no place.
CONTENTS = {
    "BOOL": ("bool_contents", "?"),
    "INT8": ("int_contents", "b"),
    "INT16": ("int_contents", "h"),
    "INT32": ("int_contents", "i"),
    "INT64": ("int64_contents", "q"),
    "UINT8": ("uint_contents", "B"),
    "UINT16": ("uint_contents", "H"),
    "UINT32": ("uint_contents", "I"),
    "UINT64": ("uint64_contents", "Q"),
    "FP32": ("fp32_contents", "f"),
    "FP64": ("fp64_contents", "d"),
    "BYTES": ("bytes_contents", ""),
}
_Tensor = messages.ModelInferRequest.InferInputTensor


class HttpRequest(NamedTuple):
    """An inference request as the node's HTTP port takes it. The body is `header` and then all of `tail`.

    typed   the client asked for typed contents in the answer, not for raw ones.
    """

    path: str
    header: bytes
    tail: Sequence[bytes]
    typed: bool


def infer_request(raw: bytes) -> HttpRequest:
    """The HTTP request of a serialised ModelInferRequest. Raises BadRequest or BadTensor."""
    message = parse(messages.ModelInferRequest, raw)
    tail = _contents(message)
    parameters = _parameters(message.parameters)
    typed = parameters.get("binary_data_output") is False
    document: dict[str, Any] = {
        "parameters": {**parameters, "binary_data_output": True},
        "inputs": [_input(tensor, len(part)) for tensor, part in zip(message.inputs, tail, strict=True)],
    }
    if message.id:
        document["id"] = message.id
    if message.outputs:
        document["outputs"] = [
            {"name": output.name, "parameters": {**_parameters(output.parameters), "binary_data": True}}
            for output in message.outputs
        ]
    path = model_path(message.model_name, message.model_version) + "/infer"
    return HttpRequest(path, orjson.dumps(document), tail, typed)


def infer_response(header: bytes, tail: memoryview, *, typed: bool) -> bytes:
    """The serialised ModelInferResponse of a node's answer: its JSON and its binary section."""
    document = orjson.loads(header)
    answer = messages.ModelInferResponse(
        model_name=document["model_name"], model_version=document["model_version"], id=document.get("id", "")
    )
    _put(answer.parameters, document.get("parameters", {}))
    place = 0
    for output in document["outputs"]:
        size = output["parameters"]["binary_data_size"]
        raw = bytes(tail[place : place + size])
        place += size
        tensor = answer.outputs.add(name=output["name"], datatype=output["datatype"], shape=output["shape"])
        if typed:
            _put_typed(tensor, raw)
        else:
            answer.raw_output_contents.append(raw)
    return wire(answer)


def model_path(name: str, version: str) -> str:
    """The path of a model, or of its version where one is named. Raises BadRequest without a name."""
    if not name:
        raise BadRequest("the model's name is missing")
    path = f"/v2/models/{quote(name, safe='')}"
    return f"{path}/versions/{quote(version, safe='')}" if version else path


def server_metadata(document: Mapping[str, Any]) -> bytes:
    """The serialised ServerMetadataResponse of what `GET /v2` says."""
    kind = messages.ServerMetadataResponse
    return wire(kind(**{name: document[name] for name in ("name", "version", "extensions")}))


def model_metadata(document: Mapping[str, Any]) -> bytes:
    """The serialised ModelMetadataResponse of what `GET /v2/models/{model}` says."""
    kind = messages.ModelMetadataResponse
    answer = kind(**{name: document[name] for name in ("name", "versions", "platform")})
    for side in ("inputs", "outputs"):
        for tensor in document[side]:
            getattr(answer, side).add(**{name: tensor[name] for name in ("name", "datatype", "shape")})
    return wire(answer)


def model_config(document: Mapping[str, object]) -> bytes:
    """The serialised ModelConfigResponse of what `GET /v2/models/{model}/config` says."""
    return wire(ParseDict({"config": document}, messages.ModelConfigResponse()))


def model_statistics(document: Mapping[str, object]) -> bytes:
    """The serialised ModelStatisticsResponse of what `GET /v2/models/{model}/stats` says."""
    # The HTTP form has a member for batches, of which nothing is told.
    return wire(ParseDict(document, messages.ModelStatisticsResponse(), ignore_unknown_fields=True))


def wire(message: Message) -> bytes:
    """A message's bytes."""
    return bytes(message.SerializeToString())


def parse(kind: Any, raw: bytes) -> Any:
    """A message of this kind. Raises BadRequest when the bytes are none."""
    try:
        return kind.FromString(raw)
    except DecodeError as error:
        raise BadRequest(f"the message is not a {kind.DESCRIPTOR.name}: {error}") from None


def _contents(message: messages.ModelInferRequest) -> list[bytes]:
    """The raw bytes of each input, in the order of the inputs."""
    raw = list(message.raw_input_contents)
    if not raw:
        return [_packed(tensor) for tensor in message.inputs]
    if len(raw) != len(message.inputs):
        raise BadTensor(f"raw_input_contents has {len(raw)} entries for {len(message.inputs)} inputs")
    if any(tensor.HasField("contents") for tensor in message.inputs):
        raise BadTensor("send either contents or raw_input_contents, for all inputs the same")
    return raw


def _packed(tensor: _Tensor) -> bytes:
    field, code = CONTENTS.get(tensor.datatype, ("", ""))
    given = [descriptor.name for descriptor, _ in tensor.contents.ListFields()]
    if not field:
        raise _bad(tensor, f"of datatype {tensor.datatype!r} has no typed contents: use raw_input_contents")
    if given not in ([], [field]):
        raise _bad(tensor, f"is {tensor.datatype}, whose elements go into {field}, not into {given}")
    values = getattr(tensor.contents, field)
    if not code:
        return b"".join(struct.pack("<I", len(text)) + text for text in values)
    try:
        return struct.pack(f"<{len(values)}{code}", *values)
    except struct.error:
        raise _bad(tensor, f"holds a number that does not fit {tensor.datatype}") from None


def _input(tensor: _Tensor, size: int) -> dict[str, object]:
    return {
        "name": tensor.name,
        "datatype": tensor.datatype,
        "shape": list(tensor.shape),
        "parameters": {**_parameters(tensor.parameters), "binary_data_size": size},
    }


def _parameters(given: Mapping[str, messages.InferParameter]) -> dict[str, str | bool | int | float]:
    found = {}
    for name, parameter in given.items():
        choice = parameter.WhichOneof("parameter_choice")
        if choice is None:
            raise BadRequest(f"parameter {name!r} has no value")
        value = getattr(parameter, choice)
        if isinstance(value, float) and not math.isfinite(value):
            raise BadRequest(f"parameter {name!r} must be a finite number")
        found[name] = value
    return found


def _put(parameters: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, bool):
            parameters[name].bool_param = value
        elif isinstance(value, int):
            parameters[name].int64_param = value
        elif isinstance(value, float):
            parameters[name].double_param = value
        else:
            parameters[name].string_param = str(value)


def _put_typed(tensor: Any, raw: bytes) -> None:
    """Fill an output's contents. Raises BadRequest for FP16, which has no field there."""
    field, code = CONTENTS.get(tensor.datatype, ("", ""))
    if not field:
        raise BadRequest(f"output {tensor.name!r} is {tensor.datatype}: it only goes out raw")
    values = getattr(tensor.contents, field)
    if code:
        values.extend(struct.unpack(f"<{len(raw) // struct.calcsize('<' + code)}{code}", raw))
        return
    place = 0
    while place < len(raw):
        (length,) = struct.unpack_from("<I", raw, place)
        values.append(raw[place + 4 : place + 4 + length])
        place += 4 + length


def _bad(tensor: _Tensor, words: str) -> BadTensor:
    return BadTensor(f"input {tensor.name!r} {words}", input=tensor.name)
