"""Whatever the OpenAPI document allows is answered as it says, for people and tokens that differ."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import schemathesis
from django.conf import settings as django_settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi import checks

from config.wsgi import application
from registry import policies, wakeups
from registry.api.docs import document
from registry.models import Role, Scope
from registry.selectors import access
from registry.services.tokens import create_token
from registry.stores import artifact_store
from tests import makers
from tests.api.conftest import Caller

DOCUMENT = document()
schema = schemathesis.openapi.from_dict(DOCUMENT)


def served(environ: dict[str, Any], start: Any) -> list[bytes]:
    """What a server does and this client does not: it closes an answer, and the file of one with it."""
    answer = application(environ, start)
    try:
        return [b"".join(answer)]
    finally:
        answer.close()


schema.app = served
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
GRANTED = tuple(Role)
ALL_ASKED: set[str] = set()


@pytest.fixture(scope="module", autouse=True)
def own_folders(tmp_path_factory):
    """As for every test of the API, but once for all operations."""
    folder = tmp_path_factory.mktemp("schema")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wakeups, "_ring", None)
        patch.setattr(django_settings, "WORK_DIR", folder / "work")
        patch.setattr(django_settings, "STORE", f"file:{folder / 'artifacts'}")
        patch.setattr(django_settings, "WITNESS_FILE", folder / "witness")
        artifact_store.cache_clear()
        yield
    artifact_store.cache_clear()


@pytest.fixture(scope="module")
def one_transaction(django_db_setup, django_db_blocker, own_folders):
    """All operations are asked of the same rows, in one transaction that is taken back at the end.

    Django drops its connection around every request; here that would end the transaction.
    """
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(scope="module")
def place(one_transaction):
    """A model with versions and their bytes, a release that is live and one on its way."""
    makers.environment()
    owner = makers.person("amina", Role.CONTRIBUTOR)
    model = makers.model("digits", owner)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(makers, "artifact", _stored(makers.artifact))
        makers.release(makers.version(model, owner, content=b"one"), "live")
        release = makers.release(makers.version(model, owner, content=b"two"))
    return {
        "model": "digits",
        "number": 1,
        "pk": release.pk,
        "id": release.pk,
        "key": "model",
        "environment": "production",
        "name": "amina",
        "person": "amina",
        "action": "withdraw",
        "slot": "technical",
    }


def _stored(plain: Any) -> Any:
    def made(content: bytes = b"") -> Any:
        row = plain(content)
        artifact_store().put(io.BytesIO(content))
        return row

    return made


@pytest.fixture(scope="module")
def callers(place):
    """Nobody, the first administrator, and of each role a session and a token with all that it may have."""
    found = {"nobody": Caller()}
    root = makers.person("root", admin=True)
    found["root"] = Caller(person=root)
    for role in GRANTED:
        person = makers.person(f"a-{role}", role)
        found[role] = Caller(person=person)
        allowed = access(person)
        scopes = [scope for scope in Scope if not policies.refuse_token(allowed, frozenset({scope}))]
        _, text = create_token("t", owner=person, scopes=scopes, by=person)
        found[f"token of {role}"] = Caller(token=text)
    return {name: _headers(caller) for name, caller in found.items()}


def _headers(caller: Caller) -> dict[str, str]:
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in caller.http.cookies.items())
    plain = {"Accept-Encoding": "identity"}  # this client unpacks nothing
    return caller.headers | plain | ({"Cookie": cookies} if cookies else {})


@schema.parametrize()
@settings(max_examples=2, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_the_document_says(case, callers, place):
    known = {name: place.get(name, value) for name, value in (case.path_parameters or {}).items()}
    everybody = () if case.operation.label in ALL_ASKED else callers
    ALL_ASKED.add(case.operation.label)
    asked = [("root", case.path_parameters), ("root", known), *((name, known) for name in everybody)]
    for name, values in asked:
        case.path_parameters = dict(values or {})
        with transaction.atomic():
            answer = case.call(headers=callers[name])
            transaction.set_rollback(True)
        assert answer.status_code < 500, (name, answer.text)
        case.validate_response(answer, checks=CHECKS)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == ["application/problem+json"]
            assert answer.json()["code"]


def test_every_role_asks_with_a_session_and_with_a_token(callers):
    assert len(callers) == 2 + 2 * len(Role)


def test_the_document_is_the_same_for_whoever_asks_and_made_once(client, monkeypatch):
    monkeypatch.setattr(AutoSchema, "get_operation", lambda *_: pytest.fail("it is made again"))
    answers = [client.get(f"/api/v1/schema{query}") for query in ("", "?version=2")]
    assert [answer.json() for answer in answers] == [DOCUMENT] * 2
    assert {answer["Content-Type"] for answer in answers} == {"application/vnd.oai.openapi+json"}


@pytest.mark.django_db  # a database is made only where some test says that it wants one
def test_every_operation_says_how_it_is_refused():
    for address, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            refused = {status for status in operation["responses"] if status >= "400"}
            public = address.endswith(("/healthz", "/readyz", "/schema"))
            assert public or {"401", "403", "404", "422"} <= refused, (method, address)
            for status in refused - ({"503"} if public else set()):
                content = operation["responses"][status]["content"]
                assert list(content) == ["application/problem+json"], (method, address, status)
                assert content["application/problem+json"]["schema"]["$ref"].endswith("/Problem")


def test_what_is_ended_with_grounds_has_a_body_in_the_document():
    for address in ("/api/v1/people/{name}", "/api/v1/people/{name}/roles"):
        sent = DOCUMENT["paths"][address]["delete"]["requestBody"]["content"]["application/json"]
        assert sent["schema"]["$ref"]
        assert "grounds" in json.dumps(sent["examples"])
    assert "requestBody" not in DOCUMENT["paths"]["/api/v1/tokens/{identifier}"]["delete"]


def test_what_is_sent_has_an_example_that_fits():
    for address, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            for media, body in operation.get("requestBody", {}).get("content", {}).items():
                if media == "application/json":
                    assert body.get("examples"), (method, address)
                    assert json.dumps(body["examples"])


def test_the_document_names_each_shape_once():
    """Two of one name are one in a client that is generated from the document: the wrong one for somebody."""
    GENERATOR_STATS.reset()
    with GENERATOR_STATS.silence():
        SchemaGenerator().get_schema(request=None, public=True)
    said = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
    assert said == []
