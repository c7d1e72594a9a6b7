"""The nodes page and the traffic on model and release pages, as their readers see them."""

from __future__ import annotations

import re
import time
import uuid

import pytest
import redis

from registry.events import record
from registry.models import Event
from registry.transactions import write
from releases import plans
from releases.events import Kind
from releases.models import Route
from releases.traffic import counters
from tests import makers, spoken
from tests.web import reading
from tests.web.conftest import HTMX

GOOD = {"digits": {"revision": 9, "ready": [1, 2], "loading": [], "failed": {}}}


@pytest.fixture
def place(world, broker):
    """Production, with a Redis that carries what its nodes say."""
    client = redis.Redis.from_url(broker)
    environment = makers.environment()
    environment.name = f"e{uuid.uuid4().hex[:12]}"
    environment.save()
    last = Event.objects.order_by("-seq")[0]
    Route.objects.create(
        model=world.model,
        environment=environment,
        revision=9,
        entry=plans.nothing(revision=9, salt=bytes(16)).to_json(),
        event=last,
    )
    yield client, environment
    client.close()


def words(response) -> str:
    assert response.status_code == 200, response.content
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode()))


def test_each_node_says_what_it_lacks_the_worst_first(place, as_):
    client, environment = place
    broken = {"digits": {"revision": 8, "ready": [1], "loading": [3], "failed": {"2": "no artifact"}}}
    spoken.beat(client, environment.name, "alpha", models=GOOD)
    spoken.beat(client, environment.name, "beta", models=broken, restarts=2)
    spoken.an_hour(client, environment.name, "alpha", {("digits", 2, "champion"): 0.002})
    counters.ingest(environment)
    said = words(as_("vera").get("/nodes/"))

    assert said.index("beta") < said.index("alpha")
    assert "1 of 2 ready" in said
    assert "It could not make a version of digits ready." in said
    assert "Version 2 no artifact" in said
    assert "8 of 9" in said
    assert "2 restarts" in said
    assert "inference failed 1" in said
    assert "The same numbers as a table" in said
    assert words(as_("vera").get("/nodes/?environment=nowhere")).count("alpha") == 0


def test_a_version_that_was_given_up_is_told_wherever_nodes_are(place, as_, world):
    client, environment = place
    trip = {"why": "3 workers died within 2 s", "at": 1.0, "digest": "0" * 64}
    state = {"revision": 9, "ready": [1, 2], "loading": [], "failed": {}, "broken": {"2": trip}}
    spoken.beat(client, environment.name, "alpha", models={"digits": state})

    node = as_("vera").get(f"/api/v1/environments/{environment.name}/nodes").json()["nodes"][0]
    on_page, on_health = words(as_("vera").get("/nodes/")), words(as_("vera").get("/health/"))

    assert node["state"] == "given_up"
    assert "runs version 2 of digits no more" in node["sentence"]
    (model,) = node["models"]
    assert (model["ready"], model["given_up"]) == ([1], {"2": "3 workers died within 2 s"})
    for said in (on_page, on_health):
        assert "gave up a version" in said
        assert "given up" in said
    assert "0 of 1 ready" in on_page


def test_a_foreign_or_newer_node_breaks_no_page(place, as_):
    client, environment = place
    newer = {"digits": {"revision": 9, "ready": [1], "failed": {"latest": "no artifact"}}}
    spoken.beat(client, environment.name, "alpha", models=newer, workers=[{"slot": "first"}])
    client.set(f"assay:{environment.name}:node:stranger", b"\xffhello", ex=60)
    spoken.say(client, environment.name, "later", "[1]")
    spoken.beat(client, environment.name, "gamma", models=GOOD)

    nodes = as_("vera").get(f"/api/v1/environments/{environment.name}/nodes").json()["nodes"]
    on_page, on_health = words(as_("vera").get("/nodes/")), words(as_("vera").get("/health/"))

    assert {node["name"]: node["state"] for node in nodes} == {
        "alpha": "ready", "gamma": "ready", "later": "unreadable", "stranger": "unreadable"
    }  # fmt: skip
    assert "not understood here: models.digits.failed.latest, workers.0.slot" in on_page
    assert "It counts for no release." in on_page
    for said in (on_page, on_health):
        assert "not understood" in said
        assert "gamma" in said


