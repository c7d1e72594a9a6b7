"""The log as people read it: sentences, names, parts of words, and what was live at a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry import log_words
from registry.events import Kind as RegistryKind
from registry.models import ApiToken, Event, Role
from registry.services import people
from releases.events import Kind as ReleaseKind
from releases.models import Environment, Route
from tests import makers
from tests.web import reading, staged

pytestmark = pytest.mark.django_db


def text(response, status: int = 200) -> str:
    assert response.status_code == status, response.content.decode()[:400]
    return reading.html(response)


def shown(client, **query: str) -> set[str]:
    """The kinds of the events on the page."""
    return set(re.findall(r'href="\?kind=([\w.]+)"', text(client.get("/audit/", query))))


def live(world, number: int, at: datetime, revision: int = 0, **more: Any) -> None:
    """A route that stood from then on, with the event that a switch would leave."""
    last = Event.objects.latest("seq")
    of = {"model": world.model, "revision": revision or Route.objects.count() + 1, "event": last}
    entry = {"arms": [{"version": number, "weight": 2**53, "reason": "champion"}]} | more
    where = Environment.objects.get(name="production")
    with mock.patch("django.utils.timezone.now", return_value=at):
        Route.objects.create(environment=where, entry=entry, **of)


def test_events_are_told_as_sentences_with_the_words_of_their_grounds(world, as_):
    html = text(as_("dara").get("/audit/?kind=review.given"))
    assert "Signed the technical review" in html
    assert "The technical side: looked at the evidence, and it holds." in html
    assert "Given the role approver" in text(as_("dara").get("/audit/?kind=role.granted"))


def test_a_token_is_told_by_its_name_and_owner(world, as_):
    as_("amina").post("/tokens/", {"name": "nightly", "scopes": ["upload"], "days": "7"})
    token = ApiToken.objects.get()
    assert log_words.names([token.actor, "person/edda", "system/gates"]) == {
        token.actor: "token nightly, of amina",
        "person/edda": "edda",
    }


def test_a_part_of_a_word_is_enough(world, as_):
    client = as_("dara")
    assert shown(client, kind="review") >= {"review.given", "release.in_review"}
    assert shown(client, kind="in review") == {"release.in_review"}
    assert shown(client, actor="edd") == {"review.given", "release.approved"}
    assert shown(client, subject=f"release {world.rejected.pk}", kind="rejected") == {"release.rejected"}
    assert shown(client, subject="digits 3", kind="uploaded") == set()
    assert "release.live" in shown(client, model="digi")
    assert shown(client, actor="nobody at all") == set()


def test_what_a_part_of_a_word_finds_is_what_the_reader_may_see(world, as_):
    letters = makers.model("letters", makers.person("carl", Role.CONTRIBUTOR))
    nora = makers.person("nora")
    people.grant(nora, Role.VIEWER, model=letters)
    client = as_("nora")
    assert shown(client, model="digits") == set()
    assert shown(client, actor="edda") == set()
    html = text(client.get("/audit/?model=digits"))
    assert "Nothing that you may see" in html
    assert '<option value="digits">' not in html
    assert "There is no model" in text(client.get("/audit/?of=digits&at=2026-11-20T10:00"), 422)


def test_the_page_says_what_was_live_then_who_decided_and_who_signed(world, as_):
    now = datetime.now(UTC)
    live(world, 1, now + timedelta(hours=1))
    live(world, 2, now + timedelta(hours=3))
    client = as_("dara")

    def asked(hours: int) -> str:
        at = f"{now + timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}"
        return text(client.get("/audit/", {"of": "digits", "at": at})).split('id="then"')[1]

    assert "nothing answered then" in asked(0)
    assert "version 1</a>, since" in asked(2)
    assert "version 2</a>, since" in asked(4)
    assert "boris (technical)" in asked(4)
    assert client.get("/audit/?of=digits&at=yesterday").status_code == 422
    assert client.get("/audit/?of=none&at=2026-11-20T10:00").status_code == 422


def test_the_page_says_for_whom_and_by_what_decision(world, as_):
    moving, now = staged.build(world, stage=1), datetime.now(UTC)
    back = staged.decision(moving.rollout, "roll_back", "Version 6 errs.")
    trial = {"pair": 1.0, "trial": "AAAAAAAAAAEAAAAAAAAAAg==", "challengers": [6]}
    live(world, 2, now + timedelta(hours=1), revision=20, mirrors=[6], rollout=trial)
    at = f"{now + timedelta(hours=2):%Y-%m-%dT%H:%M:%S}"
    html = text(as_("dara").get("/audit/", {"of": "digits", "at": at})).split('id="then"')[1]
    assert "Version 6 answered 2 named units, and nobody else." in html
    assert "Version 6 was asked the same unseen, for all units." in html
    assert "decided by the rollout itself" in html
    assert f'href="?seq={back.event_id}"' in html


def test_every_kind_that_can_be_recorded_is_offered_and_told():
    offered = set(log_words.kinds())
    assert {"release.live", "token.created", "feedback.ingested"} <= offered
    assert {str(kind) for kind in (*RegistryKind, *ReleaseKind)} == offered


def test_a_full_page_costs_as_many_queries_as_a_short_one(world, as_):
    client = as_("dara")
    client.get("/audit/")
    with CaptureQueriesContext(connection) as few:
        text(client.get("/audit/?kind=review.given&actor=person/boris&subject=release/1"))
    with CaptureQueriesContext(connection) as many:
        text(client.get("/audit/?kind=review.given"))
    assert len(many) == len(few)
