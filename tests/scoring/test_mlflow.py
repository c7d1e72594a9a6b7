"""`/invocations` as MLflow's clients call it, on a real node."""

from __future__ import annotations

from base64 import b64encode

import pytest

from scoring.request_ids import parse
from scoring.routing import unit_hasher
from tests.scoring.nodes import REQUEST_KEY, TOKEN


def predictions(client, name, body, status=200):
    found, _, answer = client.call("POST", f"/invocations/{name}", body)
    assert found == status, answer
    return answer["predictions"] if status == 200 else answer


@pytest.mark.parametrize("body", [{"inputs": [[1, 2], [3, 4]]}, {"instances": [[1, 2], [3, 4]]}])
def test_tensors_answer_with_outputs_by_name(client, body):
    assert predictions(client, "linear", body) == {"y": [[5.0], [11.0]]}


def test_inputs_by_name(client):
    assert predictions(client, "linear", {"inputs": {"x": [[1, 2]]}}) == {"y": [[5.0]]}


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"index": [0, 1], "columns": ["a", "b"], "data": [[1, 2], [3, 4]]}},
        {"dataframe_split": {"columns": [0, 1], "data": [[1, 2], [3, 4]]}},
        {"dataframe_split": {"data": [[1, 2], [3, 4]]}},
        {"dataframe_records": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]},
        {"dataframe_records": [{"x": [1, 2]}, {"x": [3, 4]}]},
    ],
)
def test_tables_answer_with_records(client, body):
    assert predictions(client, "linear", body) == [{"y": 5.0}, {"y": 11.0}]


def test_features_go_by_name_in_any_order(client):
    split = {"columns": ["width", "height"], "data": [[2, 1]]}
    assert predictions(client, "scaled", {"dataframe_split": split}) == [{"y": 30.0}]
    assert predictions(client, "scaled", {"instances": [{"width": 2, "height": 1}]}) == {"y": [[30.0]]}
    assert predictions(client, "scaled", {"inputs": {"width": [2], "height": [1]}}) == {"y": [[30.0]]}


def test_several_inputs_are_columns(client):
    row = {"f": 1.5, "d": 2.5, "h": 0.5, "i": -3, "b": True, "s": "Zoë"}
    answer = predictions(client, "types", {"dataframe_records": [row, row]})
    assert answer == [{f"{name}_out": value for name, value in row.items()}] * 2
    columns = {name: [value] for name, value in row.items()}
    assert predictions(client, "types", {"inputs": columns})["s_out"] == ["Zoë"]


def test_outputs_with_several_values_a_row_stay_lists(client):
    (record,) = predictions(client, "plain", {"dataframe_records": [{"a": 1, "b": 2}]})
    assert record["label"] == 1
    assert len(record["probabilities"]) == 3


def test_ids_are_in_the_headers_and_params_may_name_the_unit(client):
    body = {"inputs": [[1, 2]], "params": {"unit": "user-17", "temperature": 0.7}}
    status, headers, answer = client.call("POST", "/invocations/linear", body)
    assert status == 200, answer
    assert set(answer) == {"predictions"}
    assert parse(headers["x-assay-request-id"], REQUEST_KEY).unit == unit_hasher(b"salt")("user-17")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "bad_request"),
        ({"inputs": [[1, 2]], "instances": [[1, 2]]}, "bad_request"),
        ({"columns": ["a"], "data": [[1]]}, "bad_request"),
        ([[1, 2]], "bad_request"),
        ({"inputs": [[1, 2]], "params": 3}, "bad_request"),
        ({"inputs": [[1, 2]], "params": {"unit": 3}}, "bad_request"),
        (b'{"inputs": [[1, 2]], "inputs": [[1, 2]]}', "bad_request"),
        ({"inputs": [[1, 2, 3]]}, "bad_tensor"),
        ({"inputs": {"z": [[1, 2]]}}, "bad_tensor"),
        ({"inputs": 3}, "bad_tensor"),
        ({"instances": []}, "bad_tensor"),
        ({"dataframe_records": []}, "bad_tensor"),
        ({"dataframe_records": [{}]}, "bad_tensor"),
        ({"dataframe_records": [{"a": 1, "b": 2}, {"a": 1}]}, "bad_tensor"),
        ({"dataframe_records": [{"a": 1, "b": None}]}, "bad_tensor"),
        ({"dataframe_records": [{"a": 1, "b": "2"}]}, "bad_tensor"),
        ({"dataframe_records": [{"x": [1, 2]}, {"x": [1]}]}, "bad_tensor"),
        ({"dataframe_records": [{"x": [[1], [2]]}]}, "bad_tensor"),
        ({"dataframe_split": {"data": [[1, 2], [1]]}}, "bad_tensor"),
        ({"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}, "bad_tensor"),
        ({"dataframe_split": {"columns": ["a", "b"], "data": []}}, "bad_tensor"),
    ],
)
def test_refusals(client, body, code):
    answer = predictions(client, "linear", body, 400)
    assert answer["code"] == code
    assert answer["error"]


