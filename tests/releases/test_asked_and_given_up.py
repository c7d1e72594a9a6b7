"""Who asked to retire, what nodes gave up, which signatures are asked for and since when something was live
stand in rows, beside policies and events and filled from them."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps

from registry.events import record
from registry.models import Event, Role
from registry.transactions import write
from releases import selectors
from releases.events import Kind
from releases.lifecycle import Action, State
from releases.models import AskedSlot, Release, Trip
from releases.selectors import turns
from releases.services import rollouts
from releases.services.transitions import advance
from tests import makers

pytestmark = pytest.mark.django_db
filling = import_module("releases.migrations.0014_asked_and_given_up")
columns = import_module("releases.migrations.0026_asked_for_and_live_before")


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


def test_only_those_whose_signature_the_frozen_policy_asks_for_are_waited_for():
    release = makers.release(makers.version(makers.model(policy={"slots": ["technical", "approval"]})))
    people = {role: makers.person("", role) for role in (Role.TECHNICAL, Role.PRIVACY)}
    assert [turns.awaiting(who, 10)[0] for who in people.values()] == [[release], []]


def test_when_it_was_live_is_kept_once_it_is_so_no_more(live):
    assert live.was_live_since is None
    began = Release.objects.get(pk=live.pk).state_since

    advance(live, Action.SUPERSEDE, actor="system/test")
    assert Release.objects.get(pk=live.pk).was_live_since == began
    advance(live, Action.RESTORE, actor="system/test")
    again = Release.objects.get(pk=live.pk).state_since
    advance(live, Action.ROLL_BACK, actor="system/test")
    assert Release.objects.get(pk=live.pk).was_live_since == again


def test_columns_are_filled_from_policies_and_log_of_the_release_before(monkeypatch):
    monkeypatch.setattr(columns, "BATCH", 1)
    review = makers.release(makers.version())
    gone, other = (makers.release(makers.version(review.model), environment=name, state=State.ROLLING_OUT)
                   for name in ("a", "b"))  # fmt: skip
    advance(gone, Action.PROMOTE, actor="system/test")
    for release in (gone, other):
        advance(release, Action.ROLL_BACK, actor="system/test")
    asked = set(review.asked_slots.values_list("slot", flat=True))
    Release.objects.update(was_live_since=None)
    AskedSlot.objects.all().delete()
    for _ in range(2):
        columns.fill(apps, None)

    assert set(review.asked_slots.values_list("slot", flat=True)) == asked == set(review.policy["slots"])
    told = dict(Event.objects.filter(kind="release.live").values_list("subject", "at"))
    assert Release.objects.get(pk=gone.pk).was_live_since == told[gone.subject]
    assert Release.objects.get(pk=other.pk).was_live_since is None
