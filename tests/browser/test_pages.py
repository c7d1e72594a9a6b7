"""Every page in a real browser: it fits, it can be read, it complains about nothing."""

from __future__ import annotations

import re
import uuid
from contextlib import closing

import pytest
import redis
from playwright.sync_api import expect

from registry.models import ApiToken, Event
from releases import dataplane, plans
from releases.models import Route
from releases.traffic import counters
from tests import makers, spoken
from tests.browser.conftest import troubles
from tests.makers import PASSWORD
from tests.web import world as worlds


def addresses(world: worlds.World) -> list[str]:
    releases = (world.live, world.review, world.rejected, world.validating)
    return [
        "/",
        "/?search=nothing",
        "/?state=live&sort=-last",
        "/search/?q=digits",
        "/releases/?state=open",
        "/models/digits/",
        "/models/digits/compare/?base=2&head=3",
        "/models/digits/versions/3/",
        "/releases/",
        *(f"/releases/{release.pk}/" for release in releases),
        "/audit/?kind=review",
        "/tokens/",
        "/health/",
        "/nodes/",
        "/reauthenticate",
        "/models/none/",
    ]


def test_every_page_fits_its_window_and_has_no_axe_finding(world, visit):
    page = visit("chloe")
    for address in addresses(world):
        page.goto(address)
        page.evaluate("document.fonts.ready.then(() => null)")
        assert troubles(page) == []


@pytest.fixture
def asked(world, redis_url, settings):
    """Nodes in every state, and an hour of requests."""
    settings.REDIS_URL = redis_url
    dataplane.client.cache_clear()
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
    with closing(redis.Redis.from_url(redis_url)) as client:
        good = {"digits": {"revision": 9, "ready": [1, 2], "loading": [3], "failed": {}}}
        broken = {"digits": {"revision": 8, "ready": [1], "loading": [], "failed": {"2": "no artifact"}}}
        spoken.beat(client, environment.name, "scoring-eu-1", models=good)
        spoken.beat(client, environment.name, "scoring-eu-2", models=broken, restarts=2)
        spoken.beat(client, environment.name, "scoring-us-1", models=good, ago=25)
        cells = {("digits", 2, "champion"): 0.0021, ("digits", 3, "canary:0.05"): 0.0034}
        spoken.an_hour(client, environment.name, "scoring-eu-1", cells)
    counters.ingest(environment)
    yield
    dataplane.client.cache_clear()


def test_nodes_and_traffic_fit_and_have_no_finding(world, asked, visit):
    page = visit("chloe")
    for address in ("/nodes/", "/models/digits/", f"/releases/{world.live.pk}/"):
        page.goto(address)
        expect(page.get_by_role("slider", name="Requests").first).to_be_visible()
        assert troubles(page) == []


def test_nodes_are_told_anew_by_themselves(world, asked, visit, redis_url):
    page = visit("vera")
    page.goto("/nodes/")
    expect(page.locator(".node", has_text="scoring-us-1").locator(".chip")).to_contain_text("late")
    environment = makers.Environment.objects.get(name__startswith="e")
    with closing(redis.Redis.from_url(redis_url)) as client:
        good = {"digits": {"revision": 9, "ready": [1, 2], "loading": [], "failed": {}}}
        spoken.beat(client, environment.name, "scoring-us-1", models=good)
    expect(page.locator(".node", has_text="scoring-us-1").locator(".chip")).to_contain_text(
        "ready", timeout=12_000
    )


def test_what_opens_on_a_page_has_no_finding_either(world, visit):
    page = visit("chloe")
    page.goto(f"/releases/{world.review.pk}/")
    page.get_by_role("button", name="Sign the privacy review").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert troubles(page) == []
    page.keyboard.press("Escape")
    page.locator("details.menu > summary").click()
    assert troubles(page) == []
    for fold in page.locator("details.evidence").all():
        if fold.get_attribute("open") is None:
            fold.locator("> summary").click()
    assert troubles(page) == []


