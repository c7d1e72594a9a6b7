from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.plan import WHOLE, Arm
from scoring.assignments import Assignment, Binding, kept, make, read
from scoring.request_ids import model_tag

KEY = bytes(range(32))
BINDING = Binding(model_tag("digits"), bytes(range(16)), 2**63 + 17)
ASSIGNED = Assignment(revision=12, version=7)

bindings = st.builds(
    Binding,
    model=st.binary(min_size=8, max_size=8),
    salt=st.binary(min_size=16, max_size=16),
    unit=st.none() | st.integers(0, 2**64 - 1),
)
assignments = st.builds(Assignment, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))


@given(bindings, assignments)
def test_a_token_says_again_what_was_put_in(binding, assignment):
    text = make(KEY, binding, assignment)

    assert text.isascii()
    assert len(text) <= 38
    assert read(text, KEY, binding) == assignment


@given(bindings, bindings, assignments)
def test_a_token_is_nobody_elses(binding, other, assignment):
    found = read(make(KEY, binding, assignment), KEY, other)

    assert found == (assignment if binding == other else None)


@given(assignments, st.integers(0, 37), st.characters())
def test_a_token_that_was_changed_is_none(assignment, place, character):
    text = make(KEY, BINDING, assignment)
    place %= len(text)
    changed = text[:place] + character + text[place + 1 :]

    assert read(changed, KEY, BINDING) == (assignment if changed == text else None)


@given(st.text(max_size=60))
def test_any_other_text_is_none(text):
    assert read(text, KEY, BINDING) is None


def test_another_key_made_nothing_of_ours():
    assert read(make(bytes(32), BINDING, ASSIGNED), KEY, BINDING) is None


@pytest.mark.parametrize(
    "other",
    [
        replace(BINDING, model=model_tag("letters")),
        replace(BINDING, salt=bytes(16)),
        replace(BINDING, unit=BINDING.unit + 1),
        replace(BINDING, unit=None),
    ],
)
def test_it_is_bound_to_model_rollout_and_unit(other):
    assert read(make(KEY, BINDING, ASSIGNED), KEY, other) is None


@pytest.mark.parametrize(
    "text", ["", "12.7", "012.7.{}", "12.7.{} ", "١٢.7.{}", "99999999999.7.{}", "-1.7.{}"]
)
def test_a_token_has_one_spelling(text):
    digest = make(KEY, BINDING, ASSIGNED).split(".")[2]

    assert read(text.format(digest), KEY, BINDING) is None


def test_numbers_that_no_plan_has_are_none():
    assert read("4294967296.7.AAAAAAAAAAAAAAAA", KEY, BINDING) is None


def test_a_unit_keeps_its_arm_as_long_as_that_has_a_share():
    arms = [Arm(8, WHOLE // 64, "bandit"), Arm(9, 0, "bandit"), Arm(7, WHOLE - WHOLE // 64, "bandit")]

    assert kept(arms, Assignment(1, 7)) == 2
    assert kept(arms, Assignment(1, 8)) == 0
    assert kept(arms, Assignment(1, 9)) is None
    assert kept(arms, Assignment(1, 4)) is None
