"""Accounts in real browsers: they fit, they have no finding, and words go with and without a script."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from registry.models import Event
from tests.browser.conftest import troubles

WHY = "She has asked us to, by letter."


def test_accounts_fit_and_have_no_finding(world, visit):
    admin = visit("admin")
    for address in ("/account/", "/people/", "/people/?search=nobody-at-all", "/people/vera/"):
        admin.goto(address)
        assert troubles(admin) == []
    for opener in ("deactivate", "erase"):
        admin.goto("/people/vera/")
        admin.locator(f'a[href="#{opener}"]').click()
        expect(admin.get_by_role("dialog")).to_be_visible()
        assert troubles(admin) == []


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_words_are_erased_and_an_account_ends_with_and_without_a_script(world, visit, script):
    admin = visit("admin", java_script_enabled=script)
    for verb, button in (("erase", "Erase for good"), ("deactivate", "Take it out of use")):
        admin.goto("/people/vera/")
        admin.locator(f'a[href="#{verb}"]').click()
        admin.locator(f"#grounds-{verb}").fill(WHY)
        admin.locator(f"#typed-{verb}").fill("vera")
        admin.get_by_role("button", name=button, exact=True).click()
        expect(admin.get_by_role("heading", name="vera", exact=True)).to_be_visible()
    expect(admin.get_by_text("out of use", exact=True)).to_be_visible()
    kinds = set(Event.objects.filter(subject="person/vera").values_list("kind", flat=True))
    assert {"grounds.erased", "person.deactivated"} <= kinds
