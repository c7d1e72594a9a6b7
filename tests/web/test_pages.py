"""Models, versions, tokens, audit and health as their readers see them."""

from __future__ import annotations

import csv
import io
import json
import time
import uuid

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.keyset import Order, keyset
from registry.models import ApiToken, Event, RegisteredModel
from releases import dataplane
from releases.models import FeedbackBatch, Reward
from scoring.runtime import locales
from tests import makers
from tests.web import reading
from tests.web import world as worlds

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def text(response) -> str:
    return reading.html(response)


def streamed(response) -> str:
    return b"".join(response.streaming_content).decode()


def test_the_list_shows_what_is_live(world, as_):
    html = text(as_("vera").get("/"))
    assert "version 2 in production" in html
    assert "version 5" in html


def test_search_and_tag_narrow_the_list_and_stay_in_the_address(world, as_):
    makers.model("fraud", world.people["amina"], task="fraud detection")
    client = as_("vera")
    assert "/models/fraud/" in text(client.get("/?search=detection"))
    assert "/models/digits/" not in text(client.get("/?search=detection"))
    assert "/models/digits/" in text(client.get("/?tag=team=vision"))
    assert "/models/fraud/" not in text(client.get("/?tag=team=vision"))
    assert "No model matches" in text(client.get("/?search=zzz"))


def test_the_list_pages_by_key_and_its_queries_do_not_grow(world, as_):
    client = as_("vera")
    client.get("/")
    with CaptureQueriesContext(connection) as few:
        client.get("/")
    for number in range(60):
        makers.model(f"model-{number:03}", world.people["amina"])
    first = text(client.get("/"))
    with CaptureQueriesContext(connection) as many:
        client.get("/")
    assert len(many) == len(few)
    seen, address = [], "/"
    for _ in range(4):
        html = text(client.get(address))
        seen += [part.split("/")[0] for part in html.split('class="table__strong" href="/models/')[1:]]
        if 'rel="next"' not in html:
            break
        address = "/" + html.split('rel="next" href="')[1].split('"')[0]
    assert seen == sorted(seen)
    assert len(seen) == len(set(seen)) == 61
    assert 'rel="prev"' not in first
    back = "/" + html.split('rel="prev" href="')[1].split('"')[0]
    assert 'rel="next"' in text(client.get(back))


@pytest.mark.parametrize("cursor", ["", "x", "a", "zzz", "a999999999999999999999999", "a' OR 1=1"])
def test_a_cursor_of_somebody_elses_making_is_harmless(world, cursor):
    page = keyset(RegisteredModel.objects.all(), Order("name"), cursor, 2)
    assert len(page.rows) <= 2
    keyset(Event.objects.all(), Order("seq", descending=True), cursor, 2)


def test_a_nul_is_nobodys_honest_request(world, as_):
    client = as_("chloe")
    for address in (
        "/?search=%00",
        "/?cursor=b%00",
        "/models/%00/",
        "/audit/?kind=%00",
        "/releases/?cursor=a%00",
    ):
        assert client.get(address).status_code in {400, 422}, address
    form = {"slot": "privacy", "verdict": "approve", "grounds": "looked at all of it\x00"}
    assert client.post(f"/releases/{world.review.pk}/reviews", form).status_code == 400


def test_the_model_page_shows_versions_people_and_how_to_ask(world, as_):
    html = text(as_("chloe").get("/models/digits/"))
    for told in (
        "Version 5",
        "rejected",
        "0.978",
        "+0.0060",
        "0.74 ms",
        "technical reviewer",
        "tritonclient",
    ):
        assert told in html, told
    assert f"/releases/{world.live.pk}/#do-roll_back" in html
    assert "#do-roll_back" not in text(as_("vera").get("/models/digits/"))


def test_feedback_is_shown_per_version(world, as_):
    batch = FeedbackBatch.objects.create(node="n", boot="b", sequence=1, items=2, counted=2)
    for number, reward in enumerate((1.0, 0.0)):
        Reward.objects.create(
            request=f"r{number}", model=world.model, version=2, revision=1, scored_at=batch.at, reward=reward
        )
    for path in ("/models/digits/", "/models/digits/versions/2/", f"/releases/{world.live.pk}/"):
        assert "0.5" in text(as_("vera").get(path)), path


