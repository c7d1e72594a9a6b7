"""Events as a timeline tells them: by whose name, and what became of a model's words."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from releases.web import sentences

NAMES = {"token/0a1b2c3d": "token ci, of amina", "person/chloe": "Chloe Reyes"}


@pytest.mark.parametrize(
    ("actor", "told"),
    [
        ("token/0a1b2c3d", "token ci, of amina"),
        ("person/chloe", "Chloe Reyes"),
        ("person/gone", "gone"),
        ("system/rollouts", "system/rollouts"),
    ],
)
def test_who_did_it_is_told_by_the_name_that_people_know(actor, told):
    event = SimpleNamespace(
        seq=1, at=datetime(2026, 1, 1, tzinfo=UTC), kind="release.live", actor=actor, facts={}
    )
    assert [entry.actor for entry in sentences.entries([event], {}, NAMES)] == [told]


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"changed": ["title"], "before": "digits", "title": "Digits"}, "Renamed from digits to Digits"),
        (
            {"changed": ["task", "title"], "before": "a", "title": "\u05d0"},
            "Renamed from a to \u2068\u05d0\u2069; task changed",
        ),
        ({"changed": ["description", "task"]}, "Description and task changed"),
        ({}, "Changed"),
    ],
)
def test_a_models_new_name_is_told_with_the_one_that_it_had(facts, told):
    assert sentences.sentence("model.updated", facts) == told
