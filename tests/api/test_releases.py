from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from registry.events import record
from registry.models import Role
from registry.transactions import write
from releases import selectors
from releases.events import Kind
from releases.lifecycle import State
from releases.models import Release, Route
from releases.rollout.switching import saga
from releases.services import gating
from tests import makers
from tests.api.conftest import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewed(production, robot):
    return makers.release(makers.version(makers.model("digits", robot), robot))


@pytest.fixture
def manager():
    return Caller(person=makers.person("chloe", Role.RELEASE_MANAGER))


def test_a_release_is_opened_by_ci_and_shown_whole(ci, robot, production):
    makers.version(makers.model("digits", robot), robot)

    opened = ci.post(
        "/models/digits/versions/1/releases",
        {"environment": "production", "strategy": {"kind": "single"}},
    )

    assert opened.status_code == 201, opened.content
    shown = opened.json()
    assert shown["state"] == "validating"
    assert opened.headers["Location"] == shown["url"] == f"/api/v1/releases/{shown['id']}"
    assert {gate["outcome"] for gate in shown["gates"]} == {"pending"}
    assert shown["actions"] == ["withdraw"]
    assert shown["open_slots"] == ["technical", "privacy", "security", "approval"]
    assert [event["kind"] for event in shown["timeline"]][-1] == "release.validating"
    listed = ci.get("/models/digits/versions/1/releases").json()["results"]
    assert [line["id"] for line in listed] == [shown["id"]]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"environment": "nowhere"}, 404, "not_found"),
        ({"strategy": {"kind": "bandit"}}, 422, "bad_input"),
        ({"strategy": {"kind": "single", "pair": 0.5}}, 422, "bad_input"),
        ({"strategie": {}}, 422, "bad_input"),
    ],
)
def test_a_release_that_cannot_be_is_refused(ci, robot, production, body, status, code):
    makers.version(makers.model("digits", robot), robot)
    whole = {"environment": "production", "strategy": {"kind": "single"}}

    answer = ci.post("/models/digits/versions/1/releases", whole | body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Release.objects.exists()


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        (None, {"environment", "strategy"}),
        ({}, {"environment", "strategy"}),
        ({"strategy": {"kind": "single"}}, {"environment"}),
        ({"environment": "production"}, {"strategy"}),
        ({"environment": "production", "strategy": {}}, {"strategy.kind"}),
    ],
)
def test_where_to_and_how_are_said_and_never_assumed(ci, robot, production, body, missing):
    makers.version(makers.model("digits", robot), robot)

    answer = ci.call("POST", "/models/digits/versions/1/releases", body)

    assert answer.status_code == 422
    errors = {error["field"]: error["message"] for error in answer.json()["errors"]}
    assert set(errors) == missing
    assert all(message.startswith("Say ") for message in errors.values())
    assert not Release.objects.exists()


def test_a_version_that_failed_a_data_gate_has_no_door_left(ci, manager, robot, production):
    version = makers.version(makers.model("digits", robot), robot)
    approved = makers.release(version, State.APPROVED)
    draft = makers.release(version, State.DRAFT)
    failed = makers.release(version, State.VALIDATING, environment="staging")
    failed.gate_runs.filter(gate="confidence").update(outcome="failed", summary="The lower bound is too low.")
    gating.conclude(failed)
    whole = {"environment": "production", "strategy": {"kind": "single"}}

    opened = ci.post("/models/digits/versions/1/releases", whole)
    started = manager.post(f"/releases/{approved.pk}/actions/start_rollout")
    submitted = ci.post(f"/releases/{draft.pk}/actions/submit")

    assert (opened.status_code, opened.json()["code"]) == (409, "condemned_version")
    assert (started.status_code, submitted.status_code) == (403, 403)
    for answer in (opened, started, submitted):
        assert f"failed the confidence gate in release {failed.pk}" in answer.json()["detail"]
        assert "Upload a version that is mended" in answer.json()["detail"]


