"""Which queue a request waits in: by what its view does, and by whether its sender is known."""

from __future__ import annotations

import pytest
from django.test import Client
from uvicorn.importer import import_from_string

from config import asgi
from config.local import processes
from config.serving import hybrid
from registry.services.tokens import create_token
from tests import makers


@pytest.fixture
def one_connection(db, monkeypatch):
    """A test has one connection for all threads, which must outlive the question."""
    monkeypatch.setattr(asgi, "close_old_connections", lambda: None)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/api/v1/models/m/versions", hybrid.INSPECTS),
        ("GET", "/api/v1/models/m/versions", hybrid.ANSWERS),
        ("GET", "/api/v1/releases/1/gates", hybrid.WAITS),
        ("POST", "/login", hybrid.ANSWERS),
        ("GET", "/healthz", hybrid.LIVES),
        ("HEAD", "/api/v1/healthz", hybrid.LIVES),
        ("POST", "/healthz", hybrid.ANSWERS),
        ("GET", "/readyz", hybrid.READY),
        ("GET", "/no/such/address", hybrid.ANSWERS),
    ],
)
def test_the_view_says_which_queue(method, path, expected):
    assert asgi.kind(method, path) == expected


def test_an_upload_is_answered_apart_from_pages():
    """The web server is told so by name."""
    command = processes.web()
    named = import_from_string(command[command.index("--apart") + 1])
    assert named("POST", "/api/v1/models/m/versions")
    assert not named("GET", "/api/v1/models/m/versions")
    assert not named("POST", "/login")


def test_a_token_makes_known_while_it_is_good(one_connection):
    amina = makers.person("amina", "contributor")
    row, secret = create_token("ci", owner=amina, by=amina, scopes=["upload"])
    shown = asgi.credential({"authorization": f"bearer {secret} "})
    assert asgi.whose(shown)
    assert not asgi.whose(asgi.credential({"authorization": f"Bearer {secret}x"}))
    row.owner.is_active = False
    row.owner.save()
    assert not asgi.whose(shown)


def test_a_session_makes_known_who_is_logged_in(one_connection):
    client = Client()
    client.force_login(makers.person("edda"))
    key = client.cookies["session"].value
    shown = asgi.credential({"cookie": f"theme=dark; session={key}"})
    assert shown == key
    assert asgi.whose(shown)
    client.post("/logout")
    assert not asgi.whose(shown)
    assert not asgi.whose("made-up")


def test_all_tokens_and_sessions_of_a_person_are_one_person(one_connection):
    """Else a second token would be a second share of the threads."""
    amina, edda = makers.person("amina", "contributor"), makers.person("edda", "contributor")
    secrets = [create_token("ci", owner=who, by=who, scopes=["upload"])[1] for who in (amina, amina, edda)]
    client = Client()
    client.force_login(amina)
    shown = [f"Bearer {secret}" for secret in secrets] + [client.cookies["session"].value]
    found = [asgi.whose(asgi.credential({"authorization": each})) for each in shown[:3]]
    found.append(asgi.whose(shown[3]))
    assert found[0] == found[1] == found[3] != found[2]


@pytest.mark.parametrize("headers", [{}, {"cookie": "csrftoken=x"}, {"authorization": "Basic eDp5"}])
def test_who_shows_nothing_of_ours_is_a_stranger(headers):
    assert asgi.credential(headers) == ""
