"""The words of the end-to-end gate."""

from __future__ import annotations

import pytest

from formats.types import Signature, VersionRef
from releases.proof.gates.base import Candidate, Outcome
from releases.proof.gates.end_to_end import EndToEnd

REFUSED = "the server answered 400: input 'x' is too wide"


@pytest.mark.parametrize(
    ("wrong", "unanswered", "words"),
    [
        (0, 0, "All 9 rows came back right, alone or in a batch."),
        (2, 0, "2 of 9 rows came back wrong, the first is row 4."),
        (2, 2, f"2 of 9 rows got no answer, the first is row 4: {REFUSED}"),
        (5, 2, "3 of 9 rows came back wrong, and 2 got no answer, the first is row 4."),
    ],
)
def test_a_row_without_an_answer_did_not_come_back_wrong(wrong, unanswered, words):
    failures = [{"row": 4, "problem": REFUSED}] if wrong else []
    found = {"rows": 9, "wrong": wrong, "unanswered": unanswered, "failures": failures, "batchable": True}
    candidate = Candidate(VersionRef("m", 1, "a" * 64), Signature((), ()), measured=found)

    verdict = EndToEnd().check(candidate)
    assert verdict.summary == words
    assert verdict.outcome is (Outcome.FAILED if wrong else Outcome.PASSED)


@pytest.mark.parametrize(
    ("found", "outcome", "words"),
    [
        ({"reason": "the model hung"}, Outcome.FAILED, "the model hung"),
        (
            {"rows": 3, "wrong": 0, "batchable": False},
            Outcome.PASSED,
            "All 3 rows came back right, each row alone; in a batch they may differ.",
        ),
    ],
)
def test_what_ended_it_and_what_it_may_be_asked(found, outcome, words):
    candidate = Candidate(VersionRef("m", 1, "a" * 64), Signature((), ()), measured=found)

    verdict = EndToEnd().check(candidate)
    assert (verdict.outcome, verdict.summary, verdict.evidence) == (outcome, words, found)
