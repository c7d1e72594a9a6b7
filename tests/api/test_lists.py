"""The long lists over REST: what the pages filter and order by, in the same words, page by page."""

from __future__ import annotations

import pytest

from registry.models import Role
from registry.services import people
from registry.services.tokens import create_token
from releases.selectors import lists
from tests import makers
from tests.web import world as worlds

pytestmark = pytest.mark.django_db
VERSIONS, RELEASES, MODELS = "/models/digits/versions", "/releases", "/models"


@pytest.fixture
def world():
    return worlds.build()


@pytest.fixture
def asks(world, client):
    """A call by one of the world's people: the versions' numbers, or the models' names."""

    def ask(address: str, who: str = "vera") -> list:
        client.force_login(world.people[who])
        answer = client.get(f"/api/v1{address}")
        assert answer.status_code == 200, answer.content
        found = answer.json()["results"]
        return [row.get("number", row.get("version", row.get("name"))) for row in found]

    return ask


def test_versions_are_found_and_ordered_by_the_words_of_their_page(asks):
    assert asks(VERSIONS) == [5, 4, 3, 2, 1]
    assert asks(f"{VERSIONS}?sort=number") == [1, 2, 3, 4, 5]
    assert asks(f"{VERSIONS}?sort=-metric") == [3, 2, 1, 4, 5]
    assert asks(f"{VERSIONS}?sort=metric") == [4, 1, 2, 3, 5]
    assert asks(f"{VERSIONS}?state=open") == [5, 3]
    assert asks(f"{VERSIONS}?author=amina&state=rejected") == [4]
    assert asks(f"{VERSIONS}?metric_from=0.96&metric_to=0.975") == [2]
    assert asks(f"{VERSIONS}?author=nobody") == []


def test_releases_are_found_and_ordered_by_the_words_of_their_page(asks):
    assert asks(RELEASES) == [5, 4, 3, 2, 1]
    assert asks(f"{RELEASES}?sort=opened") == [1, 2, 3, 4, 5]
    assert asks(f"{RELEASES}?state=open&environment=production&model=digits") == [5, 3]
    assert asks(f"{RELEASES}?model=none") == []
    assert asks(f"{RELEASES}?mine=on") == []
    assert asks(f"{RELEASES}?mine=on&state=superseded", "amina") == [1]


def test_models_are_found_and_ordered_by_the_words_of_their_page(asks):
    makers.model("letters", makers.person("carl", Role.CONTRIBUTOR), task="ranking")
    assert asks(MODELS) == ["digits", "letters"]
    assert asks(f"{MODELS}?sort=-name") == asks(f"{MODELS}?sort=last") == ["letters", "digits"]
    assert asks(f"{MODELS}?state=live") == asks(f"{MODELS}?task=classification") == ["digits"]
    assert asks(f"{MODELS}?state=none") == asks(f"{MODELS}?owner=carl") == ["letters"]
    assert asks(f"{MODELS}?owner=x") == []


def test_a_form_that_was_sent_with_empty_fields_asks_for_all(asks):
    assert asks(f"{VERSIONS}?state=&author=&metric_from=&metric_to=&sort=") == [5, 4, 3, 2, 1]


def test_a_row_says_what_it_was_found_by(asks, client):
    rows = {row["number"]: row for row in client_rows(asks, client, VERSIONS)}
    releases = {row["version"]: row["id"] for row in client_rows(asks, client, RELEASES)}
    assert (rows[2]["state"], rows[2]["release"], rows[2]["measured"]) == ("live", releases[2], 0.972)
    assert rows[5]["measured"] is None
    assert client_rows(asks, client, MODELS)[0]["last_release"] == releases[5]


def client_rows(asks, client, address: str) -> list[dict]:
    asks(address)
    return client.get(f"/api/v1{address}").json()["results"]


def test_pages_follow_each_other_forth_and_back_without_a_gap(asks, client):
    for sort in ("-number", "metric", "-metric"):
        whole = asks(f"{VERSIONS}?sort={sort}")
        seen, address = [], f"/api/v1{VERSIONS}?sort={sort}&page_size=2"
        while address:
            part = client.get(address).json()
            assert (part["total"], part["at_least"]) == (5, False)
            seen.append([row["number"] for row in part["results"]])
            address = part["next"]
        assert [number for page in seen for number in page] == whole
        back = client.get(part["previous"]).json()
        assert [row["number"] for row in back["results"]] == seen[-2]


def test_nobody_counts_for_ever(asks, client, monkeypatch):
    monkeypatch.setattr(lists, "MOST", 3)
    asks(RELEASES)
    answer = client.get("/api/v1/releases").json()
    assert (answer["total"], answer["at_least"]) == (3, True)


REFUSED = [
    (f"{VERSIONS}?state=lively", "state", "validating"),
    (f"{VERSIONS}?sort=size", "sort", "-metric"),
    (f"{VERSIONS}?metric_from=nan", "metric_from", "number"),
    (f"{VERSIONS}?page=zzz", "page", "next"),
    (f"{VERSIONS}?sort=metric&page=a5", "page", "next"),
    (f"{VERSIONS}?stat=live", "stat", "'state'"),
    (f"{RELEASES}?environment=moon", "environment", "production"),
    (f"{RELEASES}?state=none", "state", "rolling_out"),
    (f"{MODELS}?state=superseded", "state", "none"),
    (f"{MODELS}?sort=created", "sort", "-last"),
]


def test_what_cannot_be_asked_is_refused_with_what_can(world, client):
    client.force_login(world.people["vera"])
    for address, field, told in REFUSED:
        answer = client.get(f"/api/v1{address}")
        assert answer.status_code == 422, answer.content
        problem = next(each for each in answer.json()["errors"] if each["field"] == field)
        assert told in problem["message"], address


def test_a_token_lists_the_releases_of_its_models_alone(world, client):
    letters = makers.model("letters")
    vera = world.people["vera"]
    people.grant(vera, Role.VIEWER, model=letters)
    _, secret = create_token("few", owner=vera, by=vera, scopes=["read"], models=[letters])
    answer = client.get("/api/v1/releases", headers={"Authorization": f"Bearer {secret}"}).json()
    assert (answer["results"], answer["total"]) == ([], 0)
