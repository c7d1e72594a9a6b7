from __future__ import annotations

import pytest

from registry.models import Role
from registry.services.people import grant
from tests import makers
from tests.api.conftest import Caller

pytestmark = pytest.mark.django_db


def test_a_model_is_registered_found_and_described(ci, amina, digits):
    person = Caller(person=amina)

    found = person.get("/models", {"search": "hand"}).json()["results"]
    edited = person.call("PATCH", "/models/digits", {"description": "Reads digits."})

    assert [model["name"] for model in found] == ["digits"]
    assert found[0]["versions"] == 0
    assert edited.status_code == 200, edited.content
    assert ci.get("/models/digits").json()["description"] == "Reads digits."


def test_a_name_is_taken_once(ci, digits):
    again = ci.post("/models", {"name": digits})

    assert again.status_code == 409
    assert again.headers["Content-Type"] == "application/problem+json"
    assert again.json()["code"] == "already_exists"
    assert again.json()["errors"][0]["field"] == "name"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "digits\u202e"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a", "slug": "A b"}, "slug"),
        ({}, "name"),
        ({"name": "a", "descripton": "x"}, "descripton"),
        ({"name": "a", "policy": {"slots": ["privacy"]}}, "policy.slots"),
        ({"name": "a", "policy": {"slotz": []}}, "policy.slotz"),
        ({"name": "a", "policy": {"serving": []}}, "policy.serving"),
        ({"name": "a", "policy": {"metrics": []}}, "policy.metrics"),
        ({"name": "a", "policy": {"metrics": {"b": {}}}}, "policy.metrics.b.kind"),
        ({"name": "a", "policy": {"metrics": {"B": {"kind": "real"}}}}, "policy.metrics"),
        ({"name": "a", "policy": {"metrics": {"errors": {}}}}, "policy.metrics.errors"),
        ({"name": "a", "policy": {"metrics": {"errors": {"low": 0}}}}, "policy.metrics.errors.low"),
        ({"name": "a", "policy": {"metrics": {"b": {"kind": "real", "low": 0}}}}, "policy.metrics.b.low"),
        (
            {"name": "a", "policy": {"metrics": {"b": {"kind": "bad_event", "relative": False}}}},
            "policy.metrics.b.relative",
        ),
        (
            {"name": "a", "policy": {"metrics": {"b": {"kind": "bounded", "low": 1, "high": 5}}}},
            "policy.metrics.b.default",
        ),
        ({"name": "a", "policy": {"serving": {"cash_mb": 1}}}, "policy.serving.cash_mb"),
        ({"name": "a", "policy": {"serving": {"batching": 1}}}, "policy.serving.batching"),
        ({"name": "a", "policy": {"serving": {"prepack": "no"}}}, "policy.serving.prepack"),
        ({"name": "a", "policy": {"serving": {"cache_mb": -1}}}, "policy.serving.cache_mb"),
        ({"name": "a", "policy": {"serving": {"log_share": 1.5}}}, "policy.serving.log_share"),
        ([], "body"),
    ],
)
def test_a_wrong_field_is_named(ci, body, field):
    answer = ci.post("/models", body)

    assert answer.status_code == 422, answer.content
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_body_that_is_not_json_is_a_problem(ci):
    answer = ci.http.post("/api/v1/models", "{", content_type="application/json", headers=ci.headers)

    assert (answer.status_code, answer.json()["code"]) == (400, "not_json")


def test_pages_follow_their_cursor(ci, amina):
    names = [f"model-{letter}" for letter in "abcde"]
    for name in names:
        makers.model(name, amina)
    person, seen = Caller(person=amina), []

    page = person.get("/models", {"page_size": 2}).json()
    while True:
        seen += [model["name"] for model in page["results"]]
        if page["next"] is None:
            break
        page = person.http.get(page["next"]).json()

    assert seen == names


def test_an_edit_of_something_older_is_refused(ci, amina, digits):
    person = Caller(person=amina)
    read = person.get("/models/digits").headers["ETag"]
    person.call("PATCH", "/models/digits", {"task": "vision"})

    late = person.call("PATCH", "/models/digits", {"task": "other"}, **{"If-Match": read})

    assert (late.status_code, late.json()["code"]) == (412, "stale_edit")


def test_a_model_without_a_role_on_it_is_not_there(digits):
    stranger = Caller(person=makers.person("stranger"))

    assert stranger.get("/models/digits").status_code == 404
    assert stranger.get("/models").json()["results"] == []


def test_a_token_for_one_model_sees_no_other(ci, robot, token_of, digits):
    other = makers.model("other")
    narrow = token_of(robot, "upload", models=[other])

    assert narrow.get("/models/digits").status_code == 404
    assert [model["name"] for model in narrow.get("/models").json()["results"]] == ["other"]


def test_tokens_are_told_once_and_end_when_revoked(amina):
    person = Caller(person=amina)
    made = person.post("/tokens", {"name": "ci", "scopes": ["upload"]})
    token = Caller(token=made.json()["token"])

    assert made.status_code == 201
    assert token.get("/models").status_code == 200
    assert "token" not in person.get("/tokens").json()[0]
    assert person.call("DELETE", f"/tokens/{made.json()['id']}").status_code == 204
    refused = token.get("/models")
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert refused.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_makes_no_tokens(ci):
    assert ci.post("/tokens", {"name": "x", "scopes": ["upload"]}).json()["code"] == "not_allowed"


def test_the_log_is_read_by_auditors_and_by_the_others_as_far_as_their_models_go(ci, digits, auditor):
    own = makers.person("viewer")
    grant(own, Role.VIEWER, model=makers.model("mine"))

    everything = Caller(person=auditor).get("/events").json()["results"]
    mine = Caller(person=own).get("/events").json()["results"]

    assert {"model.created", "person.created"} <= {event["kind"] for event in everything}
    assert {event["model"] for event in mine} == {"mine"}
    assert ci.get("/events").status_code == 403


def test_the_log_verifies_and_tells_its_head(digits, auditor):
    person = Caller(person=auditor)
    makers.witness_sees_head()

    report, head = person.get("/events/verify").json(), person.get("/events/head").json()

    assert (report["intact"], report["findings"]) == (True, [])
    assert report["not_covered"]
    assert report["witness"] == head["witness"]
    assert report["witness"]["word"] == "agrees"
    assert (report["events"], report["head"]) == (head["seq"], head["digest"])
    assert len(person.get("/events", {"after": head["seq"] - 1}).json()["results"]) == 1


def test_health_is_told_to_anybody(nobody):
    assert nobody.http.get("/healthz").json() == {"live": True}
    assert nobody.http.get("/readyz").json()["ready"] is True


def test_an_unknown_address_is_a_problem_document(ci):
    answer = ci.get("/modles")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_session_without_its_csrf_token_changes_nothing(amina):
    person = Caller(person=amina)
    person.headers = {}

    refused = person.post("/models", {"name": "digits"})

    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
    assert person.get("/models").json()["results"] == []


def test_the_docs_load_nothing_from_elsewhere(nobody, amina):
    schema = nobody.get("/schema")
    page = Caller(person=amina).http.get("/api/docs")

    assert schema.json()["openapi"].startswith("3.")
    assert page.status_code == 200
    assert b"/api/v1/models/{model}/versions" in page.content
    assert b'src="http' not in page.content
