"""What clients of the champion would notice of other values being allowed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from formats.types import Signature, TensorSpec
from releases.gates.schema import compare

X = TensorSpec("x", "FP32", (-1,))
C = TensorSpec("c", "BYTES", (-1,))
RANGED = replace(X, range=(0, 10), enforce="refuse")
CHOSEN = replace(C, choices=("red", "green"))


def told(before, after, *, outputs=False):
    sides = [Signature((), (spec,)) if outputs else Signature((spec,), ()) for spec in (before, after)]
    return [(difference.what, difference.breaks) for difference in compare(*sides)]


@pytest.mark.parametrize(
    ("before", "after", "breaks"),
    [
        (replace(X, missing=True), X, True),
        (X, replace(X, missing=True), False),
        (replace(X, infinite=True), X, True),
        (X, RANGED, True),
        (RANGED, X, False),
        (RANGED, replace(RANGED, range=(1, 10)), True),
        (RANGED, replace(RANGED, range=(-1, 11)), False),
        (X, replace(X, range=(0, 10)), False),
        (replace(X, range=(0, 10)), RANGED, True),
        (RANGED, replace(RANGED, enforce="clip"), False),
        (C, CHOSEN, True),
        (CHOSEN, C, False),
        (CHOSEN, replace(C, choices=("red",)), True),
        (CHOSEN, replace(C, choices=("green", "blue", "red")), False),
        (CHOSEN, replace(C, choices=("blue",), enforce="count"), False),
    ],
)
def test_a_value_that_was_answered_and_is_refused_now_is_a_break(before, after, breaks):
    ((what, found),) = told(before, after)

    assert found is breaks, what


def test_the_same_choices_in_another_order_are_no_difference():
    assert told(CHOSEN, replace(C, choices=("green", "red"))) == []


def test_an_output_that_promises_less_is_a_break():
    assert told(replace(X, finite=True), X, outputs=True)[0][1] is True
    assert told(X, replace(X, finite=True), outputs=True) == []