def test_features_missing_unknown_and_of_different_length(client):
    answer = predictions(client, "scaled", {"dataframe_records": [{"height": 1, "depth": 2}]}, 400)
    assert "missing ['width'], unknown ['depth']" in answer["error"]
    answer = predictions(client, "scaled", {"inputs": {"width": [1, 2], "height": [1]}}, 400)
    assert answer["code"] == "bad_tensor"
    assert "name each input" in predictions(client, "types", {"inputs": [1]}, 400)["error"]


def test_it_takes_the_scope_of_scoring(client):
    status, _, answer = client.call("POST", "/invocations/linear", {"inputs": [[1, 2]]}, auth=None)
    assert (status, answer["code"]) == (401, "missing_token")
    assert client.call("GET", "/invocations/linear")[0] == 405
    assert client.call("POST", "/invocations/nobody", {"inputs": [1]})[2]["code"] == "unknown_model"


def test_a_model_has_an_address_that_looks_like_a_server_of_its_own(client):
    """MLflow's scoring client puts these behind the one address that it is given."""
    status, _, answer = client.call("POST", "/mlflow/linear/invocations", {"inputs": [[1, 2]]})
    assert (status, answer) == (200, {"predictions": {"y": [[5.0]]}})
    for call, body in (("ping", b"\n"), ("health", b"\n"), ("version", b"2.0.0")):
        status, _, answer = client.call("GET", f"/mlflow/linear/{call}")
        assert (status, answer) == (200, body), call
        assert client.call("POST", f"/mlflow/linear/{call}", {})[0] == 405
        assert client.call("GET", f"/mlflow/linear/{call}", auth=None)[0] == 401
        assert client.call("GET", f"/mlflow/nobody/{call}")[2]["code"] == "unknown_model"
    assert client.call("GET", "/mlflow/closed/ping")[2]["code"] == "not_open"
    assert client.call("POST", "/mlflow/nobody/invocations", {"inputs": [[1]]})[2]["code"] == "unknown_model"
    assert client.call("GET", "/mlflow/linear/more")[2]["code"] == "unknown_route"


@pytest.mark.parametrize(("password", "status"), [(TOKEN, 200), ("other", 401), ("", 401)])
def test_a_token_may_be_the_password_of_an_address(client, password, status):
    """`requests` and others send `http://assay:TOKEN@host/` so; the name before it says nothing."""
    auth = "Basic " + b64encode(f"assay:{password}".encode()).decode()
    for _ in range(2):
        assert client.call("GET", "/mlflow/linear/ping", headers={"Authorization": auth})[0] == status


@pytest.mark.parametrize("broken", ["Basic", "Basic !", "Basic YQ", "Basic YXNzYXk="])
def test_a_broken_password_is_a_token_that_is_not_known(client, broken):
    assert client.call("GET", "/mlflow/linear/ping", headers={"Authorization": broken})[0] == 401
