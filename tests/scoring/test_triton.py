"""Triton's own client, unmodified, takes us for what it knows."""

from __future__ import annotations

import numpy as np
import pytest
import tritonclient.http as triton

from tests.scoring.nodes import TOKEN, wait_for

# A copy for every call: the client writes the length of its header into the caller's own.
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def theirs(node):
    with triton.InferenceServerClient(f"127.0.0.1:{node.port}") as client:
        yield client


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_infer(theirs, binary_in, binary_out):
    rows = triton.InferInput("x", [2, 2], "FP32")
    rows.set_data_from_numpy(np.array([[1, 2], [3, 4]], np.float32), binary_data=binary_in)
    wanted = triton.InferRequestedOutput("y", binary_data=binary_out)
    answer = theirs.infer("linear", [rows], outputs=[wanted], headers=dict(HEADERS), request_id="mine")

    assert answer.as_numpy("y").tolist() == [[5.0], [11.0]]
    assert answer.get_response()["model_version"] == "1"
    assert answer.get_response()["id"] == "mine"


def test_infer_of_a_named_version_with_no_outputs_asked_for(theirs):
    rows = triton.InferInput("x", [1, 2], "FP32")
    rows.set_data_from_numpy(np.array([[1, 2]], np.float32))

    assert theirs.infer("linear", [rows], model_version="2", headers=dict(HEADERS)).as_numpy(
        "y"
    ).tolist() == [[5.5]]


def test_texts_integers_and_booleans(theirs):
    values = {
        "f": np.array([1.5], np.float32),
        "d": np.array([2.5], np.float64),
        "h": np.array([0.5], np.float16),
        "i": np.array([-3], np.int64),
        "b": np.array([True]),
        "s": np.array(["Zoë"], np.object_),
    }
    kinds = {"f": "FP32", "d": "FP64", "h": "FP16", "i": "INT64", "b": "BOOL", "s": "BYTES"}
    inputs = []
    for name, value in values.items():
        inputs.append(triton.InferInput(name, [1], kinds[name]))
        inputs[-1].set_data_from_numpy(value)
    answer = theirs.infer("types", inputs, headers=dict(HEADERS))

    assert answer.as_numpy("s_out").tolist() == ["Zoë".encode()]
    for name in "fdhib":
        assert answer.as_numpy(f"{name}_out") == values[name]


def test_health_and_metadata(theirs):
    assert theirs.is_server_live()
    assert theirs.is_server_ready()
    assert theirs.is_model_ready("linear", headers=dict(HEADERS))
    assert not theirs.is_model_ready("nobody", headers=dict(HEADERS))
    assert theirs.get_server_metadata()["name"] == "assay"
    metadata = theirs.get_model_metadata("linear", headers=dict(HEADERS))
    assert metadata["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]


def test_configuration(theirs):
    config = theirs.get_model_config("linear", headers=dict(HEADERS))
    assert (config["name"], config["backend"], config["max_batch_size"]) == ("linear", "onnxruntime", 8192)
    assert config["input"] == [{"name": "x", "data_type": "TYPE_FP32", "dims": [2]}]
    assert config["output"] == [{"name": "y", "data_type": "TYPE_FP32", "dims": [1]}]
    assert theirs.get_model_config("linear", "2", headers=dict(HEADERS))["dynamic_batching"] == {}
    whole = theirs.get_model_config("scalar", headers=dict(HEADERS))
    assert (whole["max_batch_size"], whole["input"][0]["dims"]) == (0, [])
    texts = theirs.get_model_config("types", headers=dict(HEADERS))
    assert "TYPE_STRING" in {one["data_type"] for one in texts["input"]}
    assert "dynamic_batching" not in texts
    with pytest.raises(triton.InferenceServerException, match="no model"):
        theirs.get_model_config("nobody", headers=dict(HEADERS))


def test_statistics(theirs):
    def now(version=""):
        (found,) = theirs.get_inference_statistics("zip", version, headers=dict(HEADERS))["model_stats"]
        return found

    before = now()
    rows = triton.InferInput("x", [3, 2], "FP32")
    rows.set_data_from_numpy(np.ones((3, 2), np.float32))
    for _ in range(4):
        theirs.infer("zip", [rows], headers=dict(HEADERS))
    wrong = triton.InferInput("x", [1, 3], "FP32")
    wrong.set_data_from_numpy(np.ones((1, 3), np.float32))
    with pytest.raises(triton.InferenceServerException):
        theirs.infer("zip", [wrong], headers=dict(HEADERS))
    wait_for(lambda: now()["inference_count"] == before["inference_count"] + 12, "the counters")

    after = now("1")
    assert (after["name"], after["version"]) == ("zip", "1")
    assert after["execution_count"] == before["execution_count"] + 4
    assert after["last_inference"] > before["last_inference"]
    spent = after["inference_stats"]
    assert spent["success"]["count"] == before["inference_stats"]["success"]["count"] + 4
    assert spent["fail"]["count"] == before["inference_stats"]["fail"]["count"] + 1
    parts = [spent[part] for part in ("queue", "compute_input", "compute_infer", "compute_output")]
    assert {part["count"] for part in parts} == {spent["success"]["count"]}
    assert spent["compute_infer"]["ns"] > 0
    assert sum(part["ns"] for part in parts) == pytest.approx(spent["success"]["ns"], rel=0.2)


def test_statistics_of_all_models(theirs):
    found = theirs.get_inference_statistics(headers=dict(HEADERS))["model_stats"]
    named = {(one["name"], one["version"]) for one in found}
    assert {("linear", "1"), ("split", "1"), ("split", "2"), ("zip", "1")} <= named
    assert not {name for name, _ in named} & {"closed", "nobody"}


def test_its_errors_are_ours(theirs):
    rows = triton.InferInput("x", [1, 3], "FP32")
    rows.set_data_from_numpy(np.ones((1, 3), np.float32))

    with pytest.raises(triton.InferenceServerException, match="the signature says"):
        theirs.infer("linear", [rows], headers=dict(HEADERS))
