"""Who asked to retire and what nodes gave up stand in rows, beside their events and filled from them."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps

from registry.events import record
from registry.models import Role
from registry.transactions import write
from releases import selectors
from releases.events import Kind
from releases.lifecycle import State
from releases.models import Release, Trip
from releases.selectors import turns
from releases.services import rollouts
from tests import makers

pytestmark = pytest.mark.django_db
filling = import_module("releases.migrations.0014_asked_and_given_up")


@pytest.fixture
def live():
    return makers.release(makers.version(), State.LIVE)


def tripped(release, **facts):
    return record(
        Kind.BREAKER_TRIPPED, release.subject, actor="system/breaker", node="n1", why="it died", **facts
    )


def test_who_is_to_agree_that_a_model_goes_offline_sees_it_by_the_row_of_the_release(live):
    chloe, edda = makers.person("chloe", Role.RELEASE_MANAGER), makers.person("edda", Role.APPROVER)
    assert turns.awaiting(edda, 10) == ([], False)

    rollouts.retire(live, by=chloe, grounds="nobody asks it any more")

    live.refresh_from_db()
    assert (live.state, live.retire_asked_by) == (State.LIVE, chloe)
    assert turns.awaiting(edda, 10) == ([live], False)
    assert selectors.facts(selectors.release(live.pk, edda)).retire_asked_by == "chloe"


def test_rows_are_filled_from_the_log_that_the_release_before_has_written(live):
    rita = makers.person("rita", Role.RELEASE_MANAGER)
    with write():
        record(Kind.RETIREMENT_ASKED, live.subject, actor=rita.actor)
        tripped(live, trip="n1/b/digits/1/5")
        told = tripped(live, trip="n2/b/digits/1/6", stays=True)
    for _ in range(2):
        filling.fill(apps, None)

    assert Release.objects.get(pk=live.pk).retire_asked_by == rita
    assert [(trip.name, trip.stays) for trip in Trip.objects.order_by("event")] == [
        ("n1/b/digits/1/5", False), ("n2/b/digits/1/6", True)
    ]  # fmt: skip
    assert selectors.given_up(live) == told
