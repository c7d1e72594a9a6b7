"""A rollout over REST: what its page shows, as figures."""

from __future__ import annotations

from math import log

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from releases.rollout.strategies.base import Aim, Finding, Verdict
from tests import makers
from tests.api.conftest import Caller
from tests.web import staged
from tests.web import world as worlds

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(production):
    return worlds.build()


@pytest.fixture
def vera(world):
    return Caller(person=world.people["vera"])


@pytest.fixture
def moving(world):
    made = staged.build(world, stage=2)
    staged.pairs(made, 3_000, 20, 1, 1)
    staged.answered(made, 2, (1_200, 22_000), (2, 3))
    return made


def told(caller, moving):
    return caller.get(f"/releases/{moving.release.pk}/rollout").json()


def test_it_tells_stages_versions_evidence_and_decisions(vera, moving):
    said = told(vera, moving)
    assert (said["id"], said["kind"], said["mode"], said["stage"]) == (moving.rollout.pk, "canary", "auto", 2)
    assert [stage["kind"] for stage in said["stages"]] == ["shadow", *["split"] * 4]
    new, old = said["arms"]
    assert (new["version"], new["share"], new["units"], new["paired"], new["differing"]) == (
        6, pytest.approx(0.05), 1_200, 3_000, 20,
    )  # fmt: skip
    assert new["bad"][0] == {
        "metric": "errors", "units": 2, "of": 1_200, "rate": 2 / 1_200, "only_new": 1, "only_old": 1,
    }  # fmt: skip
    assert (old["version"], old["live"], old["units"]) == (2, True, 22_000)
    worse = next(e for e in said["evidence"] if (e["aim"], e["metric"]) == ("worse", "errors"))
    assert (
        0 < worse["log_evidence"] <= worse["highest"] < worse["threshold"] == pytest.approx(log(1 / 0.0024))
    )
    assert (worse["version"], worse["reached"], worse["action"]) == (6, False, "roll_back")
    assert said["next"]["verdict"] == "hold"
    assert {each["metric"] for each in said["missing"]["promote"]} == {
        "errors",
        "timeouts",
        "invalid_outputs",
    }
    assert [each["number"] for each in said["decisions"]] == [1, 2]
    assert said["proposal"] is None


def test_it_tells_what_a_person_is_asked_with_the_evidence_of_that_moment(vera, moving):
    frozen = Finding("6", "errors", Aim.SAFE, log(40), log(61), log(100))
    staged.proposal(moving, "move", "as long as it may", (frozen,))
    asked = told(vera, moving)["proposal"]
    assert (asked["verdict"], asked["version"], asked["reason"]) == ("move", 6, "as long as it may")
    assert asked["evidence"][0]["highest"] == log(61)


def test_one_that_is_over_or_goes_all_at_once_is_told_too(vera, world, moving):
    staged.over(moving, Verdict.ROLL_BACK, "2", "worse")
    said = told(vera, moving)
    assert (said["missing"], said["closed_at"] is not None) == ({"promote": [], "roll_back": []}, True)
    assert [arm["share"] for arm in said["arms"]] == [0.0, 1.0]
    plain = vera.get(f"/releases/{world.live.pk}/rollout").json()
    assert (plain["kind"], plain["arms"], plain["evidence"], plain["next"]) == ("single", [], [], None)


def test_it_tells_what_is_measured_of_units_and_what_a_bandit_knows(vera, world):
    bought = {"metrics": [{"name": "bought", "direction": "higher"}]}
    moving = staged.build(world, kind="bandit", stage=1, pair=0.0, **bought)
    assert told(vera, moving)["effects"][0]["plain"] is None
    staged.bought(moving, 1, (2_000, 2_000), (160, 120))
    said = told(vera, moving)
    (effect,) = said["effects"]
    assert (effect["version"], effect["metric"], effect["units"], effect["live_mean"]) == (
        6,
        "bought",
        2_000,
        0.06,
    )
    assert effect["plain"]["low"] < 0.02 < effect["plain"]["high"]
    assert (effect["adjusted"], effect["changed"]) == (None, None)
    new, old = said["earning"]["versions"]
    assert (new["best"], old["best"]) == (pytest.approx(0.9932, abs=1e-4), pytest.approx(0.0068, abs=1e-4))
    assert new["low"] < new["mean"] == 0.08 < new["high"]