def test_the_version_page_shows_the_triple_and_every_fact(world, as_):
    html = text(as_("vera").get("/models/digits/versions/3/"))
    for told in (
        "Training data 3",
        "Extractor 3",
        "Model 3",
        "same as live",
        "8x8 grey image",
        "64 features",
        "s3://lake/digits/train",
        "scikit-learn==1.9.1",
        "print(&quot;shown, never run&quot;)",
        "0.966",
        "hidden_layer_sizes",
        "argmax already taken",
        "Intended use.",
    ):
        assert told in html, told


def test_a_file_is_always_a_download(world, as_):
    response = as_("vera").get("/models/digits/versions/3/files/card")
    assert response["Content-Disposition"] == 'attachment; filename="CARD.md"'
    assert response["Content-Type"] == "application/octet-stream"
    assert streamed(response) == worlds.CARD
    assert as_("vera").get("/models/digits/versions/3/files/nothing").status_code == 404
    assert as_("vera").get("/models/digits/versions/3/files/../../etc").status_code == 404


def test_two_versions_are_compared_fact_by_fact(world, as_):
    html = text(as_("vera").get("/models/digits/compare/?base=2&head=3"))
    assert "LogisticRegression" in html
    assert "MLPClassifier" in html
    assert as_("vera").get("/models/digits/compare/?base=99&head=3").status_code == 404
    assert as_("vera").get("/models/digits/compare/?base=x&head=").status_code == 404
    assert as_("vera").get("/models/digits/compare/?base=&head=").status_code == 200


def test_nothing_that_a_stranger_named_becomes_a_tag(world, as_):
    model = makers.model("hostile", world.people["amina"], description=HOSTILE, task=HOSTILE[:80])
    version = worlds.version(model, world.people, 1, card=HOSTILE)
    manifest = version.manifest | {"training": {"algorithm": HOSTILE, "hyperparameters": {HOSTILE: HOSTILE}}}
    manifest["built"] = {"by": HOSTILE, "repository": HOSTILE, "commit": HOSTILE, "run": HOSTILE}
    manifest["signature"] = {"inputs": {"pixels": {"description": HOSTILE, "unit": HOSTILE}}}
    hostile = worlds.version_with(model, world.people, 2, manifest)
    release = worlds.in_review(hostile, world.people, 0.95, 0.94)
    run = release.gate_runs.get(gate="end_to_end")
    run.summary, run.evidence = HOSTILE, {"rows": 1, "wrong": 1, "failures": [{"row": 0, "got": [HOSTILE]}]}
    with makers.unguarded("releases_gaterun"):
        run.save()
    worlds.sign(release, "technical", world.people["boris"], words=HOSTILE * 2)
    client = as_("chloe")
    for path in ("/", "/models/hostile/", "/models/hostile/versions/1/", "/models/hostile/versions/2/",
                 f"/releases/{release.pk}/", "/releases/", "/models/hostile/compare/?base=1&head=2",
                 "/audit/?actor=" + HOSTILE, "/?search=" + HOSTILE, "/?tag=" + HOSTILE):  # fmt: skip
        html = text(client.get(path))
        assert "<script>alert" not in html, path
        assert "<img src=x" not in html, path


def test_a_token_is_shown_once(world, as_):
    client = as_("amina")
    form = {"name": "nightly", "scopes": ["upload", "score"], "models": ["digits"], "days": "30"}
    made = client.post("/tokens/", form)
    html = text(made)
    secret = html.split('id="secret">')[1].split("<")[0]
    assert secret.startswith("assay_")
    assert made["Cache-Control"] == "no-store"
    token = ApiToken.objects.get(name="nightly")
    assert [m.name for m in token.for_models.all()] == ["digits"]
    assert token.expires_at is not None
    assert secret not in text(client.get("/tokens/"))


def test_a_token_never_says_more_than_its_owner_may(world, as_):
    refused = as_("vera").post("/tokens/", {"name": "sneaky", "scopes": ["upload"], "days": ""})
    assert refused.status_code == 409
    assert "needs an owner with the role contributor" in text(refused)
    empty = as_("vera").post("/tokens/", {"name": "", "days": ""})
    assert empty.status_code == 422
    assert "Choose at least one." in text(empty)
    assert not ApiToken.objects.exists()


