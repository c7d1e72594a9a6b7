"""The release page: what stands in the way, who may remove it, and what a refusal looks like."""

from __future__ import annotations

import time

import pytest

from releases.services import gating, reviews
from releases.web import inbox
from tests import makers
from tests.makers import PASSWORD
from tests.web import reading
from tests.web import world as worlds
from tests.web.conftest import HTMX

WORDS = "Looked at the evidence and the card; both hold."


def page(client, release) -> str:
    return reading.html(client.get(f"/releases/{release.pk}/"))


def sign(client, release, slot="approval", verdict="approve", grounds=WORDS, **more):
    form = {"slot": slot, "verdict": verdict, "grounds": grounds}
    return client.post(f"/releases/{release.pk}/reviews", form, **more)


def grow_old(client) -> None:
    """The password was typed too long ago."""
    session = client.session
    session["authenticated_at"] = time.time() - 100_000
    session.save()


def test_it_says_what_is_missing_and_who_can_do_it(world, as_):
    html = page(as_("chloe"), world.review)
    assert "Proven. 3 of 4 signatures are missing before production." in html
    assert "The privacy review: you can sign it" in html
    assert "The approval review: edda can sign it" in html


def test_nobody_is_offered_a_signature_that_would_be_refused(world, as_):
    assert 'id="sign-approval"' in page(as_("edda"), world.review)
    for name in ("amina", "boris", "dara", "vera", "admin"):
        html = page(as_(name), world.review)
        assert 'id="sign-' not in html, name
        assert "Not you:" in html, name


def test_the_uploader_is_told_that_it_needs_someone_else(world, as_):
    assert "it needs someone else" in page(as_("amina"), world.review)


def test_the_last_signature_approves(world, as_):
    for name, slot in (("chloe", "privacy"), ("dev", "security"), ("edda", "approval")):
        response = sign(as_(name), world.review, slot)
        assert response.status_code == 302
    world.review.refresh_from_db()
    assert world.review.state == "approved"
    html = page(as_("chloe"), world.review)
    assert "nothing stands between this and production" in html
    assert WORDS in html
    assert 'id="do-start_rollout"' in html
    assert 'id="do-start_rollout"' not in page(as_("edda"), world.review)
    assert "This needs the role release manager." in page(as_("edda"), world.review)


def test_htmx_gets_the_panel_alone(world, as_):
    response = sign(as_("edda"), world.review, headers=HTMX)
    html = reading.html(response)
    assert response.status_code == 200
    assert html.startswith('<div id="release-panel"')
    assert "2 of 4" in html


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_a_refusal_is_the_same_page_with_the_reason_and_keeps_what_was_written(world, as_, headers):
    response = sign(as_("boris"), world.review, "privacy", headers=headers)
    html = response.content.decode()
    assert response.status_code == 409
    assert "The privacy review needs the role privacy reviewer." in html
    assert ("<html" in html) == (not headers)
    short = sign(as_("edda"), world.review, grounds="ok, fine", headers=headers)
    assert short.status_code == 422
    assert ">ok, fine</textarea>" in short.content.decode()
    assert "Go on with what you wrote" in short.content.decode()


def test_an_old_log_in_types_the_password_again_and_loses_nothing(world, as_):
    client = as_("edda")
    grow_old(client)
    response = sign(client, world.review)
    back = f"/releases/{world.review.pk}/"
    assert response["Location"] == f"/reauthenticate?next={back}"
    assert world.review.reviews.count() == 1
    client.post("/reauthenticate", {"password": PASSWORD, "next": back})
    html = client.get(back).content.decode()
    assert f">{WORDS}</textarea>" in html
    assert "What you wrote is kept" in html
    assert f">{WORDS}</textarea>" not in client.get(back).content.decode(), "it is handed out once"
    assert sign(client, world.review).status_code == 302
    assert world.review.reviews.count() == 2


def test_an_old_log_in_is_sent_away_by_htmx_too(world, as_):
    client = as_("edda")
    grow_old(client)
    response = sign(client, world.review, headers=HTMX)
    assert response.status_code == 204
    assert response["HX-Redirect"].startswith("/reauthenticate?next=/releases/")


