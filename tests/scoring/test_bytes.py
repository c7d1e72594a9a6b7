"""BYTES that are no UTF-8, at every door of a real node: refused with input and row, never changed.

onnxruntime takes texts from Python only as `str`, and hands them out only decoded: no door could carry more.
"""

from __future__ import annotations

import json
import struct

import grpc
import pytest
from onnx import TensorProto, helper
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc import service_pb2_grpc as stubs

from tests.scoring import models
from tests.scoring.doors import served
from tests.scoring.nodes import TOKEN

ILL = b"caf\xe9"
SAYS = "is no text in UTF-8"
WAY = "send other bytes as base64 in a text, or to an input of datatype UINT8"


def latin() -> bytes:
    """y = one of two texts by the index x, of which the second is in Latin-1."""
    nodes = [helper.make_node("Gather", ["table", "x"], ["y"])]
    made = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.STRING, ["n"])],
        [helper.make_tensor("table", TensorProto.STRING, [2], [b"tea", ILL])],
    )
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(made, opset_imports=opsets, ir_version=8).SerializeToString()


@pytest.fixture(scope="module")
def node_and_door(tmp_path_factory, store):
    versions = {
        "flat": store.version(1, models.echo_of(models.STRING, ["n"])),
        "table": store.version(1, models.echo_of(models.STRING, ["n", 2]), features={"x": ("drink", "food")}),
        "latin": store.version(1, latin()),
    }
    with served(tmp_path_factory.mktemp("bytes"), store, versions) as both:
        yield both


@pytest.fixture
def client(node_and_door):
    client = node_and_door[0].client()
    yield client
    client.close()


def packed(*texts: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


V2 = b'{"inputs":[{"name":"x","datatype":"BYTES","shape":%b,"data":%b}]}'
DOORS = {
    "v2 flat": ("/v2/models/flat/infer", V2 % (b"[3]", b'["a","b","%b"]'), "input 'x', row 2"),
    "v2 nested": ("/v2/models/table/infer", V2 % (b"[2,2]", b'[["a","b"],["c","%b"]]'), "feature food"),
    "v2 table": ("/v2/models/table/infer", V2 % (b"[2,2]", b'["a","b","%b","d"]'), "row 1, feature drink"),
    "score": ("/score/flat", b'{"inputs":{"x":["a","%b"]}}', "input 'x', row 1"),
    "score table": ("/score/table", b'{"inputs":{"x":[["a","b"],["%b","d"]]}}', "row 1, feature drink"),
    "score rows": ("/score/table", b'{"inputs":{"x":[{"drink":"a","food":"%b"}]}}', "inputs.x[0].food"),
    "score one row": ("/score/table", b'{"inputs":{"drink":"%b","food":"a"}}', "inputs.drink"),
    "inputs": ("/invocations/flat", b'{"inputs":["a","%b"]}', "input 'x', row 1"),
    "inputs by name": ("/invocations/flat", b'{"inputs":{"x":["a","%b"]}}', "input 'x', row 1"),
    "columns": ("/invocations/table", b'{"inputs":{"drink":["a","%b"],"food":["a","b"]}}', "inputs.drink[1]"),
    "instances": ("/invocations/flat", b'{"instances":["a","%b"]}', "input 'x', row 1"),
    "split": (
        "/invocations/table",
        b'{"dataframe_split":{"columns":["drink","food"],"data":[["a","b"],["c","%b"]]}}',
        "dataframe_split.data[1][1]",
    ),
    "records": (
        "/invocations/table",
        b'{"dataframe_records":[{"drink":"a","food":"b"},{"drink":"a","food":"%b"}]}',
        "dataframe_records[1].food",
    ),
    "unit": ("/score/flat", b'{"inputs":{"x":["a"]},"unit":"%b"}', "unit is no text"),
    "id": ("/v2/models/flat/infer", b'{"id":"%b","inputs":[]}', "id is no text"),
    "name": ("/score/flat", b'{"inputs":{"%b":["a"]}}', "a key of inputs"),
}  # fmt: skip


@pytest.mark.parametrize("ill", [ILL, b"half \\ud83d"], ids=["latin-1", "half a character"])
@pytest.mark.parametrize(("path", "body", "where"), DOORS.values(), ids=DOORS)
def test_json_says_where_it_stands_and_what_to_do(client, path, body, where, ill):
    for _ in range(2):
        status, _, answer = client.call("POST", path, body % ill)

        assert status == 400, answer
        assert SAYS in answer["error"]
        assert WAY in answer["error"]
        if ill is ILL:
            assert where in answer["error"]
    assert client.call("POST", path, body % "café 😀".encode())[0] in (200, 400)


@pytest.mark.parametrize(
    ("name", "shape", "texts", "where"),
    [
        ("flat", [3], (b"a", ILL, ILL), "input 'x', row 1"),
        ("table", [2, 2], (b"a", b"b", b"c", ILL), "input 'x', row 1, feature food"),
    ],
)
def test_binary_and_grpc_say_the_same(client, node_and_door, name, shape, texts, where):
    raw = packed(*texts)
    size = {"parameters": {"binary_data_size": len(raw)}}
    head = {"inputs": [{"name": "x", "datatype": "BYTES", "shape": shape, **size}]}
    status, _, answer = binary(client, name, head, raw)
    assert status == 400
    assert where in answer["error"]
    assert SAYS in answer["error"]

    with grpc.insecure_channel(node_and_door[1].address) as channel:
        stub = stubs.GRPCInferenceServiceStub(channel)
        for typed in (False, True):
            message = messages.ModelInferRequest(model_name=name)
            tensor = message.inputs.add(name="x", datatype="BYTES", shape=shape)
            if typed:
                tensor.contents.bytes_contents.extend(texts)
            else:
                message.raw_input_contents.append(raw)
            with pytest.raises(grpc.RpcError) as caught:
                stub.ModelInfer(message, metadata=(("authorization", f"Bearer {TOKEN}"),))
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert caught.value.details() == answer["error"]


def binary(client, name, head, raw):
    text = json.dumps(head).encode()
    headers = {"Inference-Header-Content-Length": str(len(text))}
    return client.call("POST", f"/v2/models/{name}/infer", text + raw, headers)


@pytest.mark.parametrize(
    "raw", [b"\x01\x00", packed(b"a", b"b")[:-1], packed(b"a", b"\xc3\xa9")[:-1], packed(b"a")]
)
def test_texts_that_are_cut_off_are_told_from_those_that_are_none(client, raw):
    size = {"parameters": {"binary_data_size": len(raw)}}
    head = {"inputs": [{"name": "x", "datatype": "BYTES", "shape": [2], **size}]}
    status, _, answer = binary(client, "flat", head, raw)
    assert status == 400
    assert "takes 2, or is cut off" in answer["error"]


def test_whole_texts_of_any_kind_come_back_as_they_went_in(client):
    texts = ["", "\0", "café", "\U0001f600", "a\0b"]
    status, _, answer = client.call("POST", "/score/flat", {"inputs": {"x": texts}})
    assert (status, answer["outputs"]["y"]) == (200, texts)


@pytest.mark.parametrize("path", ["/score/latin", "/invocations/latin"])
def test_a_text_that_a_model_gives_in_no_utf_8_is_never_changed_into_another(client, path):
    assert client.call("POST", path, {"inputs": {"x": [0, 0]}})[0] == 200
    status, _, answer = client.call("POST", path, {"inputs": {"x": [0, 1]}})

    assert status == 500
    assert answer["error"] == "the model gave a text that is not UTF-8, which no answer can carry"