def test_a_release_without_one_and_one_that_is_not_to_be_seen_are_not_found(vera, world, moving):
    assert vera.get(f"/releases/{world.review.pk}/rollout").json()["code"] == "not_found"
    stranger = Caller(person=makers.person("stranger"))
    assert stranger.get(f"/releases/{moving.release.pk}/rollout").status_code == 404


def test_it_asks_as_many_queries_for_much_as_for_little(vera, moving):
    def queries() -> int:
        told(vera, moving)
        with CaptureQueriesContext(connection) as asked:
            told(vera, moving)
        return len(asked)

    few = queries()
    staged.answered(moving, 1, (400, 41_000), (1, 9))
    for number in range(20):
        staged.decision(moving.rollout, "move", f"decision {number}")
    assert queries() == few < 30


def test_several_versions_are_told_with_their_releases_and_leave_one_by_one(world):
    made = staged.build(world, kind="ab_test", stage=1, number=7, beside=(6,))
    chloe = Caller(person=world.people["chloe"])
    guest = made.rollout.arms.get(release__version__number=6).release
    said = chloe.get(f"/releases/{guest.pk}/rollout").json()
    assert [(part["version"], part["state"]) for part in said["parts"]] == [
        (7, "rolling_out"),
        (6, "rolling_out"),
    ]
    shown = chloe.get(f"/releases/{guest.pk}").json()
    assert (shown["rollout"]["id"], shown["rollout"]["release"]) == (made.rollout.pk, made.release.pk)
    refused = chloe.post(f"/releases/{guest.pk}/actions/promote", {"everything": True})
    assert refused.status_code == 422
    assert "leave everything out" in refused.json()["detail"]
    left = chloe.post(f"/releases/{guest.pk}/actions/roll_back", {"grounds": "it drifts"})
    assert (left.status_code, left.json()["state"]) == (200, "rolled_back")
    parts = chloe.get(f"/releases/{made.release.pk}/rollout").json()["parts"]
    assert [(part["state"], part["left_at"] is None) for part in parts] == [
        ("rolling_out", True),
        ("rolled_back", False),
    ]


def test_evidence_over_time_comes_by_page_with_its_thresholds_and_of_one_metric_alone(vera, moving):
    effects = {"bought/6": {"plain": [0.02, -0.01, 0.05], "adjusted": None}}
    staged.points(moving, 5, effects=effects)
    at = f"/rollouts/{moving.rollout.pk}/evidence"
    first = vera.get(f"{at}?page_size=3").json()
    rest = vera.get(first["next"].partition("/api/v1")[2]).json()
    points = first["results"] + rest["results"]
    assert (len(first["results"]), len(points), rest["next"]) == (3, 5, None)
    assert [each["at"] for each in points] == sorted(each["at"] for each in points)
    safe = next(e for e in points[-1]["evidence"] if (e["aim"], e["metric"]) == ("safe", "errors"))
    assert (safe["version"], safe["threshold"]) == (6, 4.605)
    assert points[0]["effects"] == [
        {
            "version": 6,
            "metric": "bought",
            "plain": {"value": 0.02, "low": -0.01, "high": 0.05},
            "adjusted": None,
            "overall": None,
        }
    ]
    of_one = vera.get(f"{at}?metric=errors").json()["results"]
    assert {e["metric"] for point in of_one for e in point["evidence"]} == {"errors"}
    assert all(point["effects"] == [] for point in of_one)
    assert vera.get(f"{at}?page=nowhere").status_code == 422
    stranger = Caller(person=makers.person("stranger"))
    assert stranger.get(at).status_code == 404