def test_rolling_back_waits_for_no_password_but_for_the_models_name(world, as_):
    client = as_("chloe")
    grow_old(client)
    address = f"/releases/{world.live.pk}/actions/roll_back"
    wrong = client.post(address, {"grounds": "errors", "typed": "digit"})
    assert wrong.status_code == 422
    assert "Type the model&#x27;s name, digits" in wrong.content.decode()
    world.live.refresh_from_db()
    assert world.live.state == "live"


def test_starting_a_rollout_takes_a_fresh_password(world, as_):
    for name, slot in (("chloe", "privacy"), ("dev", "security"), ("edda", "approval")):
        worlds.sign(world.review, slot, world.people[name])
    client = as_("chloe")
    grow_old(client)
    address = f"/releases/{world.review.pk}/actions/start_rollout"
    assert client.post(address)["Location"].startswith("/reauthenticate")
    client.post("/reauthenticate", {"password": PASSWORD})
    assert client.post(address).status_code == 302
    html = page(client, world.review)
    assert "On its way to production: preparing" in html
    assert 'hx-trigger="every 1s"' in html


def test_an_action_that_the_law_does_not_know_is_not_found(world, as_):
    for name in ("approve", "pass_gates", "delete", "__class__"):
        assert as_("chloe").post(f"/releases/{world.review.pk}/actions/{name}").status_code == 404


def test_an_action_out_of_turn_is_refused_with_what_would_be_possible(world, as_):
    response = as_("chloe").post(f"/releases/{world.review.pk}/actions/start_rollout")
    assert response.status_code == 409
    assert "cannot start rollout" in response.content.decode()


def test_a_moving_release_refreshes_itself_and_a_settled_one_does_not(world, as_):
    client = as_("chloe")
    assert 'hx-trigger="every 1s"' in page(client, world.validating)
    assert 'hx-trigger="every' not in page(client, world.review)
    assert 'hx-trigger="every' not in page(client, world.rejected)


def test_the_refresh_is_empty_until_something_has_changed(world, as_):
    client, release = as_("chloe"), world.validating
    html = page(client, release)
    seen = html.split("panel?seen=")[1].split('"')[0]
    address = f"/releases/{release.pk}/panel?seen={seen}"
    assert client.get(address, headers=HTMX).status_code == 204
    worlds.errored(release)
    changed = client.get(address, headers=HTMX)
    assert changed.status_code == 200
    assert "A gate ended in an error of ours" in changed.content.decode()


def test_an_errored_gate_is_run_again_by_a_button(world, as_):
    worlds.errored(world.validating)
    client = as_("chloe")
    assert "Run the errored gates again" in page(client, world.validating)
    assert "Run the errored gates again" not in page(as_("vera"), world.validating)
    assert client.post(f"/releases/{world.validating.pk}/retry").status_code == 302
    assert world.validating.gate_runs.filter(outcome="errored").count() == 0


def test_the_rows_that_failed_are_shown_with_what_was_expected(world, as_):
    html = page(as_("amina"), world.rejected)
    assert "This version can never be served: upload one that is mended." in html
    assert "8 is not 3" in html
    assert '<details class="fold evidence" id="gate-end_to_end" open>' in html


def test_a_version_that_failed_a_data_gate_has_no_button_and_says_why(world, as_):
    address = f"/models/{world.rejected.model.name}/versions/{world.rejected.version.number}"
    html = as_("amina").get(f"{address}/").content.decode()
    assert f"failed the end to end gate in release {world.rejected.pk}: it can never be served" in html
    assert "Upload a version that is mended" in html
    assert "Open a release" not in html
    forced = as_("amina").post(f"{address}/releases", {"environment": "production"})
    assert forced.status_code == 409
    assert "it can never be served" in forced.content.decode()


def test_what_changed_against_the_live_version_is_shown(world, as_):
    html = page(as_("edda"), world.review)
    assert "What changed against the live version 2" in html
    assert "LogisticRegression" in html
    assert "MLPClassifier" in html
    assert "What changed against the live version" not in page(as_("edda"), world.live)


def test_a_rollout_that_went_back_says_why_and_where_it_stopped(world, as_):
    why = "node-1 could not load version 3: out of memory"
    makers.rollout(world.review, world.live, phase="reverting", turned_in="preparing", reason=why)
    html = page(as_("chloe"), world.review)
    assert "It goes back: node-1 could not load version 3: out of memory" in html
    assert "step--failed" in html


