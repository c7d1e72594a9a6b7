from __future__ import annotations

import io
import json
from itertools import count
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from registry import wakeups
from registry.models import Role
from registry.services.tokens import create_token
from registry.stores import artifact_store
from tests import makers


class Caller:
    """A client of the API: with a token, with a session (CSRF enforced), or as nobody."""

    def __init__(self, *, token: str = "", person: Any = None) -> None:
        self.http = Client(enforce_csrf_checks=True)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        if person is not None:
            self.http.force_login(person)
            session = self.http.session
            session["authenticated_at"] = 2**40
            session.save()
            self.http.cookies[settings.CSRF_COOKIE_NAME] = self.headers["X-CSRFToken"] = "c" * 32

    def get(self, address: str, query: dict[str, Any] | None = None, **headers: str) -> Any:
        return self.http.get(f"/api/v1{address}", query or {}, headers=self.headers | headers)

    def call(self, method: str, address: str, body: Any = None, **headers: str) -> Any:
        return self.http.generic(
            method.upper(),
            f"/api/v1{address}",
            json.dumps(body) if body is not None else "",
            content_type="application/json",
            headers=self.headers | headers,
        )

    def post(self, address: str, body: Any = None, **headers: str) -> Any:
        return self.call("POST", address, body if body is not None else {}, **headers)

    def upload(self, model: str, form: dict[str, Any], **headers: str) -> Any:
        return self.http.post(f"/api/v1/models/{model}/versions", form, headers=self.headers | headers)


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path, monkeypatch):
    """Uploads of a test lie in its own folder, and no broker waits to be woken."""
    monkeypatch.setattr(wakeups, "_ring", None)
    settings.WORK_DIR = tmp_path / "work"
    settings.STORE = f"file:{tmp_path / 'artifacts'}"
    settings.WITNESS_FILE = tmp_path / "witness"
    artifact_store.cache_clear()
    yield
    artifact_store.cache_clear()


@pytest.fixture
def production(db):
    return makers.environment()


@pytest.fixture
def robot(db):
    """The machine account of CI."""
    return makers.person("robot", Role.CONTRIBUTOR, is_machine=True)


@pytest.fixture
def stored_artifacts(monkeypatch):
    """What the makers of rows name is in the store too."""
    row_only, numbers = makers.artifact, count(1)

    def stored(content: bytes = b"") -> object:
        content = content or f"artifact {next(numbers)}".encode()
        artifact_store().put(io.BytesIO(content))
        return row_only(content)

    monkeypatch.setattr(makers, "artifact", stored)


@pytest.fixture
def token_of(db):
    """Makes a caller with a token of these scopes: a person's own, or what an admin makes for a machine."""

    def make(owner: Any, *scopes: str, models: Any = None) -> Caller:
        by = makers.person("", admin=True) if owner.is_machine else owner
        _, text = create_token("test", owner=owner, scopes=scopes, by=by, models=models)
        return Caller(token=text)

    return make


@pytest.fixture
def ci(robot, token_of):
    """CI with all the scopes that it may have."""
    return token_of(robot, "upload", "read", "release", "feedback", "score")


@pytest.fixture
def amina(db):
    return makers.person("amina", Role.CONTRIBUTOR)


@pytest.fixture
def auditor(db):
    return makers.person("dara", Role.AUDITOR)


@pytest.fixture
def nobody():
    return Caller()


@pytest.fixture
def digits(ci):
    """A registered model, made over REST."""
    answer = ci.post("/models", {"name": "digits", "description": "hand-written", "task": "classification"})
    assert answer.status_code == 201, answer.content
    return "digits"
