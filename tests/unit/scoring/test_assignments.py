from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.plan import WHOLE, Arm
from scoring.assignments import LONGEST, Assigner, Assignment, kept
from scoring.request_ids import model_tag

KEY = bytes(range(32))
SALT = bytes(range(16))
OURS = Assigner(KEY, model_tag("digits"), SALT)
ASSIGNED = Assignment(revision=12, version=7, unit=2**63 + 17)
CASES = json.loads((Path(__file__).parents[2] / "data/routing/assignments.json").read_text())

numbers = st.integers(0, 2**32 - 1)
units = st.integers(0, 2**64 - 1)
assignments = st.builds(Assignment, numbers, numbers, units, st.booleans())


def asked(assignment):
    """Which unit the request names that brings it back."""
    return assignment.unit if assignment.named else None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_text_is_the_one_in_the_case_file(case):
    tag = model_tag(case["model"])
    assigner = Assigner(bytes.fromhex(case["key"]), tag, bytes.fromhex(case["salt"]))
    said = Assignment(case["revision"], case["version"], int(case["hash"]), case["named"])

    assert assigner.make(said).decode() == case["expected"]
    assert assigner.read(case["expected"].encode(), asked(said)) == said


@given(st.binary(min_size=8, max_size=8), st.binary(min_size=16, max_size=16), assignments)
def test_a_text_says_again_what_was_put_in(model, salt, assignment):
    assigner = Assigner(KEY, model, salt)
    text = assigner.make(assignment)

    assert text.isascii()
    assert len(text) <= LONGEST
    assert assigner.read(text, asked(assignment)) == assignment


@given(assignments, units | st.none())
def test_a_text_is_nobody_elses(assignment, other):
    found = OURS.read(OURS.make(assignment), other)

    assert found == (assignment if other == asked(assignment) else None)


@given(assignments, st.integers(0, LONGEST), st.integers(0, 255))
def test_a_text_that_was_changed_is_none(assignment, place, byte):
    text = OURS.make(assignment)
    place %= len(text)
    changed = text[:place] + bytes([byte]) + text[place + 1 :]

    assert OURS.read(changed, asked(assignment)) == (assignment if changed == text else None)


@given(st.binary(max_size=80) | st.text(max_size=40).map(str.encode), units | st.none())
def test_any_other_text_is_none(text, unit):
    assert OURS.read(text, unit) is None


@pytest.mark.parametrize("other", ["key", "model", "salt"])
def test_what_another_made_is_nothing_of_ours(other):
    made = {"key": KEY, "model": model_tag("digits"), "salt": SALT}
    made[other] = bytes(len(made[other]))

    assert OURS.read(Assigner(**made).make(ASSIGNED), ASSIGNED.unit) is None


@pytest.mark.parametrize(
    "text",
    ["", "12.7", "012.7.{}", "12.7.{} ", "١٢.7.{}", "99999999999.7.{}", "-1.7.{}", "12.7.{}\n", "12.07.{}"],
)
def test_an_assignment_has_one_spelling(text):
    digest = OURS.make(ASSIGNED).decode().split(".")[2]

    assert OURS.read(text.format(digest).encode(), ASSIGNED.unit) is None


def test_numbers_that_no_plan_has_are_none():
    assert OURS.read(b"4294967296.7.AAAAAAAAAAAAAAAA", 1) is None


def test_who_names_a_unit_is_not_the_one_that_another_was_given():
    nobody = replace(ASSIGNED, named=False)
    text = OURS.make(nobody)

    assert OURS.read(text, None) == nobody
    assert OURS.read(text, ASSIGNED.unit) is None
    assert OURS.read(OURS.make(ASSIGNED), None) is None


def test_a_unit_keeps_its_arm_as_long_as_that_has_a_share():
    arms = [Arm(8, WHOLE // 64, "bandit"), Arm(9, 0, "bandit"), Arm(7, WHOLE - WHOLE // 64, "bandit")]

    assert kept(arms, Assignment(1, 7, 0)) == 2
    assert kept(arms, Assignment(1, 8, 0)) == 0
    assert kept(arms, Assignment(1, 9, 0)) is None
    assert kept(arms, Assignment(1, 4, 0)) is None
