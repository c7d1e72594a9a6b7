"""After every form the focus is in what came of it, and that is read out."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from registry.models import Person
from releases.models import GateRun
from tests.browser.conftest import findings
from tests.browser.test_policy import HERE, propose

WHY = "It is the one that we have agreed upon."


def told(page: Page, words: str) -> None:
    """A message or a field has the focus, says this, and is announced as it takes the focus."""
    focused = page.locator("main [data-focus]:focus")
    expect(focused).to_contain_text(re.compile(words))
    assert focused.get_attribute("role") in {"status", "alert"}


def token(page: Page, world: Any) -> None:
    page.goto("/tokens/")
    page.locator("#id_name").fill("nightly")
    page.locator("input[name=scopes]").first.check()
    page.get_by_role("button", name="Make the token").click()
    told(page, "once|copy|shown")


def roles(page: Page, world: Any) -> None:
    page.goto("/people/vera/")
    form = page.locator('form[action$="/grant"], form[action*="grant"]').first
    form.locator("textarea").fill(WHY)
    form.get_by_role("button").click()
    told(page, "Granted")
    page.get_by_role("button", name="Make a link").click()
    told(page, "link")


def sessions(page: Page, world: Any) -> None:
    page.goto("/account/")
    page.get_by_label("The password that you have").fill("wrong")
    page.get_by_label("Another one").fill("another horse battery")
    page.get_by_label("Once more").fill("another horse batteries")
    page.get_by_role("button", name="Change it").click()
    expect(page.locator("main [aria-invalid=true]").first).to_be_focused()


def wishes(page: Page, world: Any) -> None:
    page.goto("/account/")
    page.get_by_label("A model that I registered went back").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#told")).to_be_focused()
    expect(page.locator("#toasts")).to_contain_text("From now on you are mailed what is ticked")


def policy(page: Page, world: Any) -> None:
    propose(page)
    told(page, "Proposed")
    page.get_by_role("button", name="Withdraw the proposal").click()
    page.get_by_role("dialog").get_by_label("On what grounds").fill(WHY)
    page.get_by_role("dialog").get_by_role("button", name="Withdraw the proposal").click()
    told(page, "Withdrawn")
    assert page.url.endswith(HERE)


def opened(page: Page, world: Any) -> None:
    page.goto("/models/digits/versions/1/")
    page.locator('[data-dialog="open-release"]').click()
    page.get_by_role("dialog").get_by_role("button", name="Open and submit").click()
    told(page, "handed to its gates")


def again(page: Page, world: Any) -> None:
    run = world.validating.gate_runs.exclude(outcome=GateRun.Outcome.PASSED).first()
    GateRun.objects.filter(pk=run.pk).update(outcome=GateRun.Outcome.ERRORED)
    page.goto(f"/releases/{world.validating.pk}/")
    page.get_by_role("button", name="Run the errored gates again").click()
    expect(page.locator("#standing")).to_be_focused()
    expect(page.locator("#toasts")).to_contain_text("Done.")


def withdrawn(page: Page, world: Any) -> None:
    page.goto(f"/releases/{world.review.pk}/")
    page.locator('[data-dialog="do-withdraw"]').click()
    dialog = page.get_by_role("dialog")
    dialog.locator("textarea").fill(WHY)
    dialog.get_by_role("button", name="Withdraw").click()
    expect(page.locator("#standing")).to_be_focused()
    expect(page.locator("#toasts")).to_contain_text("Done.")


@pytest.mark.parametrize(
    ("person", "deeds"),
    [
        ("admin", [roles, policy]),
        ("chloe", [wishes, sessions, token, opened, again, withdrawn]),
    ],
)
def test_after_every_form_the_focus_is_in_what_came_of_it(world, visit, person, deeds):
    page = visit(person)
    page.set_default_timeout(10_000)
    for deed in deeds:
        deed(page, world)
        assert findings(page) == [], deed.__name__
    assert Person.objects.filter(username=person).exists()