def test_a_token_of_somebody_else_is_not_found(world, as_):
    as_("amina").post("/tokens/", {"name": "nightly", "scopes": ["score"], "days": "7"})
    token = ApiToken.objects.get()
    assert as_("chloe").post(f"/tokens/{token.pk}/revoke").status_code == 404
    assert as_("amina").post(f"/tokens/{token.pk}/revoke").status_code == 302
    token.refresh_from_db()
    assert token.revoked_at is not None
    assert "revoked" in text(as_("amina").get("/tokens/"))


def test_the_log_is_searched_by_kind_subject_actor_and_time(world, as_):
    client = as_("dara")
    assert text(client.get("/audit/?kind=review.*")).count('id="event-') == 9
    assert text(client.get(f"/audit/?subject=release/{world.rejected.pk}")).count('id="event-') == 3
    assert "No event matches" in text(client.get("/audit/?until=2001-01-01T00:00"))
    assert "No event matches" not in text(client.get("/audit/?since=2001-01-01T00:00"))
    assert client.get("/audit/?since=soon").status_code == 422
    assert text(client.get("/audit/?seq=1")).count('id="event-') == 1


def test_the_log_pages_backwards_through_all_of_it(world, as_):
    client, seen, address = as_("dara"), [], "/audit/"
    while address:
        html = text(client.get(address))
        seen += [int(part.split('"')[0]) for part in html.split('id="event-')[1:]]
        more = 'rel="next" href="' in html
        address = "/audit/" + html.split('rel="next" href="')[1].split('"')[0] if more else ""
    assert seen == list(range(Event.objects.count(), 0, -1))


def test_the_chain_is_verified_by_a_button_and_a_forged_line_is_named(world, as_, settings, tmp_path):
    settings.WITNESS_FILE = tmp_path / "heads.log"
    makers.witness_sees_head()
    client = as_("dara")
    assert "The chain is broken" not in text(client.get("/audit/verify"))
    assert text(client.get("/audit/verify", headers={"HX-Request": "true"})).startswith('<div id="chain">')
    with connection.cursor() as cursor:
        on_table = "" if connection.vendor == "sqlite" else " ON registry_event"
        cursor.execute(f"DROP TRIGGER registry_event_no_update{on_table}")
        cursor.execute("UPDATE registry_event SET actor = 'person/mallory' WHERE seq = 7")
    assert "The chain is broken at event 7" in text(client.get("/audit/verify"))


def test_the_page_says_what_the_chain_does_not_show(world, as_):
    html = text(as_("dara").get("/audit/"))
    assert "What it does not show" in html
    assert "keep a copy of the head digest elsewhere" in html


def test_the_export_is_what_was_searched_for_and_no_formula(world, as_):
    client = as_("dara")
    rows = list(csv.reader(io.StringIO(streamed(client.get("/audit/export?format=csv&kind=review.*")))))
    assert rows[0][:3] == ["seq", "at", "kind"]
    assert len(rows) == 10
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    lines = streamed(client.get("/audit/export?format=jsonl")).splitlines()
    assert len(lines) == Event.objects.count()
    assert json.loads(json.loads(lines[0])["payload"])["kind"] == Event.objects.first().kind


def test_a_contributor_sees_only_the_events_of_their_models(world, as_):
    makers.model("secret", makers.person("other", "contributor"))
    html = text(as_("amina").get("/audit/?kind=person.*"))
    assert "No event matches" in html


def test_health_says_who_else_lives_on_this_redis(world, as_, settings, redis_url):
    settings.REDIS_URL = f"{redis_url}?db=8"
    other = uuid.uuid4().hex
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        dataplane.say_here(client, other, time.time())
        html = text(as_("vera").get("/health/"))
        client.zrem("assay:installations", other)
    assert "Another installation" in html
    assert "by REDIS_URL" in html
    assert "Another installation" not in text(as_("vera").get("/health/"))


def test_health_says_whether_the_case_of_texts_can_be_changed(world, as_, monkeypatch):
    for there, words in (
        (True, "change the case of texts by en_US.UTF-8"),
        (False, "apt-get install locales"),
    ):
        monkeypatch.setattr(locales, "has", lambda name=locales.LOCALE, there=there: there)
        assert words in text(as_("vera").get("/health/"))


def test_health_names_what_is_down_without_falling(world, as_):
    html = text(as_("vera").get("/health/"))
    assert "Valkey / Redis" in html
    assert "No scoring node has spoken" in html
    assert "Witness" in html
