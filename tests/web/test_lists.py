"""Lists are filtered, ordered and counted in the address, and read in both directions."""

from __future__ import annotations

import re

import pytest
from django.db import connection

from registry.keyset import Order, keyset
from registry.models import Person, RegisteredModel, Role
from registry.services import people
from releases.models import Release
from releases.selectors import lists
from tests import makers
from tests.web import reading

pytestmark = pytest.mark.django_db


def text(response) -> str:
    assert response.status_code == 200, response.content.decode()[:400]
    return reading.html(response)


def named(html: str, path: str) -> list[str]:
    return re.findall(rf'class="table__strong" href="{path}([^"/]+)/"', html)


def viewer_of(model: RegisteredModel) -> Person:
    nora = makers.person("nora")
    people.grant(nora, Role.VIEWER, model=model)
    return nora


def versions(client, query: str) -> list[int]:
    html = text(client.get(f"/models/digits/?{query}")).split('<section class="card" id="versions"')[1]
    return [int(n) for n in named(html, "/models/digits/versions/")]


def releases(client, query: str) -> list[int]:
    html = text(client.get(f"/releases/?{query}")).split('<section class="card" id="all-releases"')[1]
    before = Release.objects.earliest("pk").pk - 1  # PostgreSQL goes on counting where a test ended
    return [int(n) - before for n in named(html, "/releases/")]


def test_versions_are_ordered_by_their_metric_and_the_unmeasured_come_last_both_ways(world, as_):
    client = as_("vera")
    assert versions(client, "") == [5, 4, 3, 2, 1]
    assert versions(client, "sort=number") == [1, 2, 3, 4, 5]
    assert versions(client, "sort=-metric") == [3, 2, 1, 4, 5]
    assert versions(client, "sort=metric") == [4, 1, 2, 3, 5]


def test_versions_are_found_by_state_author_and_metric(world, as_):
    client = as_("vera")
    assert versions(client, "state=live") == [2]
    assert versions(client, "state=open") == [5, 3]
    assert versions(client, "state=none") == []
    assert versions(client, "author=amina&state=rejected") == [4]
    assert versions(client, "metric_from=0.96&metric_to=0.975") == [2]
    assert versions(client, "metric_to=0.92") == [4]


def test_releases_are_found_by_state_model_environment_and_who_opened_them(world, as_):
    assert releases(as_("vera"), "") == [5, 4, 3, 2, 1]
    assert releases(as_("vera"), "state=live") == [2]
    assert releases(as_("vera"), "state=open&environment=production&model=digits") == [5, 3]
    assert releases(as_("vera"), "model=none") == []
    assert releases(as_("vera"), "mine=on") == []
    assert releases(as_("amina"), "mine=on&state=superseded") == [1]


def test_models_are_found_by_state_owner_task_and_ordered_by_their_last_release(world, as_):
    makers.model("letters", makers.person("carl", Role.CONTRIBUTOR), task="ranking")
    client = as_("vera")

    def found(query: str) -> list[str]:
        return named(text(client.get(f"/?{query}")), "/models/")

    assert found("") == ["digits", "letters"]
    assert found("sort=-name") == ["letters", "digits"]
    assert found("sort=last") == ["letters", "digits"]
    assert found("sort=-last") == ["digits", "letters"]
    assert found("state=live") == found("task=classification") == found("owner=amina") == ["digits"]
    assert found("state=none") == found("task=ranking") == found("owner=carl") == ["letters"]
    assert found("search=digit&owner=carl") == []


def test_a_list_says_how_many_and_at_least_how_many_where_nobody_counts_on(world, as_, monkeypatch):
    client = as_("vera")
    assert "5 versions" in text(client.get("/models/digits/"))
    assert "1 release of this kind" in text(client.get("/releases/?state=live"))
    monkeypatch.setattr(lists, "MOST", 3)
    assert "at least 3 releases" in text(client.get("/releases/"))


def test_only_what_the_reader_may_see_is_listed_and_offered(world, as_):
    hidden = makers.model("unseen", makers.person("hugo", Role.CONTRIBUTOR), task="secret task")
    nora = viewer_of(world.model)
    client = as_("nora")
    html = text(client.get("/?state=none"))
    assert "unseen" not in html
    assert "secret task" not in html
    assert "hugo" not in html
    assert not lists.models(nora, lists.ModelsWanted()).filter(pk=hidden.pk)


@pytest.mark.parametrize("query", ["owner=somebody", "state=lively", "sort=size", "task=x"])
def test_what_cannot_be_asked_is_told_beside_its_field(world, as_, query):
    response = as_("vera").get(f"/?{query}")
    assert response.status_code == 422
    assert "field__error" in response.content.decode()


