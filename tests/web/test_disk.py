"""Full and read-only disks beneath the pages: a sentence instead of a fault, and reading goes on."""

from __future__ import annotations

import pytest

from registry.models import Event, Person, Session
from tests.disks import MIB, full_database, read_only_database, small_disk
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


@pytest.mark.django_db(transaction=True)
def test_a_button_says_that_the_database_has_no_room_and_changes_nothing(world, as_):
    client = as_("admin", raise_request_exception=False)
    before = Event.objects.count()

    with full_database():
        response = client.post("/people/boris/deactivate", {"typed": "boris", "grounds": "x" * 9_000})
    said(response, 507, "The database has no room left on its disk: nothing was changed.")

    assert Event.objects.count() == before
    assert Person.objects.get(username="boris").is_active


def test_an_account_is_made_with_its_link_or_not_at_all(world, as_):
    client = as_("admin", raise_request_exception=False)

    with read_only_database():
        response = client.post("/people/new", {"name": "nora"})

    said(response, 503, "The database takes no writes: nothing was changed.")
    assert not Person.objects.filter(username="nora").exists()


@pytest.fixture
def small(tmp_path):
    with small_disk(tmp_path / "small") as made:
        yield made


def test_the_health_page_tells_of_a_disk_before_it_is_full_and_when_it_is(world, as_, settings, small):
    client = as_("dara")
    settings.WITNESS_FILE = small.path / "witness" / "heads.log"
    settings.DISK_FLOOR_BYTES = 6 * MIB

    def shown():
        return " ".join(client.get("/health/").content.decode().split())

    well = shown()
    small.fill(but=5 * MIB)
    low = shown()
    small.fill()
    full = shown()
    with small.read_only():
        closed = shown()

    assert "GiB are free wherever we write" in well or "The disk of the witness has 8 MiB left." in well
    assert "The disk of the witness has 5 MiB left." in low
    assert "nearly full" in low
    assert "The disk of the witness is full." in full
    assert "The disk of the witness is read-only." in closed
