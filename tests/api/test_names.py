"""Models that are called as people write, over REST: made, found, renamed, uploaded to."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from registry.models import Event, RegisteredModel, Role
from tests import makers
from tests.api import parts
from tests.api.conftest import Caller

pytestmark = pytest.mark.django_db

CREDIT = "Kreditausfall \u2013 \u00d6sterreich (Q3)"
SLUG = "kreditausfall-osterreich-q3"
ARABIC = "\u062a\u0642\u064a\u064a\u0645"


@pytest.fixture
def credit(ci):
    answer = ci.post("/models", {"name": CREDIT})
    assert answer.status_code == 201, answer.content
    return answer.json()


@pytest.fixture
def person(amina):
    return Caller(person=amina)


def test_a_model_has_its_name_and_a_slug(ci, credit):
    assert (credit["name"], credit["slug"]) == (CREDIT, SLUG)
    assert credit["url"] == f"/api/v1/models/{SLUG}"
    assert ci.get(f"/models/{SLUG}").json()["name"] == CREDIT
    event = Event.objects.get(kind="model.created")
    assert (event.model, event.facts["title"]) == (SLUG, CREDIT)


def test_a_name_that_is_fit_for_an_address_is_its_own_slug(ci):
    made = ci.post("/models", {"name": "digits"}).json()
    assert (made["name"], made["slug"]) == ("digits", "digits")
    assert RegisteredModel.objects.get().title is None


def test_a_slug_may_be_given(ci):
    made = ci.post("/models", {"name": ARABIC, "slug": "rating"}).json()
    assert (made["name"], made["slug"]) == (ARABIC, "rating")


@pytest.mark.parametrize("name", [SLUG, CREDIT, CREDIT.upper(), "Kreditausfall - O\u0308sterreich (Q3)"])
def test_whoever_writes_the_name_means_the_model(ci, credit, name):
    assert ci.get(f"/models/{quote(name)}").json()["slug"] == SLUG


@pytest.mark.parametrize("search", ["\u00f6STERR", "osterreich", "ausfall \u2013", "Q3)"])
def test_search_finds_by_name_whatever_the_case(ci, credit, search):
    ci.post("/models", {"name": "digits"})
    found = ci.get(f"/models?search={quote(search)}").json()["results"]
    assert [model["slug"] for model in found] == [SLUG]


@pytest.mark.parametrize(
    "name",
    [CREDIT, CREDIT.lower(), CREDIT.replace("\u2013", "-"), CREDIT.replace("a", "\u0430"), SLUG],
)
def test_a_name_that_nobody_can_tell_from_another_is_refused(ci, credit, name):
    answer = ci.post("/models", {"name": name})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "name")
    assert CREDIT in answer.json()["detail"]
    assert RegisteredModel.objects.count() == 1


def test_a_slug_that_somebody_is_called_by_is_taken(ci, credit):
    ci.post("/models", {"name": "Digits", "slug": "d"})
    for slug in (SLUG, "digits"):
        answer = ci.post("/models", {"name": "other", "slug": slug})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "slug")


def test_names_of_one_slug_are_told_apart_by_a_digest(ci):
    first, second = (ci.post("/models", {"name": name}).json() for name in ("C", "C++"))
    assert first["slug"] == "c"
    assert second["slug"].startswith("c-")


def test_another_name_leaves_every_address_as_it_is(ci, person, credit):
    answer = person.call("PATCH", f"/models/{SLUG}", {"name": ARABIC})
    assert (answer.json()["name"], answer.json()["slug"]) == (ARABIC, SLUG)
    event = Event.objects.get(kind="model.updated")
    assert (event.facts["title"], event.facts["before"]) == (ARABIC, CREDIT)
    assert event.facts["changed"] == ["title"]
    assert ci.get(f"/models/{quote(ARABIC)}").json()["slug"] == SLUG
    assert ci.get(f"/models/{quote(CREDIT)}").status_code == 404


def test_a_model_takes_its_slug_as_its_name_again(ci, person, credit):
    assert person.call("PATCH", f"/models/{SLUG}", {"name": SLUG}).json()["name"] == SLUG
    assert RegisteredModel.objects.get().title is None


def test_a_rename_to_the_name_of_another_model_is_refused(ci, person, credit):
    ci.post("/models", {"name": "digits"})
    answer = person.call("PATCH", "/models/digits", {"name": CREDIT.upper()})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "name")


def test_a_manifest_names_the_model_as_people_do_and_is_the_same_version(ci, credit):
    first, again = (ci.upload(quote(name), parts.form(name)) for name in (CREDIT, SLUG))
    assert (first.status_code, again.status_code) == (201, 200), (first.content, again.content)
    assert first.json()["digest"] == again.json()["digest"]
    line = ci.get(f"/models/{SLUG}/versions").json()["results"][0]
    assert (line["model"], line["model_name"]) == (SLUG, CREDIT)
    wrong = ci.upload(SLUG, parts.form("Kredit"))
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "model")
    assert CREDIT in wrong.json()["detail"]


def test_the_log_is_filtered_by_the_name(ci, credit, token_of):
    auditor = token_of(makers.person("dara", Role.AUDITOR), "audit-read")
    for name in (CREDIT, SLUG):
        found = auditor.get("/events", {"model": name, "kind": "model.*"}).json()["results"]
        assert [event["kind"] for event in found] == ["model.created"]


def test_a_token_is_made_for_a_model_by_its_name(credit, person):
    made = person.post("/tokens", {"name": "ci", "scopes": ["upload"], "models": [CREDIT]})
    assert made.json()["models"] == [SLUG]
