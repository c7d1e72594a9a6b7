from __future__ import annotations

import pytest

from registry.models import Event, Role
from tests import makers
from tests.api.conftest import Caller

pytestmark = pytest.mark.django_db
WHY = "the night batch needs more room"
HERE = "/models/digits/policy-proposals"


@pytest.fixture
def ada():
    return Caller(person=makers.person("ada", admin=True))


@pytest.fixture
def edda():
    return Caller(person=makers.person("edda", Role.APPROVER))


@pytest.fixture
def ask(ada, digits):
    """Propose a change as ada, based on what she reads now."""

    def propose(caller=ada, **changes):
        based_on = caller.get("/models/digits").json()["policy_digest"]
        body = {"policy": {"serving": {"cache_mb": 64}}, "based_on": based_on, "grounds": WHY}
        key = changes.pop("headers", {})
        return caller.post(HERE, body | changes, **key)

    return propose


def test_two_people_change_a_policy_over_rest(ci, ada, edda, ask):
    asked = ask()

    assert asked.status_code == 201, asked.content
    shown = asked.json()
    assert asked.headers["Location"] == shown["url"] == f"/api/v1{HERE}/{shown['id']}"
    assert shown["changes"] == [{"field": "serving.cache_mb", "old": 0, "new": 64}]
    assert (shown["state"], shown["proposed_by"], shown["grounds"]) == ("open", "ada", WHY)
    assert shown["actions"] == ["withdraw"]
    assert "second person" in shown["refused"]["confirm"]
    seen = edda.get(f"{HERE}/{shown['id']}").json()
    assert seen["actions"] == ["confirm", "reject"]

    done = edda.post(f"{HERE}/{shown['id']}/actions/confirm", {"grounds": "the figures bear it out"})

    assert done.status_code == 200, done.content
    decided = done.json()
    assert (decided["state"], decided["decided_by"]) == ("confirmed", "edda")
    assert decided["decision_grounds"] == "the figures bear it out"
    assert (decided["actions"], decided["refused"]) == ([], {})
    assert ci.get("/models/digits").json()["policy"]["serving"]["cache_mb"] == 64
    listed = ci.get(HERE).json()["results"]
    assert [(line["id"], line["state"]) for line in listed] == [(shown["id"], "confirmed")]


@pytest.mark.parametrize("action", ["reject", "withdraw"])
def test_a_proposal_that_ends_otherwise_changes_nothing(ci, ada, edda, ask, action):
    number = ask().json()["id"]
    before = ci.get("/models/digits").json()

    by = ada if action == "withdraw" else edda
    answer = by.post(f"{HERE}/{number}/actions/{action}", {"grounds": "not before the audit"})

    assert (answer.status_code, ci.get("/models/digits").json()) == (200, before)


def test_refusals_have_codes_of_their_own(ci, ada, edda, ask):
    stale = ask(based_on="0" * 64)
    wrong = ask(policy={"serving": {"cache_mb": -1}})
    machine = ask(ci)
    number = ask().json()["id"]
    second = ask()
    own = ada.post(f"{HERE}/{number}/actions/confirm", {"grounds": "I am sure myself"})
    edda.post(f"{HERE}/{number}/actions/reject", {"grounds": "not before the audit"})
    late = edda.post(f"{HERE}/{number}/actions/confirm", {"grounds": "on second thoughts"})
    odd = edda.post(f"{HERE}/{number}/actions/explode", {"grounds": "on second thoughts"})

    told = [(a.status_code, a.json()["code"]) for a in (stale, wrong, machine, second, own, late, odd)]
    assert told == [
        (409, "stale_policy"),
        (422, "bad_input"),
        (403, "not_allowed"),
        (409, "proposal_open"),
        (403, "not_allowed"),
        (409, "proposal_decided"),
        (404, "not_found"),
    ]
    assert wrong.json()["errors"][0]["field"] == "policy.serving.cache_mb"


def test_the_same_call_again_proposes_once(ask):
    key = {"Idempotency-Key": "night-batch"}
    first, again = ask(headers=key), ask(headers=key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert Event.objects.filter(kind="policy.proposed").count() == 1


def test_a_stale_login_changes_no_policy(ada, edda, ask):
    number = ask().json()["id"]
    for person in (ada, edda):
        session = person.http.session
        session["authenticated_at"] = 0.0
        session.save()

    answers = [ask(), *(p.post(f"{HERE}/{number}/actions/confirm", {"grounds": WHY}) for p in (ada, edda))]

    assert {answer.json()["code"] for answer in answers} == {"stale_login"}


def test_a_proposal_is_found_under_its_own_model_only(edda, ask):
    number = ask().json()["id"]
    makers.model("wine")

    assert edda.get(f"/models/wine/policy-proposals/{number}").status_code == 404
    assert Caller(person=makers.person("stranger")).get(f"{HERE}/{number}").status_code == 404


def test_a_models_words_are_edited_without_touching_its_policy(ci, ada, digits):
    answer = ada.call("PATCH", "/models/digits", {"policy": {"slots": ["approval"]}})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "policy"