def test_the_theme_is_chosen_kept_and_never_flashes(world, visit):
    page = visit("vera", scheme="light")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.locator("details.menu > summary").click()
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_the_keyboard_alone_reaches_a_signature(world, visit):
    page = visit("edda")
    page.goto(f"/releases/{world.review.pk}/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    opener = page.get_by_role("button", name="Sign the approval review")
    for _ in range(60):
        page.keyboard.press("Tab")
        if opener.evaluate("node => node === document.activeElement"):
            break
    page.keyboard.press("Space")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_a_slash_goes_to_the_search(world, visit):
    page = visit("vera")
    page.keyboard.press("/")
    page.keyboard.type("digits")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?q=digits")


def test_the_search_box_opens_by_its_keys_is_walked_by_arrows_and_gives_the_focus_back(world, visit):
    page = visit("vera")
    link = page.get_by_role("link", name="Nodes")
    link.focus()
    page.keyboard.press("Control+k")
    page.keyboard.type("digits")
    first = page.locator("#palette-found a").first
    expect(first).to_be_visible()
    expect(page.locator("#palette-count")).to_have_text("2 found")
    page.keyboard.press("ArrowDown")
    expect(first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#palette-words")).to_be_focused()
    page.keyboard.press("Escape")
    expect(link).to_be_focused()


def test_a_refusal_comes_back_in_place_with_what_was_written(world, visit):
    page = visit("edda")
    page.goto(f"/releases/{world.review.pk}/")
    page.get_by_role("button", name="Sign the approval review").click()
    page.get_by_label("Approve", exact=True).check()
    page.get_by_label("On what grounds").fill("ok")
    page.evaluate("document.querySelectorAll('textarea').forEach(area => area.removeAttribute('minlength'))")
    page.get_by_role("button", name="Sign", exact=True).click()
    told = page.get_by_role("alert")
    expect(told).to_contain_text("Say on what grounds")
    expect(told).to_be_focused()
    page.get_by_role("button", name="Go on with what you wrote").click()
    expect(page.get_by_label("On what grounds")).to_have_value("ok")


def test_a_proof_moves_on_the_page_by_itself_and_then_rests(world, visit):
    page = visit("amina")
    page.goto(f"/releases/{world.validating.pk}/")
    page.locator("#gate-schema > summary").click()
    worlds.errored(world.validating)
    expect(page.get_by_role("heading", name=re.compile("ended in an error of ours"))).to_be_visible()
    expect(page.locator("#gate-schema")).to_have_attribute("open", "")
    for run in world.validating.gate_runs.filter(outcome="errored"):
        worlds.finish(run, "failed", "too slow", {})
    worlds.conclude(world.validating)
    expect(page.locator("h1 + .chip")).to_contain_text("rejected")
    expect(page.locator("#release-panel")).not_to_have_attribute("hx-trigger", "every 1s")


def test_news_does_not_swallow_what_somebody_is_typing(world, visit):
    page = visit("chloe")
    page.goto(f"/releases/{world.validating.pk}/")
    page.get_by_role("button", name="Withdraw").click()
    page.get_by_label("Why").fill("a typo in the data")
    with page.expect_response(lambda answer: "panel?seen=" in answer.url and answer.status == 200):
        worlds.errored(world.validating)
    expect(page.get_by_label("Why")).to_have_value("a typo in the data")
    page.get_by_role("dialog").get_by_role("button", name="Withdraw").click()
    expect(page.locator("h1 + .chip")).to_contain_text("withdrawn")


def test_rolling_back_in_production_waits_for_the_models_name(world, visit):
    page = visit("chloe")
    page.goto("/models/digits/")
    page.get_by_role("link", name="Roll back").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    button = dialog.get_by_role("button", name="Roll back")
    expect(button).to_be_disabled()
    dialog.get_by_label("Type").fill("digit")
    expect(button).to_be_disabled()
    dialog.get_by_label("Type").fill("digits")
    expect(button).to_be_enabled()


def test_an_old_log_in_types_its_password_and_goes_on_where_it_was(world, visit, settings):
    page = visit("edda")
    page.goto(f"/releases/{world.review.pk}/")
    settings.REAUTHENTICATE_AFTER_S = -1
    page.get_by_role("button", name="Sign the approval review").click()
    page.get_by_label("Approve", exact=True).check()
    page.get_by_label("On what grounds").fill("I have read all of the evidence.")
    page.get_by_role("button", name="Sign", exact=True).click()
    page.wait_for_url("**/reauthenticate?next=**")
    settings.REAUTHENTICATE_AFTER_S = 3600
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="go on with it").click()
    expect(page.get_by_label("On what grounds")).to_have_value("I have read all of the evidence.")
    page.get_by_role("button", name="Sign", exact=True).click()
    expect(page.locator("#slot-approval")).to_contain_text("approved")


def test_a_token_is_made_copied_and_revoked(world, visit):
    page = visit("amina", permissions=["clipboard-read", "clipboard-write"])
    page.goto("/tokens/")
    page.get_by_label("What it is for").fill("nightly")
    page.get_by_label("score: ask").check()
    page.get_by_role("button", name="Make the token").click()
    secret = page.locator("#secret").inner_text()
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    page.get_by_role("button", name="Revoke nightly").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("Token “nightly” is revoked.")).to_be_visible()
    assert ApiToken.objects.get(name="nightly").revoked_at is not None


def test_the_chain_is_verified_in_place(world, visit):
    page = visit("dara")
    page.goto("/audit/")
    page.get_by_role("link", name="Verify the chain now").click()
    # The gates of this world have never run; that the log of a real journey holds is seen by the demo.
    expect(page.get_by_text("has passed, and no event says so").first).to_be_visible()
    assert page.url.endswith("/audit/")


def test_everything_works_without_javascript(world, visit):
    page = visit("edda", java_script_enabled=False)
    page.goto(f"/releases/{world.review.pk}/")
    page.get_by_label("Sign the approval review").click()
    dialog = page.locator("#sign-approval")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Approve", exact=True).check()
    dialog.get_by_label("On what grounds").fill("I have read all of the evidence.")
    dialog.get_by_role("button", name="Sign", exact=True).click()
    expect(page.locator("#slot-approval")).to_contain_text("approved")
    page.locator("details.menu > summary").click()
    page.get_by_role("button", name="Dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.locator("details.menu > summary").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")


def test_times_are_told_as_people_tell_them(world, visit):
    page = visit("vera")
    page.goto("/releases/")
    told = page.locator("time").first
    expect(told).to_have_text(re.compile("just now|ago"))
    assert re.fullmatch(r"\d+ \w+ \d{4} \d\d:\d\d UTC", told.get_attribute("title") or "")


def test_after_a_signature_the_focus_stays_in_the_panel_and_the_change_is_announced(world, visit):
    page = visit("edda")
    page.goto(f"/releases/{world.review.pk}/")
    page.locator('a[data-dialog="sign-approval"]').first.click()
    page.get_by_label("Approve").check()
    page.get_by_label("On what grounds").fill("Looked at all of the evidence.")
    page.get_by_role("button", name="Sign", exact=True).click()
    said = page.locator("#standing")
    expect(said).to_be_focused()
    expect(said).to_contain_text("2 of 4 signatures are missing")
    expect(page.locator("#toasts")).to_contain_text("Done. Proven.")


@pytest.mark.parametrize("width", [390, 1280])
def test_every_part_of_the_navigation_can_be_seen(world, visit, width):
    page = visit("chloe", width)
    page.goto("/")
    for link in page.locator(".nav a").all():
        box = link.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
