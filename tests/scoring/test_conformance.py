"""What a real node says, held against the protocol's own documents: its OpenAPI and its messages."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import grpc
import pytest
from google.protobuf.unknown_fields import UnknownFieldSet
from jsonschema import Draft202012Validator
from tritonclient.grpc import model_config_pb2, service_pb2

from scoring.protocols import inference_pb2, oip_grpc
from tests.scoring.nodes import TOKEN

DOCUMENT = json.loads((Path(__file__).parents[1] / "data/protocol/oip_rest.json").read_text())
ROW = {"f": [1.5], "d": [2.5], "h": [0.5], "i": [-3], "b": [True], "s": ["Zoë"]}
KINDS = {"f": "FP32", "d": "FP64", "h": "FP16", "i": "INT64", "b": "BOOL", "s": "BYTES"}
REQUESTS = {
    "linear": [("x", "FP32", [2, 2], [1, 2, 3, 4])],
    "types": [(name, KINDS[name], [1], data) for name, data in ROW.items()],
    "zip": [("x", "FP32", [1, 2], [[1, 2]])],
    "plain": [("x", "FP32", [1, 2], [1, 2])],
    "scalar": [("x", "FP32", [], [4.5])],
    "divider": [("x", "FP32", [1, 1], [0.0])],
}


def conforms(name: str, document: object) -> None:
    schema = {"$ref": f"#/$defs/{name}", "$defs": DOCUMENT["$defs"]}
    errors = [error.message for error in Draft202012Validator(schema).iter_errors(document)]
    assert not errors, (document, errors)


def infer_body(name: str) -> dict[str, object]:
    tensors = [dict(zip(("name", "datatype", "shape", "data"), each, strict=True)) for each in REQUESTS[name]]
    body = {"id": "mine", "parameters": {"unit": "u"}, "inputs": tensors}
    conforms("inference_request", body)
    return body


@pytest.mark.parametrize("model", REQUESTS)
@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_every_path_answers_with_its_document(client, path, model):
    method, target = path.replace("{model}", model).replace("{version}", "1").split()
    body = infer_body(model) if method == "POST" else None
    status, headers, answer = client.call(method, target, body)

    assert status == 200, answer
    assert headers["content-type"] == "application/json"
    conforms(DOCUMENT["paths"][path], answer)
    for output in answer.get("outputs", ()) if method == "POST" else ():
        assert len(output["data"]) == math.prod(output["shape"])
    if method == "POST":
        assert (answer["model_name"], answer["model_version"], answer["id"]) == (model, "1", "mine")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v2/models/linear/infer", b"{", 400),
        ("POST", "/v2/models/linear/infer", {"inputs": []}, 400),
        ("POST", "/v2/models/nobody/infer", {"inputs": []}, 404),
        ("GET", "/v2/models/nobody", None, 404),
        ("GET", "/v2/models/nobody/ready", None, 404),
        ("GET", "/v2/models/linear/versions/9", None, 404),
        ("GET", "/v2/repository/index", None, 404),
        ("POST", "/v2/models/closed/infer", {"inputs": []}, 503),
        ("GET", "/v2/models/linear/infer", None, 405),
    ],
)
def test_every_refusal_is_the_protocols_error(client, method, path, body, status):
    found, _, answer = client.call(method, path, body)
    assert found == status
    conforms("error", answer)
    assert re.fullmatch("[a-z_]+", answer["code"])


def described(message, seen=None) -> dict[str, dict[str, tuple[object, ...]]]:
    """Message -> field -> number, kind, repeated, type: of a message and all that it holds."""
    seen = {} if seen is None else seen
    if message.full_name not in seen:
        seen[message.full_name] = {
            field.name: (
                field.number,
                field.type,
                field.is_repeated,
                field.message_type.full_name if field.message_type else "",
                field.containing_oneof.name if field.containing_oneof else "",
            )
            for field in message.fields
        }
        for field in message.fields:
            if field.message_type:
                described(field.message_type, seen)
    return seen


def test_our_messages_are_those_that_tritons_client_holds():
    """To the number, kind and name; of the whole service that we offer."""
    ours = inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    theirs = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    assert ours.full_name == theirs.full_name == oip_grpc.SERVICE
    assert [method.name for method in ours.methods] == [
        "ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer",
        "ModelConfig", "ModelStatistics",
    ]  # fmt: skip
    for method in ours.methods[:-2]:
        foreign = theirs.methods_by_name[method.name]
        assert described(method.input_type) == described(foreign.input_type)
        assert described(method.output_type) == described(foreign.output_type)


def test_of_tritons_extensions_our_messages_are_a_part():
    """Every field of ours has the number, kind and name that Triton's client knows it by."""
    ours = inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    theirs = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    for name in ("ModelConfig", "ModelStatistics"):
        for side in ("input_type", "output_type"):
            known = described(getattr(theirs.methods_by_name[name], side))
            for message, fields in described(getattr(ours.methods_by_name[name], side)).items():
                assert fields.items() <= known[message].items(), message
    values = {value.name: value.number for value in model_config_pb2.DataType.DESCRIPTOR.values}
    assert dict(inference_pb2.DataType.items()).items() <= values.items()


def test_every_method_answers_with_its_message(door):
    requests = {
        "ModelReady": inference_pb2.ModelReadyRequest(name="linear"),
        "ModelMetadata": inference_pb2.ModelMetadataRequest(name="linear"),
        "ModelInfer": inference_pb2.ModelInferRequest(model_name="linear", id="mine"),
        "ModelConfig": inference_pb2.ModelConfigRequest(name="linear"),
        "ModelStatistics": inference_pb2.ModelStatisticsRequest(name="linear"),
    }
    tensor = requests["ModelInfer"].inputs.add(name="x", datatype="FP32", shape=[1, 2])
    tensor.contents.fp32_contents.extend([1, 2])
    service = inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    with grpc.insecure_channel(door.address) as channel:
        for method in service.methods:
            kind = getattr(service_pb2, method.output_type.name)
            call = channel.unary_unary(
                f"/{service.full_name}/{method.name}", lambda one: one.SerializeToString(), kind.FromString
            )
            request = requests.get(method.name) or getattr(inference_pb2, method.input_type.name)()
            answer = call(request, metadata=(("authorization", f"Bearer {TOKEN}"),))
            assert answer.ByteSize(), method.name
            assert not len(UnknownFieldSet(answer)), method.name
