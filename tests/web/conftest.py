"""A small world and people who look at it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.test import Client

from releases.web import inbox
from tests import databases
from tests.makers import PASSWORD
from tests.web import world as worlds


@pytest.fixture(autouse=True)
def _witness_of_its_own(settings, tmp_path):
    """What a test has committed before, the log of this one has never seen."""
    settings.WITNESS_FILE = tmp_path / "witness"


@pytest.fixture(autouse=True)
def _forgotten():
    """Failed log-ins; and what was found under the head of a log that each of these worlds begins with."""
    cache.clear()
    inbox._found.clear()
    yield
    cache.clear()


@pytest.fixture
def world(db) -> worlds.World:
    return databases.built(worlds.build)


@pytest.fixture
def as_(world) -> Callable[..., Client]:
    """A client logged in, by the log-in page, as one of the world's people."""

    def log_in(name: str, **facts) -> Client:
        client = Client(**facts)
        if name:
            response = Client.post(client, "/login", {"username": name, "password": PASSWORD})
            assert response.status_code == 302, response.content
        return client

    return log_in


HTMX = {"HX-Request": "true"}
