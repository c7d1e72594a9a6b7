"""Freezes in real browsers: made, seen before anybody clicks, and overridden by two people."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from releases.models import FreezeOverride, FreezeWindow
from tests.browser.conftest import troubles
from tests.web import staged
from tests.web import world as worlds

WHY = "The year ends and nobody is here to look after it."


def test_pages_about_a_freeze_fit_and_have_no_finding(world, visit):
    moving = staged.build(world)
    chloe = visit("chloe")
    chloe.goto("/freezes/")
    assert troubles(chloe) == []
    make(chloe, minutes="99999")
    expect(chloe.locator("#id_minutes_error")).to_contain_text("which is a week")
    assert troubles(chloe) == []
    make(chloe)
    expect(chloe.get_by_role("row", name="year's end")).to_contain_text("on until")
    for address in (
        "/freezes/",
        "/releases/",
        f"/releases/{moving.release.pk}/",
        f"/rollouts/{moving.rollout.pk}/",
    ):
        chloe.goto(address)
        assert troubles(chloe) == []
    chloe.goto("/freezes/")
    chloe.locator(f"[href='#do-remove-{FreezeWindow.objects.get().pk}']").click()
    expect(chloe.get_by_role("dialog")).to_contain_text("all the same")
    assert troubles(chloe) == []


def make(page, minutes="60"):
    page.goto("/freezes/")
    page.get_by_label("Name", exact=True).fill("year's end")
    page.get_by_label("Again and again: begins").fill("* * * * *")
    page.get_by_label("and lasts so many minutes").fill(minutes)
    page.get_by_label("Time zone of these times").fill("Europe/Vienna")
    page.get_by_label("On what grounds").fill(WHY)
    page.get_by_role("button", name="Make the freeze").click()


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_two_people_let_one_release_through(world, visit, script):
    release = worlds.approved(worlds.version(world.model, world.people, 6), world.people, 0.98, 0.962)
    chloe, edda = (visit(name, java_script_enabled=script) for name in ("chloe", "edda"))
    make(chloe)
    assert FreezeWindow.objects.get().made_by == "person/chloe"
    for page, says in (
        (chloe, "a second person, a release manager or an approver, has to agree"),
        (edda, "Two people have agreed"),
    ):
        page.goto(f"/releases/{release.pk}/")
        expect(page.get_by_text("This environment is frozen by year's end until")).to_be_visible()
        page.locator("[href='#do-override_freeze']").click()
        page.locator("#grounds-override_freeze").fill(WHY)
        typed = page.locator("#typed-override_freeze")
        if typed.count():
            typed.fill("digits")
        page.locator("#do-override_freeze").get_by_role("button", name="Override the freeze").click()
        expect(page.locator("#release-panel")).to_contain_text(says)
    asked = FreezeOverride.objects.get()
    assert (asked.asked_by.username, asked.agreed_by.username) == ("chloe", "edda")
    chloe.goto(f"/releases/{release.pk}/")
    expect(chloe.locator("[href='#do-start_rollout']")).to_be_visible()
