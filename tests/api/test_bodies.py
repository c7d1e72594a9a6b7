"""Whatever is sent where a body belongs: an answer in words, never a failure of ours, and no deed."""

from __future__ import annotations

import pytest

from registry.models import Event
from releases.models import Release
from tests import makers
from tests.api.access import ADMITTED
from tests.api.conftest import Caller
from tests.api.routes import routes

pytestmark = pytest.mark.django_db
JSON = "application/json"
FORM = "multipart/form-data; boundary=x"
BODIES = {
    "nothing": (b"", ""),
    "nothing that says it is JSON": (b"", JSON),
    "nothing that says it is a form": (b"", FORM),
    "nothing that says it has fields": (b"", "application/x-www-form-urlencoded"),
    "a form without parts": (b"--x--\r\n", FORM),
    "a form without a boundary": (b"--x--\r\n", "multipart/form-data"),
    "fields": (b"grounds=x", "application/x-www-form-urlencoded"),
    "text": (b"hello", "text/plain"),
    "a type that is none": (b"{}", "nonsense"),
    "a list": (b"[]", JSON),
    "a list of lists": (b"[[]]", JSON),
    "a number": (b"7", JSON),
    "null": (b"null", JSON),
    "a word": (b'"grounds"', JSON),
    "half an object": (b'{"grounds"', JSON),
    "NaN": (b'{"grounds": NaN}', JSON),
    "a number of 5,000 digits": (b'{"grounds": ' + b"9" * 5000 + b"}", JSON),
    "a list 100,000 deep": (b"[" * 100_000 + b"]" * 100_000, JSON),
    "a list 300 deep": (b'{"grounds": ' + b"[" * 300 + b"]" * 300 + b"}", JSON),
    "half a character as a value": (b'{"grounds": "\\ud800"}', JSON),
    "half a character as a name": (b'{"\\ud800": 1}', JSON),
    "NUL": (b'{"grounds": "\\u0000"}', JSON),
    "NUL as a name": (b'{"\\u0000": 1}', JSON),
    "no UTF-8": (b'{"grounds": "\xff"}', JSON),
    "a charset that is none": (b"{}", f"{JSON}; charset=base64"),
    "more than is read": (b'"' + b"x" * 3_000_000 + b'"', JSON),
}


@pytest.fixture
def unsafe(robot, production, token_of):
    """Every address of the API with what changes something there, and who is let in."""
    release = makers.release(makers.version(makers.model("digits", robot), robot))
    given = {"pk": release.pk, "action": "explode"}
    admin = Caller(person=makers.person("root", admin=True))
    contributor = token_of(robot, "upload", "release", "feedback")
    return [
        (caller, method, route.address(**given))
        for route in routes()
        if route.pattern.startswith("api/v1/")
        for method in ADMITTED[route.name].keys() - {"GET"}
        for caller in (admin, contributor)
    ]


def seen():
    return Event.objects.count(), Release.objects.count()


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_is_none_is_answered_in_words_and_does_nothing(unsafe, body):
    before, (data, content_type) = seen(), BODIES[body]
    for caller, method, address in unsafe:
        for key in ({}, {"Idempotency-Key": f"{method} {address}"}):
            answer = caller.http.generic(
                method, address, data, content_type=content_type, headers=caller.headers | key
            )
            assert answer.status_code < 500, (method, address, answer.content)
            if answer.status_code >= 400:
                assert answer.headers["Content-Type"] == "application/problem+json", (method, address)
                assert answer.json()["detail"], (method, address)
    assert seen() == before


def test_an_upload_without_a_body_says_what_to_send(ci, digits):
    answer = ci.http.post(f"/api/v1/models/{digits}/versions", headers=ci.headers)
    empty = ci.http.generic("POST", f"/api/v1/models/{digits}/versions", b"", headers=ci.headers)

    assert answer.status_code == empty.status_code == 422
    assert "manifest" in answer.json()["detail"]
    assert "send multipart/form-data" in empty.json()["detail"]


def test_a_body_in_words_that_json_allows_is_read(ci):
    raw = '\ufeff{"name": "fresh", "task": "été 🌞", "description": "\\ud83c\\udf1e"}'.encode()

    made = ci.http.generic("POST", "/api/v1/models", raw, content_type=JSON, headers=ci.headers)

    assert made.status_code == 201, made.content
    assert (made.json()["task"], made.json()["description"]) == ("été 🌞", "🌞")