def test_a_person_signs_and_a_machine_does_not(ci, reviewed):
    boris = Caller(person=makers.person("boris", Role.TECHNICAL))
    words = {"slot": "technical", "verdict": "approve", "grounds": "beats the champion on recall"}

    by_machine = ci.post(f"/releases/{reviewed.pk}/reviews", words)
    signed = boris.post(f"/releases/{reviewed.pk}/reviews", words)
    again = boris.post(f"/releases/{reviewed.pk}/reviews", words)

    assert (by_machine.status_code, by_machine.json()["code"]) == (403, "not_allowed")
    assert signed.status_code == 201, signed.content
    assert signed.json()["reviews"][0] | {"at": ""} == {
        "slot": "technical",
        "verdict": "approve",
        "person": "boris",
        "grounds": "beats the champion on recall",
        "at": "",
        "counts": True,
    }
    assert "technical" not in signed.json()["open_slots"]
    assert again.status_code in (403, 409)


def test_a_stale_login_signs_nothing(reviewed):
    boris = Caller(person=makers.person("boris", Role.TECHNICAL))
    session = boris.http.session
    session["authenticated_at"] = 0.0
    session.save()
    words = {"slot": "technical", "verdict": "approve", "grounds": "beats the champion on recall"}

    review = boris.post(f"/releases/{reviewed.pk}/reviews", words)
    action = boris.post(f"/releases/{reviewed.pk}/actions/withdraw")

    assert {review.json()["code"], action.json()["code"]} == {"stale_login"}


def test_a_review_without_grounds_is_refused(reviewed):
    boris = Caller(person=makers.person("boris", Role.TECHNICAL))

    answer = boris.post(f"/releases/{reviewed.pk}/reviews", {"slot": "technical", "verdict": "approve"})

    assert [error["field"] for error in answer.json()["errors"]] == ["grounds"]


def test_what_the_law_forbids_is_a_conflict_with_its_reason(manager, reviewed):
    answer = manager.post(f"/releases/{reviewed.pk}/actions/start_rollout")

    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")
    assert "in review" in answer.json()["detail"]


def test_what_policy_forbids_names_the_role(ci, robot, production):
    release = makers.release(makers.version(makers.model("digits", robot), robot), State.APPROVED)

    answer = ci.post(f"/releases/{release.pk}/actions/start_rollout")
    shown = ci.get(f"/releases/{release.pk}").json()

    assert answer.status_code == 403
    assert "release manager" in answer.json()["detail"]
    assert shown["actions"] == ["withdraw"]
    assert "release manager" in shown["refused"]["start_rollout"]


def test_a_release_manager_starts_the_rollout(manager, production, robot):
    release = makers.release(makers.version(makers.model("digits", robot), robot), State.APPROVED)

    answer = manager.post(f"/releases/{release.pk}/actions/start_rollout", {"grounds": "all four agree"})

    assert answer.status_code == 200, answer.content
    assert answer.json()["state"] == "rolling_out"
    assert answer.json()["rollout"]["phase"] == "preparing"


@pytest.mark.parametrize("action", ["pause", "promote", "accept_proposal", "override_freeze"])
def test_actions_of_other_strategies_are_conflicts(manager, reviewed, action):
    assert manager.post(f"/releases/{reviewed.pk}/actions/{action}").status_code == 409


def test_an_action_that_does_not_exist_is_not_found(manager, reviewed):
    assert manager.post(f"/releases/{reviewed.pk}/actions/explode").status_code == 404


def test_gates_are_told_at_once_without_a_wait(ci, robot, production):
    release = makers.release(makers.version(makers.model("digits", robot), robot), State.VALIDATING)

    started = time.monotonic()
    told = ci.get(f"/releases/{release.pk}/gates").json()

    assert told["state"] == "validating"
    assert time.monotonic() - started < 2
    assert ci.get(f"/releases/{release.pk}/gates", {"wait": 30, "seen": "other"}).json() == told


@pytest.mark.django_db(transaction=True)
def test_a_long_poll_answers_when_a_gate_has_ended(ci, robot, production):
    release = makers.release(makers.version(makers.model("digits", robot), robot), State.VALIDATING)
    told = []
    waiter = threading.Thread(
        target=lambda: told.append(ci.get(f"/releases/{release.pk}/gates", {"wait": 30}))
    )

    waiter.start()
    makers.prove(release)
    waiter.join(timeout=20)

    assert told[0].json()["state"] == "in_review"


