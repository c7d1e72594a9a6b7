"""What other shares would have brought: over REST and as a page, from rows."""

from __future__ import annotations

import pytest
from django.test import Client

from registry.models import Role
from releases.rollout import whatif
from tests import makers
from tests.releases.going import BASE, NEW, after, going

pytestmark = pytest.mark.django_db


@pytest.fixture
def vera(db):
    client = Client()
    client.force_login(makers.person("vera", Role.VIEWER))
    return client


@pytest.fixture
def found():
    """Six hundred units that came by chance, of which those of the new version buy twice as often."""
    made = going({"kind": "ab_test", "shadow": False})
    for n in range(600):
        unit = f"unit {n}"
        version = made.arm_of(unit)
        made.see(unit, after(minutes=1), version)
        if n % 10 < {NEW: 4, BASE: 2}[version]:
            made.tell(unit, 1, after(minutes=2))
    made.sum(after(hours=3, minutes=10))
    return made


def test_rest_tells_each_version_alone_and_what_is_asked(found, vera):
    told = vera.post(
        f"/api/v1/rollouts/{found.rollout.pk}/evaluate",
        {"shares": {str(NEW): 0.25, str(BASE): 0.75}},
        content_type="application/json",
    ).json()

    assert (told["metric"], told["units"]) == ("bought", 600)
    mine, new, old, alike = told["answers"]
    assert mine["shares"] == {str(NEW): 0.25, str(BASE): 0.75}
    assert new["estimates"]["dr"]["value"] > old["estimates"]["dr"]["value"]
    assert alike["estimates"]["effective"] == pytest.approx(600, abs=1)
    assert all(not answer["refusal"] for answer in told["answers"])


def test_rest_names_what_cannot_be_asked(found, vera):
    here = f"/api/v1/rollouts/{found.rollout.pk}/evaluate"
    for said, field in (
        ({"shares": {"9": 1}}, "shares"),
        ({"shares": {str(NEW): 2}}, "shares"),
        ({"metric": "errors"}, "metric"),
        ({"share": {}}, "share"),
    ):
        answer = vera.post(here, said, content_type="application/json")
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_the_page_says_what_would_have_come_of_it(found, vera):
    html = vera.get(f"/rollouts/{found.rollout.pk}/what-if").content.decode()
    assert "All to version 2" in html
    assert "600 units brought" in html
    refused = vera.get(f"/rollouts/{found.rollout.pk}/what-if", {"shares": "2:2"})
    assert (refused.status_code, "from 0 to 1" in refused.content.decode()) == (422, True)


def test_the_page_says_why_it_cannot(vera):
    empty = going({"kind": "ab_test", "shadow": False})
    html = vera.get(f"/rollouts/{empty.rollout.pk}/what-if").content.decode()
    assert whatif.NOT_KNOWN in html