def test_a_signature_for_other_evidence_is_shown_as_such_and_does_not_count(world, as_):
    run = world.review.gate_runs.get(gate="benchmark")
    run.evidence = {"p99_ms": 9.0}
    with makers.unguarded("releases_gaterun"):
        run.save()
    world.review.evidence_digest = gating.evidence_digest(world.review, list(world.review.gate_runs.all()))
    world.review.save()
    html = page(as_("chloe"), world.review)
    assert "for evidence that has changed since" in html
    assert "4 of 4 signatures are missing" in html


def test_the_inbox_shows_each_what_they_can_do(world, as_):
    def waiting(name: str) -> str:
        return as_(name).get("/releases/").content.decode().split("All releases")[0]

    assert "sign the privacy review" in waiting("chloe")
    assert "sign the approval review" in waiting("edda")
    assert "Nothing waits for you" in waiting("boris")
    assert "Nothing waits for you" in waiting("vera")
    assert " waiting for you</span>" in waiting("edda")


def test_what_waits_is_looked_for_again_when_something_has_happened_and_not_before(world, as_, monkeypatch):
    looked = []
    monkeypatch.setattr(inbox, "waiting", lambda person: looked.append(person) or inbox.Inbox([]))
    dev, chloe = as_("dev"), as_("chloe")
    for _ in range(2):
        dev.get("/nodes/")
        chloe.get("/nodes/")
    assert [person.username for person in looked] == ["dev", "chloe"]

    reviews.give_review(
        world.review,
        slot="security",
        verdict="approve",
        grounds=WORDS,
        by=world.people["dev"],
    )
    dev.get("/nodes/")
    chloe.get("/nodes/")
    assert [person.username for person in looked] == ["dev", "chloe"] * 2


def test_the_inbox_can_leave_out_what_is_done(world, as_):
    everything = as_("dara").get("/releases/").content.decode()
    on_their_way = as_("dara").get("/releases/?state=open").content.decode()
    assert f"/releases/{world.live.pk}/" in everything
    assert f"/releases/{world.live.pk}/" not in on_their_way
    assert f"/releases/{world.review.pk}/" in on_their_way


def test_an_exchanged_set_is_said_before_any_figure(world, as_):
    html = page(as_("vera"), world.review)
    told = html.index("The end-to-end set is another one")
    assert told < html.index('aria-label="Gates"')
    assert "exchanged" in html[html.index('id="changed"') :]
    assert "The confidence set is another one" not in html


def test_the_comparison_page_says_of_the_facts_what_the_release_page_says(world, as_):
    start, end = '<table class="table table--plain table--dense table--stack diff">', "</table>"

    def table(html):
        return html[html.index(start) : html.index(end, html.index(start))]

    there = reading.html(as_("vera").get("/models/digits/compare/?base=2&head=3"))
    assert table(there) == table(page(as_("vera"), world.review))


def test_the_strip_says_what_a_passed_gate_does_not_show(world, as_):
    run = world.review.gate_runs.get(gate="benchmark")
    run.evidence["warm_up"] = {"steady": False, "queries": 9, "seconds": 1.0}
    with makers.unguarded("releases_gaterun"):
        run.save()
    html = page(as_("vera"), world.review)
    strip = html[html.index('aria-label="Gates"') : html.index('id="evidence"')]
    assert "Never became steady" in strip
    assert "Better not shown" in strip


def test_the_timeline_names_people_as_the_log_does(world, as_):
    amina = world.people["amina"]
    amina.first_name, amina.last_name = "Amina", "Okafor"
    amina.save()
    html = page(as_("vera"), world.review)
    assert "Amina Okafor" in html[html.index('id="timeline"') :]


def test_it_is_held_against_the_first_version_too(world, as_):
    html = page(as_("vera"), world.review)
    told = html[html.index('id="first"') :]
    assert "Against the first version 1" in told
    there = reading.html(as_("vera").get("/models/digits/compare/?base=1&head=3"))
    line = there[there.index('id="verdict"') :].partition(">")[2].partition("</h2>")[0]
    assert line in told, "as the comparison in full says"
    assert 'href="/models/digits/compare/?base=1&amp;head=3"' in told
    assert "Against the first version 1" in page(as_("vera"), world.live)
    assert 'id="first"' not in page(as_("vera"), world.validating), "nothing is proven yet"
    assert "With the first version" in reading.html(as_("vera").get("/models/digits/compare/?base=2&head=3"))
    assert "With the first version" not in there
