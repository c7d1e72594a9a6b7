from __future__ import annotations

import json

import numpy as np
import pytest

from formats.answers import Tolerances, elements, first_difference
from formats.types import Signature, TensorSpec, Tolerance

EXACT = Tolerance(0, 0)
BIG = 2**53


@pytest.mark.parametrize(
    ("expected", "got", "tolerance", "place"),
    [
        (np.array([1.0, 2.0]), np.array([1.0, 2.1]), Tolerance(), 1),
        (np.array([1.0, 2.0]), np.array([1.0, 2.1]), Tolerance(0.2, 0), None),
        (np.array([np.nan, np.inf]), np.array([np.nan, np.inf]), EXACT, None),
        (np.array([np.inf]), np.array([-np.inf]), Tolerance(1, 1), 0),
        (np.array([1.0]), np.array([np.nan]), Tolerance(1, 1), 0),
        (np.array([BIG + 1]), np.array([BIG]), Tolerance(1, 1), 0),
        (np.array([BIG + 1]), np.array([BIG + 1], np.uint64), EXACT, None),
        (np.array([-1]), np.array([2**64 - 1], np.uint64), EXACT, 0),
        (np.array([BIG + 1]), np.array([float(BIG)]), EXACT, 0),
        (np.array([BIG]), np.array([float(BIG)]), EXACT, None),
        (np.array([True]), np.array([False]), Tolerance(9, 9), 0),
        (np.array(["a", "b"]), np.array(["a", "c"]), EXACT, 1),
        (np.array(["1"]), np.array([1]), EXACT, 0),
        (np.array([]), np.array([]), EXACT, None),
    ],
)
def test_when_two_answers_are_the_same(expected, got, tolerance, place):
    assert first_difference(expected, got, tolerance) == place


def test_an_outputs_own_tolerance_goes_before_the_sets():
    outputs = (TensorSpec("y", "FP32", (-1,), tolerance=Tolerance(0.5, 0)), TensorSpec("z", "FP32", (-1,)))

    made = Tolerances.of(Tolerance(1e-3, 0), Signature((), outputs))

    assert (made.on("y").atol, made.on("z").atol) == (0.5, 1e-3)
    assert Tolerances.from_json(json.loads(json.dumps(made.to_json()))) == made
    assert Tolerances(1e-6, 1e-5).to_json() == {"atol": 1e-6, "rtol": 1e-5}


@pytest.mark.parametrize(
    ("datatype", "data", "wanted"),
    [
        ("INT64", [[BIG + 1], [1]], [BIG + 1, 1]),
        ("UINT64", [2**64 - 1, 0], [2**64 - 1, 0]),
        ("FP32", [1, [2.5, "Infinity"]], [1, 2.5, np.inf]),
        ("BYTES", ["NaN"], ["NaN"]),
        ("BOOL", [True], [True]),
        ("INT8", [], []),
    ],
)
def test_json_data_keep_their_values(datatype, data, wanted):
    assert elements(datatype, data).tolist() == wanted


@pytest.mark.parametrize(
    ("datatype", "data"),
    [
        ("INT64", [1.0]),
        ("INT64", [True]),
        ("INT8", [300]),
        ("FP32", ["a"]),
        ("BYTES", [1]),
        ("FP32", 1),
        ("X", []),
    ],
)
def test_json_data_of_another_datatype_are_refused(datatype, data):
    with pytest.raises((ValueError, TypeError, KeyError, OverflowError)):
        elements(datatype, data)
