"""Writing while the session ends, in a real browser: with a script, without one, and by the back button."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from registry.models import Session
from tests.browser.conftest import findings, troubles
from tests.makers import PASSWORD

WHY = "I have read all of the evidence, and it holds."


def write(page: Page, world) -> None:
    """Fill in the approval as far as the button that signs."""
    page.goto(f"/releases/{world.review.pk}/")
    page.locator('a[href="#sign-approval"]').click()
    dialog = page.locator("#sign-approval")
    dialog.get_by_label("Approve", exact=True).check()
    dialog.get_by_label("On what grounds").fill(WHY)


def sign(page: Page) -> None:
    page.locator("#sign-approval").get_by_role("button", name="Sign", exact=True).click()


def signed(page: Page) -> None:
    expect(page.locator("#slot-approval")).to_contain_text("approved")
    expect(page.locator("#slot-approval")).to_contain_text(WHY)


def test_a_dialog_asks_who_it_is_and_the_words_are_still_there(world, visit):
    page = visit("edda")
    write(page, world)
    Session.objects.all().delete()
    sign(page)
    asked = page.locator("#log-in-again")
    expect(asked.get_by_label("Username")).to_have_value("edda")
    assert troubles(page) == []
    asked.get_by_label("Password").fill("a guess")
    asked.get_by_role("button", name="Log in").click()
    expect(asked.get_by_role("alert")).to_contain_text("do not go together")
    assert findings(page) == []
    asked.get_by_label("Password").fill(PASSWORD)
    asked.get_by_role("button", name="Log in").click()
    expect(asked).to_be_hidden()
    expect(page.locator("#toasts")).to_contain_text("What you wrote is still here")
    expect(page.locator("#sign-approval").get_by_label("On what grounds")).to_have_value(WHY)
    sign(page)
    signed(page)


def test_a_page_that_only_looks_says_that_it_tells_nothing_new(world, visit):
    page = visit("amina")
    page.goto(f"/releases/{world.validating.pk}/")
    Session.objects.all().delete()
    told = page.locator("#logged-out")
    expect(told).to_contain_text("You are not logged in any more")
    assert troubles(page) == []
    told.get_by_role("button", name="Log in again").click()
    page.locator("#log-in-again").get_by_label("Password").fill(PASSWORD)
    page.locator("#log-in-again").get_by_role("button", name="Log in").click()
    expect(told).to_be_hidden()


def test_somebody_else_who_logged_in_meanwhile_gets_a_page_of_their_own(world, visit):
    page = visit("edda")
    write(page, world)
    page.context.clear_cookies(name="session")
    other = page.context.new_page()
    other.goto("/login")
    other.get_by_label("Username").fill("vera")
    other.get_by_label("Password").fill(PASSWORD)
    other.get_by_role("button", name="Log in").click()
    other.wait_for_url("**/")
    sign(page)
    expect(page.locator("#toasts")).to_contain_text("send it again")
    sign(page)
    expect(page.locator("#slot-approval")).not_to_contain_text("approved")
    assert world.review.reviews.filter(slot="approval").count() == 0


def test_an_old_token_is_renewed_and_the_words_are_sent_at_the_second_try(world, visit):
    page = visit("edda")
    write(page, world)
    page.context.clear_cookies(name="csrftoken")
    sign(page)
    expect(page.locator("#toasts")).to_contain_text("What you wrote is still here: send it again")
    expect(page.locator("#sign-approval").get_by_label("On what grounds")).to_have_value(WHY)
    sign(page)
    signed(page)


@pytest.mark.parametrize("lost", ["session", "csrftoken"])
def test_without_a_script_the_words_are_filled_in_again(world, visit, lost):
    page = visit("edda", java_script_enabled=False)
    write(page, world)
    page.context.clear_cookies(name=lost)
    sign(page)
    if lost == "session":
        page.get_by_label("Username").fill("edda")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="go on with it").click()
    dialog = page.locator("#sign-approval")
    expect(dialog.get_by_label("On what grounds")).to_have_value(WHY)
    expect(dialog.get_by_label("Approve", exact=True)).to_be_checked()
    sign(page)
    signed(page)


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_by_the_back_button_one_comes_back_to_what_can_be_sent(world, visit, script):
    page = visit("edda", java_script_enabled=script)
    write(page, world)
    page.goto("/tokens/")
    Session.objects.all().delete()
    page.get_by_role("link", name="Models", exact=True).first.click()
    page.get_by_label("Username").fill("edda")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/")
    page.go_back()
    while "/releases/" not in page.url:
        page.go_back()
    if not page.locator("#sign-approval").is_visible():
        page.locator('a[href="#sign-approval"]').click()
    dialog = page.locator("#sign-approval")
    dialog.get_by_label("Approve", exact=True).check()
    dialog.get_by_label("On what grounds").fill(WHY)
    sign(page)
    signed(page)


def test_a_page_from_before_one_logged_out_asks_who_it_is(world, visit):
    page = visit("edda")
    write(page, world)
    other = page.context.new_page()
    other.goto("/")
    other.locator("details.menu > summary").click()
    other.get_by_role("button", name="Log out").click()
    other.wait_for_url("**/login")
    sign(page)
    page.locator("#log-in-again").get_by_label("Password").fill(PASSWORD)
    page.locator("#log-in-again").get_by_role("button", name="Log in").click()
    expect(page.locator("#sign-approval").get_by_label("On what grounds")).to_have_value(WHY)
    sign(page)
    signed(page)
