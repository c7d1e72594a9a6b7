"""`POST /score/{model}`: named inputs in, named outputs out, for people with curl."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import orjson
from msgspec import UNSET, UnsetType

from formats.dtypes import Array
from formats.types import TensorSpec
from scoring.errors import BadTensor
from scoring.protocols.inputs import InputReader, SpecReader
from scoring.protocols.strict import decode, refuse_duplicates
from scoring.protocols.texts import nested_text
from scoring.tensors import Block


class ScoreRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`inputs`: name -> nested lists, or objects of named features where the signature names them."""

    inputs: dict[str, msgspec.Raw]
    unit: str | UnsetType = UNSET


_decode = msgspec.json.Decoder(ScoreRequest).decode
_Features = dict[str, object]
_decode_features = msgspec.json.Decoder(list[_Features] | _Features).decode


def read(body: bytes) -> ScoreRequest:
    """The request in a body. Raises BadRequest."""
    request = decode(_decode, body)
    if body.count(b":") != 1 + len(request.inputs) + (request.unit is not UNSET):
        refuse_duplicates(body)
    return request


def blocks(request: ScoreRequest, reader: InputReader) -> list[Block | None]:
    """The request's tensors in the order of the signature. Raises BadTensor."""
    if _names_features_only(request.inputs, reader):
        only = reader.readers[0]
        return [_from_features(only, [{name: _value(only, data) for name, data in request.inputs.items()}])]
    found: list[Block | None] = [None] * len(reader.readers)
    for name, data in request.inputs.items():
        place = reader.find(name)
        spec_reader = reader.readers[place]
        if spec_reader.spec.features and b"{" in memoryview(data)[:64].tobytes():
            found[place] = _from_features(spec_reader, _feature_rows(spec_reader.spec, data))
        else:
            found[place] = spec_reader.nested(data)
    return reader.complete(found)


def answer(
    specs: Sequence[TensorSpec], arrays: Sequence[Array], model: str, number: int, request_id: bytes
) -> bytes:
    """The response: outputs by name, and which version answered."""
    outputs = b",".join(
        orjson.dumps(spec.name) + b":" + nested_text(array) for spec, array in zip(specs, arrays, strict=True)
    )
    return b'{"outputs":{%b},"model":%b,"version":%d,"request_id":"%b"}' % (
        outputs,
        orjson.dumps(model),
        number,
        request_id,
    )


def _names_features_only(inputs: Mapping[str, object], reader: InputReader) -> bool:
    """True where the inputs are the features of the only input, without the input's own name around them."""
    if len(reader.readers) != 1:
        return False
    features = reader.readers[0].spec.features
    return bool(features) and reader.readers[0].spec.name not in inputs and set(inputs) <= set(features)


def _value(reader: SpecReader, data: msgspec.Raw) -> object:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadTensor(f"input {reader.spec.name!r} takes {reader.spec.datatype}: {error}") from None


def _feature_rows(spec: TensorSpec, data: msgspec.Raw) -> list[dict[str, object]]:
    try:
        rows = _decode_features(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadTensor(f"input {spec.name!r} takes objects of its features, or lists: {error}") from None
    return rows if isinstance(rows, list) else [rows]


def _from_features(reader: SpecReader, rows: Sequence[Mapping[str, object]]) -> Block:
    spec = reader.spec
    wanted = set(spec.features)
    values: list[object] = []
    for row in rows:
        if row.keys() != wanted:
            missing, unknown = sorted(wanted - row.keys()), sorted(row.keys() - wanted)
            raise BadTensor(f"input {spec.name!r}: features missing {missing}, unknown {unknown}")
        values.extend(row[feature] for feature in spec.features)
    shape = (
        (len(spec.features),) if len(spec.shape) == 1 and len(rows) == 1 else (len(rows), len(spec.features))
    )
    return reader.row(values, shape)
