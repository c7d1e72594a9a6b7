"""What clients get: protocols, datatypes, units, errors."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from scoring.request_ids import BY_NAME, parse
from tests.scoring import models
from tests.scoring.nodes import REQUEST_KEY


def tensor(name, datatype, shape, data):
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def test_an_answer_names_its_version_and_splits_its_time(client, store):
    status, headers, answer = client.infer("linear", [3.0, 4.0])

    assert status == 200
    assert answer["model_name"] == "linear"
    assert answer["model_version"] == "1"
    assert answer["outputs"] == [tensor("y", "FP32", [1, 1], [11.0])]
    assert answer["parameters"]["request_id"] == headers["x-assay-request-id"]
    assert answer["parameters"]["version_digest"] == store.version(1, models.linear()).digest
    assert headers["x-assay-worker"] in {"n1/0", "n1/1"}
    parts = dict(part.strip().split(";dur=") for part in headers["server-timing"].split(","))
    assert list(parts) == ["decode", "queue", "infer", "encode"]
    assert all(0 <= float(value) < 1000 for value in parts.values())


def test_the_request_id_says_what_was_asked_of_whom(client):
    _, _, answer = client.infer("linear", parameters={"unit": "user-17"})
    again = client.call(
        "POST",
        "/v2/models/linear/infer",
        {"inputs": [tensor("x", "FP32", [1, 2], [1, 2])]},
        {"X-Assay-Unit": "user-17"},
    )[2]
    named = client.infer("linear", version=2)[2]

    first, second, third = (parse(a["parameters"]["request_id"], REQUEST_KEY) for a in (answer, again, named))
    assert (first.version, first.revision, first.arm) == (1, 1, 0)
    assert first.unit == second.unit
    assert first != second
    assert (third.version, third.arm) == (2, BY_NAME)


def test_rows_flat_and_nested_are_the_same(client):
    flat = tensor("x", "FP32", [3, 2], [1, 2, 3, 4, 5, 6])
    nested = tensor("x", "FP32", [3, 2], [[1, 2], [3, 4], [5, 6]])
    answers = [
        client.call("POST", "/v2/models/linear/infer", {"inputs": [t]})[2]["outputs"] for t in (flat, nested)
    ]

    assert answers[0] == answers[1] == [tensor("y", "FP32", [3, 1], [5.0, 11.0, 17.0])]


def test_the_clients_id_is_echoed_and_outputs_can_be_chosen(client):
    status, _, answer = client.call(
        "POST",
        "/v2/models/plain/infer",
        {
            "id": "mine",
            "inputs": [tensor("x", "FP32", [2, 2], [1, 0, 0, 1])],
            "outputs": [{"name": "label"}],
        },
    )

    assert (status, answer["id"]) == (200, "mine")
    assert answer["outputs"] == [tensor("label", "INT64", [2], [0, 1])]


def test_every_datatype_comes_back_as_it_went(client):
    inputs = [
        tensor("f", "FP32", [2], [1.5, -2]),
        tensor("d", "FP64", [2], [1e300, 0.1]),
        tensor("h", "FP16", [2], [0.5, 65504]),
        tensor("i", "INT64", [2], [2**63 - 1, -(2**63)]),
        tensor("b", "BOOL", [2], [True, False]),
        tensor("s", "BYTES", [2], ["a:b", 'Zoë "☃"']),
    ]
    status, _, answer = client.call("POST", "/v2/models/types/infer", {"inputs": inputs})

    assert status == 200, answer
    assert [(o["datatype"], o["data"]) for o in answer["outputs"]] == [
        (i["datatype"], i["data"]) for i in inputs
    ]


def test_the_extractor_runs_before_the_model(client):
    body = {"inputs": {"raw": [[1, 2], [3, 4]]}}
    status, _, answer = client.call("POST", "/score/scaled", body)

    assert (status, answer["outputs"], answer["version"]) == (200, {"y": [[30.0], [70.0]]}, 1)


@pytest.mark.parametrize(
    "inputs",
    [
        {"raw": {"width": 2, "height": 1}},
        {"raw": [{"height": 1, "width": 2}]},
        {"height": 1, "width": 2},
        {"raw": [[1, 2]]},
    ],
)
def test_features_may_be_named(client, inputs):
    assert client.call("POST", "/score/scaled", {"inputs": inputs})[2]["outputs"] == {"y": [[30.0]]}


def test_a_feature_too_few_is_named(client):
    status, _, answer = client.call("POST", "/score/scaled", {"inputs": {"raw": {"height": 1, "depth": 2}}})

    assert (status, answer["code"]) == (400, "bad_tensor")
    assert "['width']" in answer["error"]
    assert "['depth']" in answer["error"]


def test_a_map_output_is_served_as_keys_and_values(client):
    _, _, answer = client.call(
        "POST", "/v2/models/zip/infer", {"inputs": [tensor("x", "FP32", [2, 2], [1, 0, 0, 1])]}
    )
    outputs = {output["name"]: output for output in answer["outputs"]}

    assert outputs["probabilities.keys"]["data"] == [0, 1, 2, 0, 1, 2]
    assert outputs["probabilities.values"]["shape"] == [2, 3]
    assert sum(outputs["probabilities.values"]["data"]) == pytest.approx(2)


def test_a_scalar_goes_through_both_doors(client):
    body = {"inputs": [tensor("x", "FP32", [], [4.5])]}

    assert client.call("POST", "/v2/models/scalar/infer", body)[2]["outputs"][0]["data"] == [4.5]
    assert client.call("POST", "/score/scalar", {"inputs": {"x": 4.5}})[2]["outputs"] == {"y": 4.5}


def test_what_json_has_no_number_for_is_a_word(client):
    _, _, answer = client.call(
        "POST", "/v2/models/divider/infer", {"inputs": [tensor("x", "FP32", [3, 1], [0, 2, -0.0])]}
    )

    assert answer["outputs"][0]["data"] == ["Infinity", 0.5, "-Infinity"]


def binary(name, array, *, datatype="FP32", out=True, rest=b""):
    raw = array.tobytes()
    head = {
        "inputs": [
            {
                "name": name,
                "datatype": datatype,
                "shape": list(array.shape),
                "parameters": {"binary_data_size": len(raw)},
            }
        ],
        "parameters": {"binary_data_output": out},
    }
    text = json.dumps(head).encode()
    return text + raw + rest, {"Inference-Header-Content-Length": str(len(text))}


def test_binary_tensors_go_both_ways(client):
    body, headers = binary("x", np.array([[1, 2], [3, 4]], np.float32))
    status, got, raw = client.call("POST", "/v2/models/linear/infer", body, headers)
    length = int(got["inference-header-content-length"])
    answer = json.loads(raw[:length])

    assert (status, got["content-type"]) == (200, "application/octet-stream")
    assert answer["outputs"][0]["parameters"] == {"binary_data_size": 8}
    assert struct.unpack("<2f", raw[length:]) == (5.0, 11.0)


def test_binary_in_and_json_out(client):
    body, headers = binary("x", np.array([[1, 2]], np.float32), out=False)

    assert client.call("POST", "/v2/models/linear/infer", body, headers)[2]["outputs"][0]["data"] == [5.0]


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (*binary("x", np.array([[1, 2]], np.float32), rest=b"more"), "bad_tensor"),
        (*binary("x", np.array([[1, np.nan]], np.float32)), "bad_tensor"),
        (*binary("x", np.array([[1, np.inf]], np.float32)), "bad_tensor"),
        (
            binary("x", np.ones((1, 2), np.float32))[0],
            {"Inference-Header-Content-Length": "99999"},
            "bad_request",
        ),
        (
            binary("x", np.ones((1, 2), np.float32))[0],
            {"Inference-Header-Content-Length": "-1"},
            "bad_request",
        ),
        (
            binary("x", np.ones((1, 2), np.float32))[0],
            {"Inference-Header-Content-Length": "3"},
            "bad_request",
        ),
        (binary("x", np.ones((1, 2), np.float32))[0], {}, "bad_request"),
    ],
)
def test_a_binary_body_that_lies_is_refused(client, body, headers, code):
    status, _, answer = client.call("POST", "/v2/models/linear/infer", body, headers)

    assert (status, answer["code"]) == (400, code)
    assert client.infer("linear")[0] == 200


BAD = {
    "no json": (b"nonsense", "bad_request"),
    "half": (b'{"inputs": [', "bad_request"),
    "nothing": (b"", "bad_request"),
    "no inputs": ({}, "bad_request"),
    "typo": ({"input": []}, "bad_request"),
    "missing input": ({"inputs": []}, "bad_tensor"),
    "unknown input": ({"inputs": [tensor("z", "FP32", [1, 2], [1, 2])]}, "bad_tensor"),
    "twice": ({"inputs": [tensor("x", "FP32", [1, 2], [1, 2])] * 2}, "bad_tensor"),
    "datatype": ({"inputs": [tensor("x", "FP64", [1, 2], [1, 2])]}, "bad_tensor"),
    "shape": ({"inputs": [tensor("x", "FP32", [1, 3], [1, 2, 3])]}, "bad_tensor"),
    "axes": ({"inputs": [tensor("x", "FP32", [2], [1, 2])]}, "bad_tensor"),
    "negative": ({"inputs": [tensor("x", "FP32", [-1, 2], [1, 2])]}, "bad_tensor"),
    "no rows": ({"inputs": [tensor("x", "FP32", [0, 2], [])]}, "bad_tensor"),
    "huge shape": ({"inputs": [tensor("x", "FP32", [2**62, 2], [1, 2])]}, "bad_tensor"),
    "beyond 64 bits": ({"inputs": [tensor("x", "FP32", [2**70, 2], [1, 2])]}, "bad_tensor"),
    "count": ({"inputs": [tensor("x", "FP32", [1, 2], [1, 2, 3])]}, "bad_tensor"),
    "text": ({"inputs": [tensor("x", "FP32", [1, 2], ["1", "2"])]}, "bad_tensor"),
    "an object": ({"inputs": [tensor("x", "FP32", [1, 2], [{}, 1])]}, "bad_tensor"),
    "null": ({"inputs": [tensor("x", "FP32", [1, 2], [None, 1])]}, "bad_tensor"),
    "ragged": ({"inputs": [tensor("x", "FP32", [2, 2], [[1, 2], [3]])]}, "bad_tensor"),
    "transposed": ({"inputs": [tensor("x", "FP32", [3, 2], [[1, 2, 3], [4, 5, 6]])]}, "bad_tensor"),
    "not finite after the cast": ({"inputs": [tensor("x", "FP32", [1, 2], [1e39, 1])]}, "bad_tensor"),
    "not finite": (
        b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[NaN,1]}]}',
        "bad_tensor",
    ),
    "deep": (
        b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":' + b"[" * 100_000 + b"]}]}",
        "bad_request",
    ),
    "nested": ({"inputs": [tensor("x", "FP32", [1, 2], [[[[[[[[[1, 2]]]]]]]]])]}, "bad_tensor"),
    "double key": (
        b'{"inputs":[{"name":"x","name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}',
        "bad_request",
    ),
    "double key by escape": (
        b'{"inputs":[{"name":"x","n\\u0061me":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}',
        "bad_request",
    ),
    "unknown output": (
        {"inputs": [tensor("x", "FP32", [1, 2], [1, 2])], "outputs": [{"name": "z"}]},
        "bad_request",
    ),
    "unit": ({"inputs": [tensor("x", "FP32", [1, 2], [1, 2])], "parameters": {"unit": 17}}, "bad_request"),
    "long unit": (
        {"inputs": [tensor("x", "FP32", [1, 2], [1, 2])], "parameters": {"unit": "u" * 2000}},
        "bad_request",
    ),
    "lone surrogate": (
        b'{"parameters":{"unit":"\\ud800"},"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}',
        "bad_request",
    ),
}


@pytest.mark.parametrize(("body", "code"), BAD.values(), ids=BAD)
def test_a_bad_request_is_named_and_the_next_one_is_right(client, body, code):
    status, headers, answer = client.call("POST", "/v2/models/linear/infer", body)

    assert (status, answer["code"]) == (400, code), answer
    assert headers["content-type"] == "application/json"
    assert "connection" not in headers
    assert client.infer("linear")[2]["outputs"][0]["data"] == [5.0]


def test_an_integer_that_does_not_fit_is_refused(client):
    inputs = [tensor("x", "INT64", [1], [2**63])]
    status, _, answer = client.call("POST", "/v2/models/failing/infer", {"inputs": inputs})

    assert (status, answer["code"]) == (400, "bad_tensor")


def test_a_models_own_failure_is_its_own(client):
    status, _, answer = client.call(
        "POST", "/v2/models/failing/infer", {"inputs": [tensor("x", "INT64", [1], [7])]}
    )
    good = client.call("POST", "/v2/models/failing/infer", {"inputs": [tensor("x", "INT64", [1], [1])]})

    assert (status, answer["code"]) == (500, "inference_failed")
    assert good[2]["outputs"][0]["data"] == [2.0]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/v2/models/nobody/infer", 404, "unknown_model"),
        ("POST", "/score/nobody", 404, "unknown_model"),
        ("POST", "/v2/models/linear/versions/9/infer", 404, "unknown_version"),
        ("POST", "/v2/models/linear/versions/x/infer", 404, "unknown_version"),
        ("POST", "/v2/models/closed/infer", 503, "not_open"),
        ("GET", "/v2/models/closed", 503, "not_open"),
        ("GET", "/v2/models/linear/infer", 405, "method_not_allowed"),
        ("POST", "/v2", 405, "method_not_allowed"),
        ("GET", "/", 404, "unknown_route"),
        ("GET", "/v2/models", 404, "unknown_route"),
        ("POST", "/v2/repository/index", 404, "unknown_route"),
        ("GET", "/v2/../etc/passwd", 404, "unknown_route"),
        ("GET", "/v2/models/%ff", 400, "bad_request"),
        ("POST", "/v2/models/linear/versions/1/infer/more", 404, "unknown_route"),
    ],
)
def test_a_path_without_an_answer_says_which_kind(client, method, path, status, code):
    got, _, answer = client.call(method, path, {} if method == "POST" else None)

    assert (got, answer["code"]) == (status, code)


def test_metadata_and_health(client):
    assert client.call("GET", "/v2", auth=None)[2]["extensions"] == [
        "binary_tensor_data", "model_configuration", "statistics",
    ]  # fmt: skip
    assert client.call("GET", "/v2/health/live", auth=None)[2] == {"live": True}
    assert client.call("GET", "/v2/health/ready", auth=None)[2] == {"ready": True}
    assert client.call("HEAD", "/v2/health/ready", auth=None)[0] == 200
    assert client.call("GET", "/v2/models/linear/ready")[2] == {"name": "linear", "ready": True}
    assert client.call("GET", "/v2/models/linear/versions/2/ready")[0] == 200
    metadata = client.call("GET", "/v2/models/linear")[2]
    assert (metadata["versions"], metadata["platform"]) == (["1"], "onnx_onnxv1")
    assert metadata["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]


def test_an_escaped_path_is_the_same_path(client):
    assert client.call("GET", "/v2/models/line%61r?verbose=1")[0] == 200
    body = {"inputs": [tensor("x", "FP32", [1, 2], [1, 2])]}
    assert client.call("POST", "/v2/models/line%61r/infer", body)[2]["outputs"][0]["data"] == [5.0]
