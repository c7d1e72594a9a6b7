"""Lists and searches cost as many queries for much as for little, as pages and over REST."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmarks.pages import MACHINE, pages
from benchmarks.registry_rows import Scale, seed
from registry.models import Event, LogHead, ModelVersion, Person, RegisteredModel
from registry.services.tokens import create_token
from releases.models import GateRun, Release, Review, Route
from releases.web.inbox import waiting

pytestmark = pytest.mark.django_db
SMALL, LARGER = Scale(60, 40, rewards=2, minutes=1), Scale(120, 80, rewards=9, minutes=3)


def costs(scale: Scale) -> dict[str, int]:
    """Queries of each list and search in a registry of this size, which is gone afterwards."""
    found, clients = {}, {}
    with transaction.atomic():
        seed(scale)
        for page in pages(scale.models, scale.versions):
            client = clients.setdefault(page.who, _client(page.who))
            client.get(page.address)
            with CaptureQueriesContext(connection) as asked:
                response = client.get(page.address)
            assert response.status_code == 200, page.address
            found[f"{page.who}: {page.name}"] = len(asked)
        for who in clients.keys() - {MACHINE}:
            with CaptureQueriesContext(connection) as asked:
                waiting(Person.objects.get(username=who))
            found[f"{who}: what waits, which pages find again"] = len(asked)
        transaction.set_rollback(True)
    return found


def _client(who: str) -> Client:
    if who != MACHINE:
        client = Client()
        client.force_login(Person.objects.get(username=who))
        return client
    dara = Person.objects.get(username="dara")
    _, text = create_token("bench", owner=dara, by=dara, scopes=["audit-read"])
    return Client(headers={"Authorization": f"Bearer {text}"})


def test_lists_and_searches_cost_as_many_queries_for_much_as_for_little():
    few, many = costs(SMALL), costs(LARGER)
    assert {name: (few[name], many[name]) for name in few if many[name] > few[name]} == {}
    assert max(many.values()) < 50


def test_what_the_benchmark_fills_a_registry_with_holds_together():
    seed(SMALL)
    connection.check_constraints()
    assert RegisteredModel.objects.count() == 60
    assert ModelVersion.objects.count() == 60 * 40
    assert Release.objects.filter(state="live").count() == 60
    assert GateRun.objects.count() == 5 * Release.objects.count() == 5 * 60 * 20
    last = RegisteredModel.objects.get(pk=60)
    assert {r.version.model_id for r in last.releases.all()} == {60}
    assert {r.release.model_id for r in last.rollouts.all()} == {60}
    assert {r.event.model for r in Route.objects.filter(model=last)} == {last.name}
    mine = Event.objects.filter(model=last.name)
    assert {e.subject for e in mine.filter(kind="release.opened")} == {r.subject for r in last.releases.all()}
    assert mine.filter(subject=f"version/{last.name}/7").exists()
    assert Review.objects.values("release__model").distinct().count() == 60
    assert LogHead.objects.get().seq == Event.objects.latest("seq").seq
