"""What an open page tells by itself: the number of what waits, and that something is new."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from registry.models import Event
from registry.transactions import write
from releases.services import telling
from tests import makers
from tests.browser.conftest import findings
from tests.servers import wait_until


def test_what_waits_and_what_is_new_move_without_loading_and_take_no_focus(world, visit):
    page = visit("edda")
    page.clock.install()
    page.goto("/")
    wait_until(lambda: "mark" in page.evaluate("JSON.stringify(localStorage)"), "the first answer", 10)
    page.locator("#search").focus()
    before = page.locator("[data-waiting]").inner_text()
    assert page.title().startswith(f"({before}) ")
    with write():
        release = makers.release(makers.version(world.model, world.people["amina"]))
    tell_all()
    page.clock.fast_forward(31_000)
    expect(page.locator("#new")).to_have_text(re.compile("[0-9]+ new"))
    expect(page.locator("[data-waiting]")).to_have_text(str(int(before) + 1))
    assert page.title().startswith(f"({int(before) + 1}) ")
    assert page.evaluate("document.activeElement.id") == "search"
    assert findings(page) == []
    page.locator("#new a").click()
    expect(page.locator("#news")).to_contain_text(f"version {release.version.number}")
    expect(page.locator("#new")).to_have_text("")
    page.goto("/")
    expect(page.locator("#new")).to_have_text("")


def test_a_first_question_that_was_cut_off_is_asked_by_the_next_page(world, visit):
    page = visit("edda")
    wait_until(lambda: "mark" in page.evaluate("JSON.stringify(localStorage)"), "the first answer", 10)
    page.route("**/news?**", lambda _: None)  # from here on no question is answered
    page.evaluate("localStorage.clear()")
    with page.expect_request("**/news?**"):
        page.goto("/nodes/")
    with page.expect_request("**/news?**", timeout=5000):
        page.goto("/models/")


def test_a_page_that_nobody_looks_at_asks_for_nothing(world, visit):
    page = visit("edda")
    page.clock.install()
    page.goto("/releases/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/news" in request.url else None)
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.clock.fast_forward(95_000)
    assert asked == []
    page.evaluate("Object.defineProperty(document, 'hidden', {value: false, configurable: true})")
    with page.expect_request("**/news?**"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def tell_all() -> None:
    for event in Event.objects.all():
        if telling.concerns(event):
            telling.tell(event)