@pytest.mark.parametrize("query", [{"wait": 61}, {"wait": "x"}, {"wayt": 1}])
def test_a_wait_that_cannot_be_is_refused(ci, reviewed, query):
    assert ci.get(f"/releases/{reviewed.pk}/gates", query).status_code == 422


def test_what_answers_is_told_for_any_time(ci, robot, production):
    release = makers.release(makers.version(makers.model("digits", robot), robot), State.LIVE)
    before = timezone.now() - timedelta(hours=1)
    event = release_event(release)
    entry = {"arms": [{"version": 1, "weight": 2**53, "reason": "champion"}]}
    Route.objects.create(
        model=release.model, environment=release.environment, revision=3, entry=entry, event=event
    )

    now = ci.get("/environments/production/models/digits").json()
    then = ci.get("/environments/production/models/digits", {"at": before.isoformat()}).json()

    assert now["arms"] == [{"version": 1, "share": 1.0, "reason": "champion"}]
    assert (now["revision"], now["by"]) == (3, event.actor)
    assert (then["revision"], then["arms"]) == (0, [])
    assert ci.get("/environments/nowhere/models/digits").status_code == 404


def test_who_decided_is_told_and_not_what_carried_it_out(manager, production, robot):
    release = makers.release(makers.version(makers.model("digits", robot), robot), State.APPROVED)
    manager.post(f"/releases/{release.pk}/actions/start_rollout")
    rollout = release.rollouts.get()
    entry = {"arms": [{"version": 1, "weight": 2**53, "reason": "champion"}]}
    facts = {"model": release.model, "environment": release.environment, "entry": entry}
    address = "/environments/production/models/digits"

    def carried_out(revision):
        with write():
            event = record(Kind.ROUTE_REVISED, "route/production/digits", actor="system/rollouts")
            return Route.objects.create(**facts, revision=revision, event=event)

    opened = carried_out(1)
    by = [manager.get(address).json()["by"]]
    saga.turn_back(rollout.switches.get(), "rolled back by hand", actor="person/rosa")
    carried_out(2)
    by.append(manager.get(address).json()["by"])

    assert by == ["person/chloe", "person/rosa"]
    decision = manager.get(address).json()["decision"]
    assert (decision["why"], decision["started_by"]) == ("rolled back by hand", "person/chloe")
    assert manager.get(address, {"at": opened.at.isoformat()}).json()["by"] == "person/chloe"


def test_it_is_told_for_whom_it_answered_and_who_was_asked_unseen(ci, robot, production):
    release = makers.release(makers.version(makers.model("digits", robot), robot), State.LIVE)
    entry = {
        "arms": [{"version": 2, "weight": 2**51, "reason": "bandit"}, {"version": 1, "weight": 3 * 2**51}],
        "mirrors": [1, 2],
        "rollout": {"id": 1, "baseline": 1, "challengers": [2], "pair": 0.25, "even": 0.1},
    }
    facts = {"model": release.model, "environment": release.environment, "event": release_event(release)}
    Route.objects.create(**facts, revision=3, entry=entry)
    told = ci.get("/environments/production/models/digits").json()
    assert [(arm["version"], round(arm["share"], 6)) for arm in told["arms"]] == [(1, 0.725), (2, 0.275)]
    assert told["unseen"] == [{"version": 1, "share": 0.25}, {"version": 2, "share": 0.25}]
    assert (told["even"], told["trial"]) == (0.1, None)
    trial = {"rollout": {"id": 1, "baseline": 1, "challengers": [2], "trial": "AAAAAAAAAAEAAAAAAAAAAg=="}}
    alone = {"arms": [{"version": 1, "weight": 2**53, "reason": "trial"}]}
    Route.objects.create(**facts, revision=4, entry=alone | trial)
    told = ci.get("/environments/production/models/digits").json()
    assert told["trial"] == {"version": 2, "units": 2}
    assert [arm["version"] for arm in told["arms"]] == [1]


def release_event(release):

    return selectors.timeline(release).last()


def test_a_release_of_a_model_without_a_role_is_not_there(reviewed):
    stranger = Caller(person=makers.person("stranger"))

    assert stranger.get(f"/releases/{reviewed.pk}").status_code == 404
    assert stranger.get(f"/releases/{reviewed.pk}/gates").status_code == 404
