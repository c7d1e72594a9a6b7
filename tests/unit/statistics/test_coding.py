"""Labels are compared as what they are: whole numbers never as floats."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from releases.statistics.coding import common, distinct
from releases.statistics.judging import judged
from tests.unit.statistics.examples import question

BIG = 2**53


def agreement(target, told, **changes):
    asked = question("accuracy", **changes)
    (rows,) = judged(asked, np.asarray(target), [np.asarray(told)])
    return (rows.target == rows.predicted).tolist()


@pytest.mark.parametrize(
    ("target", "told", "same"),
    [
        (np.array([BIG, BIG + 1]), np.array([BIG + 1, BIG + 1]), [False, True]),
        (np.array([BIG + 1]), np.array([BIG], np.uint64), [False]),
        (np.array([2**63 - 1]), np.array([2**63 - 1], np.uint64), [True]),
        (np.array([2**63 - 1]), np.array([2**63], np.uint64), [False]),
        (np.array([BIG + 1, 1]), np.array([float(BIG), 1.0]), [False, True]),
        (np.array([BIG + 1, 1]), np.array([0.5, 1.0]), [False, True]),
        (np.array([0, 1, 2]), np.array([0.0, 1.0, 1.5], np.float32), [True, True, False]),
        (np.array([True, False]), np.array([1, 1]), [True, False]),
        (np.array(["a", "ä"]), np.array(["a", "a"]), [True, False]),
        (np.array([-128, 127], np.int8), np.array([-128, -1], np.int64), [True, False]),
    ],
)
def test_labels_are_the_same_only_where_they_are(target, told, same):
    assert agreement(target, told) == same


def test_a_large_positive_label_is_that_label():
    asked = question("recall", positive=BIG + 1)
    (rows,) = judged(asked, np.array([BIG, BIG + 1, BIG + 1]), [np.array([BIG, BIG, BIG + 1])])
    assert rows.positive == 1
    assert rows.target.tolist() == [0, 1, 1]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1), st.data())
def test_any_whole_numbers_are_compared_as_python_does(values, data):
    told = [data.draw(st.sampled_from([value, value ^ 1])) for value in values]
    assert agreement(np.array(values), np.array(told)) == [a == b for a, b in zip(values, told, strict=True)]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64])
def test_few_labels_over_many_places_are_found(dtype):
    values = np.random.default_rng(1).integers(0, 7, 100_000).astype(dtype)
    if dtype in (np.int8, np.int64):
        values -= 3
    assert distinct(values).tolist() == np.unique(values).tolist()
    assert distinct(values).dtype == dtype


def test_codes_are_common_to_all():
    names, (one, other) = common([np.array([1, 5]), np.array([0.0, 5.0])])
    assert names == [0, 1, 5]
    assert (one.of(np.array([5, 1])).tolist(), other.of(np.array([5.0, 0.0])).tolist()) == ([2, 1], [2, 0])
