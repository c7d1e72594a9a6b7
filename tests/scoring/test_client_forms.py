"""Bodies as serialisers and clients write them, on a real node: what says the same is read the same."""

from __future__ import annotations

import json

import pytest

from tests.scoring.nodes import wait_for

DROPPED = 'assay_columns_dropped_total{model="scaled",version="1",arm="champion"}'
TENSOR = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}


def dropped(client) -> int:
    text = client.call("GET", "/metrics")[2]
    text = text.decode() if isinstance(text, bytes) else text
    return next((int(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(DROPPED)), 0)


@pytest.mark.parametrize(
    "body",
    [
        {"id": None, "parameters": None, "outputs": None, "inputs": [{**TENSOR, "parameters": None}]},
        {"inputs": [TENSOR], "outputs": []},
        {"inputs": [TENSOR], "outputs": [{"name": "y", "shape": [1, 1], "datatype": "FP32"}]},
        {"inputs": [TENSOR], "outputs": [{"name": "y", "parameters": None}]},
        {"inputs": [TENSOR], "outputs": [{"name": "y", "parameters": {"binary_data": None}}]},
        {"inputs": [TENSOR], "parameters": {"headers": {"a": "b"}, "tags": [1, {"c": None}], "none": None}},
        {"inputs": [{**TENSOR, "parameters": {"content_type": "np", "more": {"of": "it"}}}]},
        {"inputs": [{**TENSOR, "more": [{"data": [7, 7]}]}]},
        {"model_name": "linear", "inputs": [TENSOR]},
        {"model_name": "linear", "model_version": "1", "from_grpc": False, "inputs": [TENSOR]},
        {"inputs": [TENSOR], "more": [{"data": [7, 7]}]},
    ],
)
def test_nulls_and_members_that_nobody_asked_for_change_nothing(client, body):
    for _ in range(3):
        status, _, answer = client.call("POST", "/v2/models/linear/infer", body)
        assert status == 200, answer
        assert answer["outputs"][0]["data"] == [5.0]
        assert "id" not in answer


def test_a_list_in_a_member_that_is_not_looked_at_is_never_taken_for_the_tensors(client):
    """Its beginning is the same to the byte, and what follows `"data":` is a list of the right length."""
    for number in (5, 6, 7):
        opening = b'{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data" :[1,2]}],'
        body = opening + b'"more":[{"data":[%d,0]}]}' % number
        assert client.call("POST", "/v2/models/linear/infer", body)[2]["outputs"][0]["data"] == [5.0]


@pytest.mark.parametrize("path", ["/v2/models/linear/infer", "/score/linear", "/invocations/linear"])
def test_a_byte_order_mark_is_passed_over(client, path):
    body = {"inputs": [TENSOR]} if path.startswith("/v2") else {"inputs": {"x": [[1, 2]]}}
    marked = b"\xef\xbb\xbf" + json.dumps(body).encode()
    for _ in range(3):
        status, _, answer = client.call("POST", path, marked)
        assert status == 200, answer
    assert client.call("POST", path, b"\xef\xbb\xbf" * 1000 + b"{}")[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": ["height", "id", "width"], "data": [[1, 7, 2]]}},
        {"dataframe_split": {"index": None, "columns": ["height", "id", "width"], "data": [[1, 7, 2]]}},
        {"dataframe_records": [{"height": 1, "width": 2, "id": "seven"}]},
        {"instances": [{"height": 1, "width": 2, "id": {"nested": 7}}]},
        {"inputs": {"height": [1], "width": [2], "id": [7]}},
        {"dataframe_records": [{"raw": [1, 2], "id": 7}]},
    ],
)
def test_a_column_that_the_version_has_no_use_for_is_dropped_and_counted(client, body):
    before = dropped(client)
    status, _, answer = client.call("POST", "/invocations/scaled", body)

    assert status == 200, answer
    assert "30.0" in json.dumps(answer)
    wait_for(lambda: dropped(client) == before + 1, "the count")


def test_of_a_table_for_several_inputs_the_other_columns_are_dropped(client):
    row = {"f": 1.5, "d": 2.5, "h": 0.5, "i": -3, "b": True, "s": "Zoë"}
    status, _, answer = client.call("POST", "/invocations/types", {"dataframe_records": [{**row, "id": 7}]})
    assert status == 200, answer
    assert answer["predictions"] == [{f"{name}_out": value for name, value in row.items()}]


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": [[1, 2]], "instances": None, "params": None},
        {"inputs": [[1, 2]], "dataframe_split": None, "dataframe_records": None},
        {"inputs": [[1, 2]], "signature_name": "serving_default"},
    ],
)
def test_mlflow_bodies_with_more_than_they_need(client, body):
    status, _, answer = client.call("POST", "/invocations/linear", body)
    assert status == 200, answer


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/models/linear/infer", {"inputs": [{**TENSOR, "data": [True, 2]}]}),
        ("/v2/models/linear/infer", {"inputs": [{**TENSOR, "data": [[True, 2.0]]}]}),
        ("/score/linear", {"inputs": {"x": [[True, 2]]}}),
        ("/invocations/linear", {"dataframe_split": {"columns": ["a", "b"], "data": [[True, 2.0]]}}),
        ("/invocations/linear", {"dataframe_records": [{"a": True, "b": 2.0}]}),
    ],
)
def test_true_is_one_where_a_number_is_meant(client, path, body):
    status, _, answer = client.call("POST", path, body)
    assert status == 200, answer
    assert "5.0" in json.dumps(answer)


@pytest.mark.parametrize(("value", "status"), [(True, 200), (1.0, 200), (0.5, 400), ("1", 400), (None, 400)])
@pytest.mark.parametrize("path", ["/v2/models/failing/infer", "/score/failing", "/invocations/failing"])
def test_what_is_exactly_a_whole_number_is_one(client, path, value, status):
    tensor = {"name": "x", "shape": [1], "datatype": "INT64", "data": [value]}
    body = {"inputs": [tensor] if path.startswith("/v2") else {"x": [value]}}
    found, _, answer = client.call("POST", path, body)
    assert found == status, answer


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://scoring.example.org:8001/v2/models/linear/infer", 200),
        ("HTTPS://scoring.example.org/v2/models/linear/infer", 200),
        ("http://scoring.example.org", 404),
        ("http://scoring.example.org?/v2/models/linear/infer", 404),
        ("ftp://scoring.example.org/v2/models/linear/infer", 404),
    ],
)
def test_a_target_may_be_a_whole_address(client, target, status):
    for _ in range(3):
        assert client.call("POST", target, {"inputs": [TENSOR]})[0] == status
