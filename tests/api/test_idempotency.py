from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from registry.errors import Conflict
from registry.models import IdempotencyKey, Person
from registry.services import idempotency
from tests import makers
from tests.api import parts, routes
from tests.api.conftest import Caller

pytestmark = pytest.mark.django_db
KEY = {"Idempotency-Key": "a-1"}
DOORS = [
    (route, method)
    for route in routes.routes()
    for method in routes.METHODS
    if getattr(getattr(route.view, method.lower(), None), "idempotent", False)
]


def test_the_same_call_again_gets_the_same_answer(ci):
    first = ci.post("/models", {"name": "digits"}, **KEY)
    again = ci.post("/models", {"name": "digits"}, **KEY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_refusal_does_not_use_the_key_up(ci):
    first = ci.post("/models", {"name": "digits", "slug": "No!"}, **KEY)
    mended = ci.post("/models", {"name": "digits"}, **KEY)
    again = ci.post("/models", {"name": "digits"}, **KEY)

    assert (first.status_code, mended.status_code) == (422, 201)
    assert again.json() == mended.json()
    assert again.headers["Idempotency-Replayed"] == "true"


def test_what_a_refused_call_did_on_its_way_is_taken_back(ci, amina, monkeypatch):
    def half(*_, **__):
        makers.person("halfway")
        raise Conflict("not after all")

    monkeypatch.setattr("registry.services.models.create_model", half)

    assert ci.post("/models", {"name": "digits"}, **KEY).status_code == 409
    assert not Person.objects.filter(username="halfway").exists()
    assert not IdempotencyKey.objects.exists()


def test_a_refused_upload_does_not_use_its_key_up(ci, digits):
    assert ci.upload(digits, {"manifest": "no: manifest"}, **KEY).status_code == 422
    assert ci.upload(digits, parts.form(digits), **KEY).status_code == 201


@pytest.mark.parametrize(("route", "method"), DOORS, ids=lambda one: getattr(one, "pattern", one))
def test_no_door_keeps_a_refusal(route, method, digits, production):
    admin = Caller(person=makers.person("root", admin=True))
    name = "ghost" if route.pattern.endswith("/invitation") else "root"  # which asks for nothing more
    address = route.address(model=digits, name=name, person="root", pk=1, action="withdraw").removeprefix(
        "/api/v1"
    )
    for nonsense in ("one", "two"):
        refused = admin.call(method, address, nonsense, **KEY)
        assert 400 <= refused.status_code < 500, refused.content
        assert refused.json()["code"] not in {"key_reused", "in_progress"}
        assert "Idempotency-Replayed" not in refused.headers
    assert not IdempotencyKey.objects.exists()


def test_another_body_under_the_same_key_is_refused(ci):
    ci.post("/models", {"name": "digits"}, **KEY)
    other = ci.post("/models", {"name": "wine"}, **KEY)

    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert ci.get("/models/wine").status_code == 404


def test_another_actor_may_use_the_same_key(ci, amina):
    ci.post("/models", {"name": "digits"}, **KEY)

    assert Caller(person=amina).post("/models", {"name": "wine"}, **KEY).status_code == 201


def test_a_call_that_still_runs_is_told_so(ci):
    ci.post("/models", {"name": "digits"}, **KEY)
    IdempotencyKey.objects.update(status=None, answer=None)

    again = ci.post("/models", {"name": "digits"}, **KEY)

    assert (again.status_code, again.json()["code"]) == (409, "in_progress")


def test_the_key_of_an_upload_that_died_is_free_again_soon(ci, digits):
    ci.upload(digits, parts.form(digits), **KEY)
    long_ago = timezone.now() - idempotency.GIVEN_UP_AFTER - timedelta(seconds=1)
    IdempotencyKey.objects.update(status=None, answer=None)
    assert ci.upload(digits, parts.form(digits), **KEY).json()["code"] == "in_progress"
    IdempotencyKey.objects.update(created_at=long_ago)

    again = ci.upload(digits, parts.form(digits), **KEY)

    assert (again.status_code, again.json()["unchanged"]) == (200, True)
    assert IdempotencyKey.objects.get().status == 200


def test_a_change_whose_answer_cannot_be_kept_is_taken_back(ci, monkeypatch):
    def broken(*_):
        raise RuntimeError("disk on fire")

    with monkeypatch.context() as patch:
        patch.setattr(idempotency, "keep", broken)
        failed = ci.post("/models", {"name": "digits"}, **KEY)

    assert failed.status_code == 500
    assert ci.get("/models/digits").status_code == 404
    assert ci.post("/models", {"name": "digits"}, **KEY).status_code == 201


def test_a_key_that_failed_by_our_fault_is_free_again(ci, monkeypatch):
    def broken(**_):
        raise RuntimeError("disk on fire")

    with monkeypatch.context() as patch:
        patch.setattr("registry.services.models.create_model", broken)
        failed = ci.post("/models", {"name": "digits"}, **KEY)

    assert (failed.status_code, failed.json()["code"]) == (500, "internal_error")
    assert b"disk on fire" not in failed.content
    assert ci.post("/models", {"name": "digits"}, **KEY).status_code == 201


def test_a_token_is_not_kept_with_the_answer(amina):
    person, body = Caller(person=amina), {"name": "ci", "scopes": ["upload"]}

    first, again = person.post("/tokens", body, **KEY), person.post("/tokens", body, **KEY)

    assert first.json()["token"]
    assert again.json() == first.json() | {"token": None}
    assert first.json()["token"] not in str(IdempotencyKey.objects.get().answer)


@pytest.mark.parametrize("key", ["", "x" * 201, "a\x01b"])
def test_a_key_that_cannot_be_kept_is_refused(ci, key):
    answer = ci.post("/models", {"name": "digits"}, **{"Idempotency-Key": key})

    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