def test_a_live_version_that_a_node_gave_up_is_told_on_its_model_and_by_the_api(world, as_):
    with write():
        event = record(
            Kind.BREAKER_TRIPPED, world.live.subject, actor="system/breaker", model="digits",
            node="alpha", why="3 workers died within 2 s", stays=True, crashes=3, trip="t",
        )  # fmt: skip
        world.live.trips.create(name="t", stays=True, event=event)
    standing = as_("vera").get("/api/v1/environments/production/models/digits").json()

    assert "Given up by node alpha: 3 workers died within 2 s" in words(as_("vera").get("/models/digits/"))
    assert "Given up by node alpha: 3 workers died" in words(as_("vera").get(f"/releases/{world.live.pk}/"))
    assert standing["given_up"] == "Given up by node alpha: 3 workers died within 2 s."


def test_the_part_that_refreshes_comes_alone(place, as_):
    client, environment = place
    spoken.beat(client, environment.name, "alpha")
    html = as_("vera").get("/nodes/", headers=HTMX).content.decode()
    assert "<html" not in html
    assert 'hx-trigger="every 5s"' in html


def test_who_may_not_see_a_model_is_not_told_of_it(place, as_):
    client, environment = place
    failed = {"digits": {"revision": 8, "ready": [], "loading": [], "failed": {"2": "digits is broken"}}}
    spoken.beat(client, environment.name, "alpha", models=failed)
    said = words(as_("nobody").get("/nodes/"))
    assert "a version failed" in said
    assert "digits" not in said


def test_a_long_list_of_nodes_comes_in_pages(place, as_):
    client, environment = place
    for number in range(45):
        spoken.beat(client, environment.name, f"node-{number:02}", models=GOOD)
    viewer = as_("vera")
    pages = [words(viewer.get(f"/nodes/?cursor={cursor}")) for cursor in ("", "20", "40", "nonsense")]
    assert [len(set(re.findall(r"node-\d\d", each))) for each in pages] == [20, 20, 5, 20]
    assert "45 of 45 ready" in pages[2]


def test_without_nodes_and_without_redis_the_page_says_what_to_do(place, as_, settings):
    assert "manage.py serve scoring" in words(as_("vera").get("/nodes/"))
    settings.REDIS_URL = "unix:///nowhere.sock"
    said = words(as_("vera").get("/nodes/"))
    assert "Redis does not answer" in said
    assert "manage.py serve scoring" not in said


def test_model_and_release_say_what_each_version_was_asked(place, world, as_):
    client, environment = place
    cells = {("digits", 2, "champion"): 0.002, ("digits", 3, "canary:0.05"): 0.004}
    spoken.an_hour(client, environment.name, "alpha", cells, busy=20)
    spoken.flush(client, environment.name, "alpha", 61, {("digits", 1, "internal"): [0.1]})
    counters.ingest(environment)
    viewer = as_("vera")

    said = words(viewer.get("/models/digits/"))
    assert "Version 3 canary" in said
    assert "Version 2 champion" in said
    assert "internal" not in said
    html = viewer.get(f"/releases/{world.live.pk}/").content.decode()
    assert "/models/digits/traffic?version=2" in html
    part = words(viewer.get("/models/digits/traffic?version=2"))
    assert "Version 2 champion" in part
    assert "Version 3" not in part


def test_a_gap_is_said_and_the_rest_of_the_line_stays(place, as_):
    client, environment = place
    start = time.time() // 60 * 60
    asked = {("digits", 2, "champion"): [0.002] * 6}
    for sequence, ago in enumerate((50, 49, 20, 19), 1):
        spoken.flush(client, environment.name, "alpha", sequence, asked, at=start - 60 * ago + 5)
    counters.ingest(environment)
    html = as_("vera").get("/models/digits/").content.decode()

    def at(ago):
        return time.strftime("%H:%M", time.gmtime(start - 60 * ago))

    assert f"No requests from {at(48)} to {at(20)}" in html
    assert f"<title>{at(30)}: no requests</title>" in html
    assert re.search(rf"<title>{at(20)}: 2(\.\d)? ms</title>", html)
    assert f"<title>{at(20)}: 6 a minute</title>" in html
    assert "policy: at most 2 ms in the benchmark, any machine" in html
    assert f'<th scope="row" class="nowrap">from {at(48)} to {at(20)}</th>' in html