def test_a_list_by_a_column_with_equal_values_is_read_to_its_end_and_back():
    amina = makers.person("amina", Role.CONTRIBUTOR)
    for number in range(11):
        makers.model(f"m{number:02}", amina, task="ab"[number % 2])
    rows = RegisteredModel.objects.all()
    for order in (Order("task", unique=False), Order("task", descending=True, unique=False)):
        whole = [m.pk for m in keyset(rows, order, "", 50).rows]
        seen, cursor, pages = [], "", []
        while True:
            page = keyset(rows, order, cursor, 4)
            seen += [m.pk for m in page.rows]
            pages.append([m.pk for m in page.rows])
            if not page.next:
                break
            cursor = page.next
        assert seen == whole
        assert len(set(whole)) == 11
        back = keyset(rows, order, page.previous, 4)
        assert [m.pk for m in back.rows] == pages[-2]
        assert keyset(rows, order, back.previous, 4).previous == ""


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"state": "live"},
        {"environment": "production"},
        {"environment": "production", "state": "superseded"},
        {"model": "digits"},
        {"model": "digits", "state": "live"},
        {"opened_by": True},
        {"opened_by": True, "state": "live"},
    ],
)
def test_releases_are_read_by_an_index_in_the_order_of_the_list(world, wanted):
    if connection.vendor != "sqlite":
        pytest.skip("a planner that knows the table is small reads all of it")
    asker = world.people["vera"]
    if wanted.get("opened_by"):
        wanted = wanted | {"opened_by": world.people["amina"]}
    rows = lists.releases(asker, lists.ReleasesWanted(**wanted)).values_list("pk", flat=True)
    plan = rows.order_by("-pk")[:26].explain()
    assert "TEMP B-TREE" not in plan, plan
    assert "SCAN releases_release" not in plan or not wanted, plan


def test_what_is_on_its_way_is_found_by_an_index_of_nothing_else(world):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite uses an index with a condition only where the query spells it out")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # the table is small, and known to be
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    rows = lists.releases(world.people["vera"], lists.ReleasesWanted(state="open"))
    plan = rows.order_by("pk").values_list("pk", flat=True)[:26].explain()
    assert "releases_on_their_way" in plan, plan
    assert "Sort" not in plan, plan


def test_releases_of_few_models_are_listed_for_who_sees_only_those(world):
    nora = viewer_of(makers.model("letters"))
    assert not lists.releases(nora, lists.ReleasesWanted(state="live")).exists()
    assert Release.objects.filter(state="live").exists()


def test_models_stand_where_people_look_for_their_name(world, as_, settings):
    carl = makers.person("carl", Role.CONTRIBUTOR)
    for slug, title in (("zz-1", "Apples"), ("aa-2", "éclairs"), ("mm-3", "Credit"), ("beta", None)):
        RegisteredModel.objects.filter(pk=makers.model(slug, carl).pk).update(title=title)
    called = ["Apples", "beta", "Credit", "digits", "éclairs"]
    page = text(as_("vera").get("/"))
    assert re.findall(r'class="table__strong"[^>]*>([^<]+)</a>', page) == called
    seen, address = [], "/api/v1/models?sort=-name&page_size=2"
    while address:
        part = as_("vera").get(address).json()
        seen += [model["name"] for model in part["results"]]
        address = part["next"]
    assert seen == called[::-1]


def test_models_are_read_by_an_index_in_the_order_of_their_names(world):
    rows = lists.models(world.people["vera"], lists.ModelsWanted())
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # the table is small, and known to be
    order = lists.usual(lists.MODEL_ORDERS)
    page = keyset(rows, order, "a0.d", 2)
    assert [model.name for model in page.rows] == ["digits"]
    plan = rows.filter(called_as__gte="d").order_by("called_as", "pk").values_list("pk")[:3].explain()
    assert "models_as_called" in plan, plan
    assert "B-TREE" not in plan, plan
    assert "Sort" not in plan, plan


def test_a_cursor_tells_nothing_of_a_row_that_its_writer_may_not_see(world):
    hidden = makers.model("unseen")
    RegisteredModel.objects.filter(pk=hidden.pk).update(title="Aardvark")
    rows = lists.models(viewer_of(world.model), lists.ModelsWanted())
    by_key = keyset(rows, lists.usual(lists.MODEL_ORDERS), f"a{hidden.pk}", 2)
    assert [model.name for model in by_key.rows] == ["digits"]
