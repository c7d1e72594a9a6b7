"""Logging in, and typing the password again."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client, RequestFactory

from registry.services import attempts
from registry.services.tokens import create_token
from registry.web import devices
from tests import makers
from tests.makers import PASSWORD
from tests.web import reading


@pytest.fixture
def edda(db):
    return makers.person("edda")


def log_in(name: str = "edda", password: str = PASSWORD, **more: str):
    client = Client()
    return client, client.post("/login", {"username": name, "password": password, **more})


def test_the_right_password_opens_the_door(edda):
    client, response = log_in(next="/releases/?state=open")
    assert response["Location"] == "/releases/?state=open"
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    "away", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_the_door_leads_nowhere_else(edda, away):
    client, response = log_in(next=away)
    assert response["Location"] == "/"
    assert client.post("/theme", {"theme": "dark", "next": away})["Location"] == "/"
    assert client.post("/reauthenticate", {"password": PASSWORD, "next": away})["Location"] == "/"
    assert away not in client.get("/reauthenticate", {"next": away}).content.decode()


def test_an_unknown_name_and_a_wrong_password_get_the_same_sentence(edda):
    _, wrong = log_in(password="guess")
    _, unknown = log_in(name="nobody", password="guess")
    sentence = "This name and this password do not go together."
    assert wrong.status_code == unknown.status_code == 422
    assert sentence in wrong.content.decode()
    assert sentence in unknown.content.decode()


def test_guessing_is_stopped_also_for_the_right_password(edda):
    for _ in range(attempts.PER_PERSON_AND_ADDRESS):
        log_in(password="guess")
    _, response = log_in()
    assert response.status_code == 429
    assert response["Retry-After"] == str(attempts.WINDOW_S)
    assert "Wait five minutes" in response.content.decode()


def test_guessing_from_one_address_locks_nobody_out_elsewhere(edda):
    for _ in range(3 * attempts.PER_PERSON):
        attempts.take(attempts.limits("edda", "192.0.2.1", ""))
    assert log_in()[1].status_code == 302
    assert attempts.take(attempts.limits("dev", "192.0.2.1", "")), "nor anybody else there"


def test_all_addresses_of_an_ipv6_network_count_as_one(edda):
    allowed = [attempts.take(attempts.limits("edda", f"2001:db8::{n:x}", "")) for n in range(1, 40)]
    assert allowed.count(True) == attempts.PER_PERSON_AND_ADDRESS


def test_guessing_many_names_from_one_address_is_stopped(edda):
    for number in range(attempts.PER_ADDRESS):
        attempts.take(attempts.limits(f"name{number}", "127.0.0.1", ""))
    _, response = log_in()
    assert response.status_code == 429


def test_counting_is_the_databases_and_begins_again_after_a_while(edda, monkeypatch):
    """No process remembers anything of its own: a restart and another process see the same counts."""
    now = [1_000_000.0]
    monkeypatch.setattr(attempts.time, "time", lambda: now[0])
    for _ in range(attempts.PER_PERSON_AND_ADDRESS + 3):
        log_in(password="guess")
        now[0] += 1
    cache.clear()
    assert log_in()[1].status_code == 429
    now[0] = 1_000_000.0 + attempts.WINDOW_S - 1
    assert log_in()[1].status_code == 429
    now[0] += 2
    assert log_in()[1].status_code == 302


def test_tries_at_the_same_time_find_no_gap(edda):
    limits = attempts.limits("edda", "192.0.2.1", "")
    allowed = [attempts.take(limits) for _ in range(20)]
    assert allowed.count(True) == attempts.PER_PERSON_AND_ADDRESS


def test_guessing_one_name_from_many_addresses_is_stopped(edda):
    for number in range(attempts.PER_PERSON):
        attempts.take(attempts.limits("edda", f"192.0.2.{number}", ""))
    assert log_in()[1].status_code == 429


def test_a_stranger_keeps_nobody_out_who_has_logged_in_on_this_browser_before(edda):
    client, _ = log_in()
    client.post("/logout")
    for number in range(attempts.PER_PERSON):
        attempts.take(attempts.limits("edda", f"192.0.2.{number}", ""))
    for _ in range(attempts.PER_PERSON_AND_ADDRESS):
        log_in(password="guess")
    credentials = {"username": "edda", "password": PASSWORD}
    assert Client().post("/login", credentials).status_code == 429
    assert client.post("/login", credentials).status_code == 302
    client.post("/logout")
    for _ in range(attempts.PER_DEVICE):
        client.post("/login", credentials | {"password": "guess"})
    assert client.post("/login", credentials).status_code == 429


def test_a_browser_is_known_for_one_person_and_by_our_own_hand(edda):
    makers.person("dev")
    client, _ = log_in()
    request = RequestFactory().get("/")
    request.COOKIES = {devices.COOKIE: client.cookies[devices.COOKIE].value}
    assert devices.device(request, "EDDA")
    assert not devices.device(request, "dev")
    request.COOKIES[devices.COOKIE] += "x"
    assert not devices.device(request, "edda")


def test_the_right_password_ends_the_count(edda):
    for _ in range(attempts.PER_PERSON_AND_ADDRESS - 1):
        log_in(password="guess")
    assert log_in()[1].status_code == 302
    log_in(password="guess")
    assert log_in()[1].status_code == 302


def test_a_machine_cannot_log_in(db):
    makers.person("robot", is_machine=True)
    _, response = log_in("robot")
    assert response.status_code == 422
    assert "Machine accounts use tokens" in response.content.decode()


def test_a_token_opens_no_page(world):
    _, secret = create_token("ci", owner=world.people["amina"], by=world.people["amina"], scopes=["upload"])
    response = Client(headers={"Authorization": f"Bearer {secret}"}).get("/releases/")
    assert response.status_code == 302


def test_logging_out_is_a_button(edda):
    client, _ = log_in()
    assert client.get("/logout").status_code == 405
    assert client.post("/logout").status_code == 302
    assert client.get("/").status_code == 302


def test_the_password_again_opens_the_way_and_a_wrong_one_does_not(edda):
    client, _ = log_in()
    client.session.flush()
    client.force_login(edda)
    wrong = client.post("/reauthenticate", {"password": "guess", "next": "/releases/"})
    assert wrong.status_code == 422
    assert "authenticated_at" not in client.session
    right = client.post("/reauthenticate", {"password": PASSWORD, "next": "/releases/"})
    assert right["Location"] == "/releases/"
    assert client.session["authenticated_at"] > 0


def test_guessing_the_password_again_is_stopped_as_well(edda):
    client, _ = log_in()
    for _ in range(attempts.PER_PERSON_AND_ADDRESS):
        client.post("/reauthenticate", {"password": "guess"})
    assert "Wait five minutes" in client.post("/reauthenticate", {"password": PASSWORD}).content.decode()


def test_the_theme_is_kept_and_rendered_by_the_server(edda):
    client, _ = log_in()
    response = client.post("/theme", {"theme": "dark", "next": "/tokens/"})
    assert response["Location"] == "/tokens/"
    assert '<html lang="en" data-theme="dark">' in reading.html(client.get("/tokens/"))
    client.post("/theme", {"theme": '"><script>'})
    assert '<html lang="en" data-theme="dark">' in reading.html(client.get("/tokens/"))
