from __future__ import annotations

import numpy as np
import pytest

from formats.answers import Tolerance, elements, first_difference

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
