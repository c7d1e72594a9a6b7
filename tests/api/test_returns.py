from __future__ import annotations

import pytest

from registry.models import Role
from releases.models import Rollout
from tests import makers
from tests.api.conftest import Caller
from tests.web import world as worlds

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(production):
    return worlds.build()


@pytest.fixture
def chloe(world):
    return Caller(person=world.people["chloe"])


def test_a_release_says_over_rest_what_a_rollback_brings_back(world, chloe):
    shown = chloe.get(f"/releases/{world.live.pk}").json()
    back = shown["rolls_back_to"]
    assert (back["version"], back["refusal"], back["loaded"]) == (1, "", False)
    assert back["live_since"] < back["live_until"] <= shown["state_since"]
    assert back["metric"] == {"name": "accuracy", "value": 0.957}
    listed = chloe.get(f"/releases/{world.live.pk}/returns").json()
    assert (listed["next"], [one["version"] for one in listed["versions"]]) == (1, [1])
    assert chloe.get(f"/releases/{world.review.pk}/returns").json() == {"next": None, "versions": []}
    assert chloe.get(f"/releases/{world.review.pk}").json()["rolls_back_to"] is None


def test_a_version_is_chosen_over_rest(world, chloe):
    address = f"/releases/{world.live.pk}/actions/roll_back"
    for to, code in ((3, "cannot_return"), (2, "cannot_return"), (0, "bad_input"), ("two", "bad_input")):
        assert chloe.post(address, {"to": to}).json()["code"] == code, to
    viewer = Caller(person=makers.person("vic", Role.VIEWER))
    assert viewer.post(address, {"to": 1}).json()["code"] == "not_allowed"

    begun = chloe.post(address, {"to": 1, "grounds": "it is slow"})

    assert begun.status_code == 200, begun.content
    assert (begun.json()["state"], begun.json()["rollout"]["returns_to"]) == ("live", 1)
    assert begun.json()["rollout"]["replaces"] == 2
    again = chloe.post(address, {"to": 1})
    assert (again.status_code, again.json()["code"]) == (409, "rollout_open")
    assert Rollout.objects.filter(closed_at=None).count() == 1


def test_only_a_rollback_goes_somewhere(world, chloe):
    refused = chloe.post(f"/releases/{world.review.pk}/actions/withdraw", {"to": 1})
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_input")
