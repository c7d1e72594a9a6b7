"""The integrity gate says the first thing that is wrong, and how many more there are."""

from __future__ import annotations

import pytest

from formats.types import Signature, VersionRef
from releases.proof.gates import Candidate, Outcome
from releases.proof.gates.catalog import BLOCKING, GATES
from releases.proof.gates.integrity import Integrity

FILE = {"code": "external_file", "message": "The model reads a file outside its folder."}
LIMIT = {"code": "too_large", "message": "The graph has 70,000 nodes, at most 65,536 are allowed."}


def verdict(**found):
    candidate = Candidate(VersionRef("m", 1, "a" * 64), Signature((), ()), measured=found)
    return Integrity().check(candidate)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"refusals": [FILE]}, FILE["message"]),
        ({"findings": [LIMIT]}, LIMIT["message"]),
        ({"refusals": [FILE], "findings": [LIMIT]}, f"{FILE['message']} (and 1 more)"),
        ({"findings": [LIMIT, FILE, FILE]}, f"{LIMIT['message']} (and 2 more)"),
    ],
)
def test_what_was_found_fails_in_its_own_words(found, words):
    told = verdict(**found)

    assert (told.outcome, told.summary) == (Outcome.FAILED, words)
    assert told.evidence["findings"] == [*found.get("refusals", ()), *found.get("findings", ())]


def test_files_that_are_what_they_were_declared_to_be_pass_with_what_was_checked():
    told = verdict(checked=["model", "extractor"], graphs={"model": {"nodes": 3}}, load_seconds=0.2)

    assert told.outcome is Outcome.PASSED
    assert told.summary == "2 files are what they were declared to be, and the model loads."
    assert told.evidence["graphs"] == {"model": {"nodes": 3}}
    assert told.evidence["load_seconds"] == 0.2


def test_gates_are_asked_under_their_own_names_the_blocking_one_first():
    assert all(gate.name == name for name, gate in GATES.items())
    assert list(GATES)[: len(BLOCKING)] == list(BLOCKING)
