"""What clients of the champion would notice of other values being allowed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from formats.types import Signature, TensorSpec, VersionRef
from releases.proof.gates import Candidate, Outcome
from releases.proof.gates.schema import Schema, compare

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


WIDE = replace(X, shape=(-1, 4))


@pytest.mark.parametrize(
    ("before", "after", "what", "breaks"),
    [
        (X, replace(X, datatype="FP64"), "was FP32, is FP64", True),
        (X, WIDE, "shape was [-1], is [-1, 4]", True),
        (WIDE, replace(WIDE, shape=(-1, -1)), "shape was [-1, 4], is [-1, -1]", False),
        (replace(WIDE, shape=(-1, -1)), WIDE, "shape was [-1, -1], is [-1, 4]", True),
        (replace(X, features=("a", "b")), replace(X, features=("b", "a")), "other names", True),
        (replace(X, optional=True), X, "could be left out, must be sent now", True),
        (RANGED, replace(RANGED, range=(0, 12)), "took 0 to 10 (others are refused), takes 0 to 12", False),
        (X, RANGED, "took any number, takes 0 to 10", True),
        (C, CHOSEN, "took any value, takes red, green (others are refused)", True),
        (C, replace(C, choices=tuple(f"c{n}" for n in range(12))), "c9, …", True),
    ],
)
def test_what_differs_in_an_input_is_said_in_words(before, after, what, breaks):
    ((words, found),) = told(before, after)

    assert what in words
    assert found is breaks


@pytest.mark.parametrize(
    ("before", "after", "breaks"),
    [(WIDE, replace(WIDE, shape=(-1, -1)), True), (replace(WIDE, shape=(-1, -1)), WIDE, False)],
)
def test_an_output_may_become_narrower_and_not_wider(before, after, breaks):
    ((_, found),) = told(before, after, outputs=True)

    assert found is breaks


def test_tensors_that_come_and_go():
    before = Signature((X,), (X,))
    after = Signature(
        (replace(X, name="new"), replace(C, name="extra", optional=True)), (replace(X, name="z"),)
    )

    assert {(each.where, each.what, each.breaks) for each in compare(before, after)} == {
        ("input new", "is new, and must be sent", True),
        ("input extra", "is new, and may be left out", False),
        ("input x", "is no longer taken", True),
        ("output z", "is new", False),
        ("output x", "is gone", True),
    }


def verdict(before, after=X, intended=""):
    champion = None if before is None else Signature((before,), ())
    candidate = Candidate(
        VersionRef("m", 2, "a" * 64),
        Signature((after,), ()),
        champion=champion,
        champion_number=1,
        intended_break=intended,
    )
    return Schema().check(candidate)


@pytest.mark.parametrize(
    ("before", "after", "intended", "outcome", "compatibility", "words"),
    [
        (None, X, "", Outcome.PASSED, "first", "Nothing is live yet: there is no client to break."),
        (X, X, "", Outcome.PASSED, "identical", "The signature is that of version 1."),
        (RANGED, X, "", Outcome.PASSED, "additive", "go on working; there is more than before."),
        (X, RANGED, "", Outcome.FAILED, "breaking", "Clients of version 1 would break: input x took any"),
        (X, RANGED, "unit is Celsius", Outcome.PASSED, "breaking", "A declared break: unit is Celsius"),
        (X, X, "unit is Celsius", Outcome.PASSED, "identical", "The signature is that of version 1."),
    ],
)
def test_a_break_passes_only_where_it_was_declared(before, after, intended, outcome, compatibility, words):
    told = verdict(before, after, intended)

    assert told.outcome is outcome
    assert told.evidence["compatibility"] == compatibility
    assert words in told.summary
