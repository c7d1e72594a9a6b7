"""Full and read-only disks beneath the pages: a sentence instead of a fault, and reading goes on."""

from __future__ import annotations

import pytest

from registry.models import Event, Person, Session
from tests.disks import full_database, read_only_database
from tests.makers import PASSWORD

pytestmark = pytest.mark.django_db


def said(response, status, words):
    assert response.status_code == status
    text = response.content.decode()
    assert "This is our trouble" in text
    assert words in text
    assert response.headers["Retry-After"] == "60"


def test_a_page_is_read_while_the_database_takes_no_writes(world, as_):
    client = as_("boris")

    with read_only_database():
        response = client.get("/")

    assert response.status_code == 200


def test_logging_in_says_that_the_database_takes_no_writes(world, as_):
    client = as_("", raise_request_exception=False)
    before = Session.objects.count()

    with read_only_database():
        response = client.post("/login", {"username": "boris", "password": PASSWORD})

    said(response, 503, "The database takes no writes: nothing was changed.")
    assert Session.objects.count() == before
    assert client.post("/login", {"username": "boris", "password": PASSWORD}).status_code == 302


def test_a_button_says_that_the_database_has_no_room_and_changes_nothing(world, as_):
    client = as_("admin", raise_request_exception=False)
    before = Event.objects.count()

    with full_database():
        response = client.post("/people/boris/deactivate", {"grounds": "x" * 4_000})
    said(response, 507, "The database has no room left on its disk: nothing was changed.")

    assert Event.objects.count() == before
    assert Person.objects.get(username="boris").is_active


def test_an_account_is_made_with_its_link_or_not_at_all(world, as_):
    client = as_("admin", raise_request_exception=False)

    with read_only_database():
        response = client.post("/people/new", {"name": "nora"})

    said(response, 503, "The database takes no writes: nothing was changed.")
    assert not Person.objects.filter(username="nora").exists()
