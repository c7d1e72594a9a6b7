from __future__ import annotations

import numpy as np
import pytest

from formats.types import TensorSpec
from releases.proof.examiner import tensors
from releases.proof.examiner.findings import BadAnswer, BadSet


@pytest.mark.parametrize(
    ("array", "datatype", "said"),
    [
        (np.array([1.0]), "INT64", "takes INT64, the set has float64"),
        (np.array(["1"]), "FP32", "takes FP32"),
        (np.array([1]), "BYTES", "takes texts"),
        (np.array([300]), "INT8", "do not fit"),
        (np.array([1]), "BOOL", "takes BOOL"),
        (np.array([-1]), "UINT8", "takes UINT8|do not fit"),
    ],
)
def test_a_set_is_not_bent_to_the_signature(array, datatype, said):
    with pytest.raises(BadSet, match=said):
        tensors.cast(array, TensorSpec("x", datatype, (-1,)))


def test_numbers_are_sent_as_a_library_would_send_them():
    spec = TensorSpec("x", "FP32", (-1,))
    exact = np.array([0.1, 2], np.float32)

    assert tensors.cast(exact, spec) is exact
    assert tensors.cast(np.array([0.1]), spec).dtype == np.float32
    assert tensors.cast(np.array([3]), spec).tolist() == [3.0]
    assert tensors.cast(np.array([5], ">i8"), TensorSpec("x", "INT64", (-1,))).dtype == "<i8"


def test_large_arrays_are_views_not_copies():
    array = np.arange(6, dtype=np.float32).reshape(3, 2)

    _, (raw,) = tensors.binary_request({"x": array}, [TensorSpec("x", "FP32", (-1, 2))], ["y"])

    array[0, 0] = 7
    assert np.frombuffer(raw, np.float32)[0] == 7


@pytest.mark.parametrize(
    "output",
    [
        {"name": "y", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 9}},
        {"name": "y", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": -1}},
        {"name": "y", "datatype": "FP32", "shape": [3], "parameters": {"binary_data_size": 8}},
        {"name": "y", "datatype": "FP32", "shape": [2]},
        {"name": "y", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 8}},
        {"name": "y", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 3}},
        {"datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}},
        "y",
    ],
)
def test_a_binary_answer_that_lies_about_its_length_is_refused(output):
    with pytest.raises(BadAnswer, match="malformed"):
        tensors.binary_outputs({"outputs": [output]}, memoryview(b"\xff\xff\0\0\0\0\0\0"))


def test_what_is_not_finite_has_a_word_in_json():
    assert tensors.plain(np.array([1.5, np.nan, np.inf, -np.inf])) == [1.5, "NaN", "Infinity", "-Infinity"]
    answer = {"outputs": [{"name": "y", "datatype": "FP32", "shape": [3], "data": [1, "NaN", "-Infinity"]}]}
    assert tensors.plain(tensors.json_outputs(answer)["y"]) == [1.0, "NaN", "-Infinity"]