def test_a_longer_time_is_chosen_in_the_address_and_kept_by_what_refreshes(place, as_):
    client, environment = place
    spoken.flush(
        client, environment.name, "alpha", 1, {("digits", 2, "champion"): [0.002]}, at=time.time() - 7000
    )
    counters.ingest(environment)
    viewer = as_("vera")

    html = viewer.get("/models/digits/?sort=metric").content.decode()
    assert "Nobody asked in the last hour" in html
    assert '<a href="?sort=metric&amp;span=6h#traffic">Show the last 6 hours</a>' in html
    html = viewer.get("/models/digits/?sort=metric&span=6h").content.decode()
    assert '<a href="?sort=metric&amp;span=6h#traffic" aria-current="true">6 hours</a>' in html
    assert html.count("<title>") > 3 * 170
    on = {**HTMX, "HX-Current-URL": "http://testserver/models/digits/?sort=metric&span=90d"}
    part = viewer.get("/models/digits/traffic", headers=on).content.decode()
    assert '<a href="?sort=metric&amp;span=90d#traffic" aria-current="true">90 days</a>' in part
    assert 'hx-trigger="every 60s"' in part
    assert "Nobody asked in the last hour" in words(viewer.get("/models/digits/?span=forever"))


def test_versions_that_went_live_are_marked_with_their_number(place, world, as_):
    client, environment = place
    spoken.flush(client, environment.name, "alpha", 1, {("digits", 2, "champion"): [0.002]})
    counters.ingest(environment)
    html = reading.html(as_("vera").get("/models/digits/?span=24h"))
    assert re.search(r'<text class="c-mark-word"[^>]*>v2</text>', html)
    assert "version 1 live, version 2 live" in html


def test_the_metric_over_versions_is_drawn_with_its_range_and_told_as_a_table(world, as_):
    html = as_("vera").get("/models/digits/").content.decode()
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))
    assert (
        "version 2: accuracy 0.972, 95 % sure between 0.951 and 0.983, claimed 0.966; live in production"
        in said
    )
    assert "Version 4 rejected 0.91 0.884 to 0.921 0.966 0.93 to 1" in said
    assert html.count('class="c-cross"') == 2  # version 4, and the legend
    assert 'href="?upto=' not in html


def test_values_beyond_the_limits_of_an_input_are_shown_where_people_look(place, world, as_):
    client, environment = place
    for sequence, arm in ((1, "champion"), (2, "mirror")):
        cells = {("digits", 2, arm): [0.1] * 4}
        spoken.flush(client, environment.name, "alpha", sequence, cells, beyond={"pixels": (3, 7)})
    counters.ingest(environment)
    viewer = as_("vera")

    for path in ("/models/digits/", f"/releases/{world.live.pk}/"):
        said = words(viewer.get(path))
        assert "Values beyond the limits of an input" in said
        assert "Version 2 pixels 3 of 4 7" in said
    arms = viewer.get("/api/v1/models/digits/traffic").json()["arms"]
    told = next(arm for arm in arms if arm["arm"] == "champion")
    assert told["beyond_limits"] == [{"input": "pixels", "requests": 3, "values": 7}]


def test_where_nobody_asked_the_pages_say_how_to(place, world, as_):
    viewer = as_("vera")
    assert "POST /score/digits" in words(viewer.get("/models/digits/"))
    assert "answers its first client" in words(viewer.get(f"/releases/{world.live.pk}/"))
    assert "Nobody asked" not in words(viewer.get(f"/releases/{world.rejected.pk}/"))


def test_who_answered_in_place_of_a_version_given_up_is_said_in_words(place, as_):
    client, environment = place
    asked = {("digits", 2, "champion"): 0.002, ("digits", 1, "fallback"): 0.003}
    spoken.an_hour(client, environment.name, "alpha", asked)
    counters.ingest(environment)
    said = words(as_("vera").get("/models/digits/"))
    assert re.search(r"Version 1 in place of a version given up \d", said)
    assert re.search(r"Version 2 champion \d", said)
