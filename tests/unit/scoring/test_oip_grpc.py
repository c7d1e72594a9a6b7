"""Messages and the node's binary requests say the same, for every datatype and both ways."""

from __future__ import annotations

import json

import numpy as np
import pytest

from formats.dtypes import DTYPES
from scoring.errors import BadRequest, BadTensor
from scoring.protocols import inference_pb2 as messages
from scoring.protocols import oip_grpc

EDGES = {
    name: [np.iinfo(DTYPES[name]).min, np.iinfo(DTYPES[name]).max]
    for name in DTYPES
    if DTYPES[name].kind in "iu"
} | {"BOOL": [True, False], "FP32": [1.5, -3.4e38], "FP64": [1e308, -5e-324]}


def typed(datatype: str, values: list[object]) -> bytes:
    message = messages.ModelInferRequest(model_name="m")
    tensor = message.inputs.add(name="x", datatype=datatype, shape=[len(values)])
    getattr(tensor.contents, oip_grpc.CONTENTS[datatype][0]).extend(values)
    message.parameters["binary_data_output"].bool_param = False
    return message.SerializeToString()


@pytest.mark.parametrize("datatype", EDGES)
def test_typed_contents_become_raw_bytes_and_again_typed_contents(datatype):
    request = oip_grpc.infer_request(typed(datatype, EDGES[datatype]))
    raw = np.array(EDGES[datatype], DTYPES[datatype]).tobytes()
    assert b"".join(request.tail) == raw
    assert request.typed

    answer = answered(datatype, raw, typed=True)
    values = getattr(answer.outputs[0].contents, oip_grpc.CONTENTS[datatype][0])
    assert np.array(values, DTYPES[datatype]).tobytes() == raw
    assert not answer.raw_output_contents


def test_texts_are_counted_both_ways():
    request = oip_grpc.infer_request(typed("BYTES", [b"", "Zoë".encode()]))
    assert request.tail == [b"\0\0\0\0\x04\0\0\0Zo\xc3\xab"]
    answer = answered("BYTES", request.tail[0], typed=True)
    assert list(answer.outputs[0].contents.bytes_contents) == [b"", "Zoë".encode()]


def answered(datatype: str, raw: bytes, *, typed: bool) -> messages.ModelInferResponse:
    head = {"name": "y", "datatype": datatype, "shape": [2], "parameters": {"binary_data_size": len(raw)}}
    document = {
        "model_name": "m",
        "model_version": "3",
        "id": "mine",
        "parameters": {"request_id": "r", "flag": True, "count": 2, "share": 0.5},
        "outputs": [head],
    }
    made = oip_grpc.infer_response(json.dumps(document).encode(), memoryview(raw), typed=typed)
    return messages.ModelInferResponse.FromString(made)


def test_answers_are_raw_with_every_fact_of_the_nodes():
    answer = answered("FP16", b"\0\x3c\0\x40", typed=False)
    assert list(answer.raw_output_contents) == [b"\0\x3c\0\x40"]
    assert (answer.model_name, answer.model_version, answer.id) == ("m", "3", "mine")
    found = {
        name: getattr(one, one.WhichOneof("parameter_choice")) for name, one in answer.parameters.items()
    }
    assert found == {"request_id": "r", "flag": True, "count": 2, "share": 0.5}
    with pytest.raises(BadRequest, match="only goes out raw"):
        answered("FP16", b"\0\x3c\0\x40", typed=True)


@pytest.mark.parametrize(
    ("datatype", "field", "value", "words"),
    [
        ("INT8", "int_contents", 128, "does not fit INT8"),
        ("UINT16", "uint_contents", 65536, "does not fit UINT16"),
        ("FP32", "fp64_contents", 1.0, "go into fp32_contents"),
        ("FP16", "fp32_contents", 1.0, "use raw_input_contents"),
        ("BF16", "fp32_contents", 1.0, "use raw_input_contents"),
    ],
)
def test_contents_that_do_not_go_with_the_datatype(datatype, field, value, words):
    message = messages.ModelInferRequest(model_name="m")
    tensor = message.inputs.add(name="x", datatype=datatype, shape=[1])
    getattr(tensor.contents, field).append(value)
    with pytest.raises(BadTensor, match=words):
        oip_grpc.infer_request(message.SerializeToString())


def test_paths_hold_whatever_a_name_is():
    assert oip_grpc.model_path("a/b?c ä", "1/..") == "/v2/models/a%2Fb%3Fc%20%C3%A4/versions/1%2F.."
    with pytest.raises(BadRequest, match="name is missing"):
        oip_grpc.model_path("", "1")
