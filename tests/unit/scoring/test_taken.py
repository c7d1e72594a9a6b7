"""What a dead worker took with it, as its node tells it of a rollout's units."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from formats.evidence import Fact
from formats.plan import PlannedRollout
from scoring.blackbox import LOADER, LOOP, MIRROR, PATIENT, Note
from scoring.node.safety.taken import units_taken
from scoring.node.workers.crashes import Crash

MARKS = {1: ("m", 1, "d1"), 2: ("m", 2, "d2"), 3: ("m", 3, "d3"), 4: ("other", 1, "d")}


def note(place, mark, *units):
    return Note(place, 0, mark, 0, 1.0, (7,), 1, units)


def taken(notes, *, guilty=None, **rollout):
    told = PlannedRollout(**{"id": 9, "baseline": 1, "challengers": (2,), **rollout})
    models = {
        "m": SimpleNamespace(revision=5, rollout=told),
        "other": SimpleNamespace(revision=6, rollout=None),
    }
    found = list(units_taken(notes, Crash("SIGSEGV", place=guilty), MARKS, models))
    assert all(rollout == 9 and fact.revision == 5 for rollout, fact in found)
    return [fact for _, fact in found]


def test_all_arms_alike_lose_what_was_running_whoever_was_to_blame():
    notes = [note(LOOP, 1, 11, 12), note(PATIENT, 2, 13), note(LOADER, 3)]
    assert taken(notes, guilty=PATIENT) == [
        Fact("seen", 5, 1, 0, 11, -1),
        Fact("seen", 5, 1, 0, 12, -1),
        Fact("errors", 5, 1, 0, 11),
        Fact("errors", 5, 1, 0, 12),
        Fact("seen", 5, 2, 0, 13, -1),
        Fact("errors", 5, 2, 0, 13),
    ]


def test_a_challenger_that_was_asked_unheard_and_killed_was_bad_alone():
    expected = [
        Fact("paired", 5, 1, 2, 11),
        Fact("differed", 5, 1, 2, 11),
        Fact("alone/errors", 5, 1, 2, 11, 1),
    ]
    assert taken([note(MIRROR, 2, 11)], guilty=MIRROR, counted=False) == expected
    assert taken([note(MIRROR, 2, 11)], guilty=MIRROR) == expected


@pytest.mark.parametrize(
    ("notes", "more"),
    [
        ([note(MIRROR, 2, 11)], {"guilty": LOOP}),
        ([note(MIRROR, 2, 11)], {"guilty": None}),
        ([note(MIRROR, 1, 11)], {"guilty": MIRROR}),
        ([note(MIRROR, 2, 11)], {"guilty": MIRROR, "challengers": (2, 3)}),
        ([note(LOOP, 1, 11)], {"counted": False}),
        ([note(LOOP, 4, 11), note(LOOP, 99, 11)], {}),
    ],
)
def test_what_nobody_can_say_is_not_said(notes, more):
    assert taken(notes, **more) == []
