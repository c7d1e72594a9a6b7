"""A rollout in a browser: it can be read at any width, and what is renewed takes nothing from its reader."""

from __future__ import annotations

from math import log

import pytest

from releases.rollout.strategies.base import Aim, Finding
from tests.browser.conftest import troubles
from tests.web import hostile as hostiles
from tests.web import staged
from tests.web import test_changed_answers as changed_answers


@pytest.fixture
def moving(world):
    made = staged.build(world, stage=2)
    staged.pairs(made, 3_000, 20, 1, 1)
    staged.answered(made, 2, (1_200, 22_000), (2, 3))
    staged.points(made)
    return made


@pytest.fixture
def measuring(world):
    """A bandit whose answers are paired: every part of the page has something to show."""
    made = staged.build(world, kind="bandit", stage=1, metrics=[{"name": "bought", "direction": "higher"}])
    told = {(kind, arm, about, 0): 4_000 for arm in (2, 6) for kind, about in (("seen", 0), ("paired", 6))}
    staged.counted(made, 1, told | {("differed", arm, 6, 0): 400 for arm in (2, 6)})
    staged.bought(made, 1, (4_000, 4_000), (1_300, 1_200))
    staged.bought(made, 1, (400, 400), (280, 120), changed=True)
    staged.points(made, effects={"bought/6": {"plain": [0.05, -0.02, 0.12], "overall": [0.03, 0.01, 0.05]}})
    return made


def renew(page) -> None:
    """As when the server tells that there is something new."""
    with page.expect_response("**/panel?*"):
        page.evaluate("htmx.trigger('[data-live]', 'changed')")
    page.wait_for_timeout(100)


def test_the_page_can_be_read_by_everybody_whatever_is_written_in_it(visit, moving):
    evidence = (Finding("6", "errors", Aim.SAFE, log(40), log(61), log(100)),)
    staged.proposal(moving, "move", hostiles.MARKUP, evidence)
    for text in hostiles.TEXTS:
        staged.decision(moving.rollout, "hold", text)
    page = visit("chloe")
    for address in (f"/rollouts/{moving.rollout.pk}/", f"/releases/{moving.release.pk}/"):
        page.goto(address)
        for fold in page.locator("details[id]").all():
            fold.evaluate("fold => { fold.open = true }")
        assert troubles(page) == []


def test_what_is_measured_can_be_read_by_everybody(visit, measuring):
    page = visit("vera")
    page.goto(f"/rollouts/{measuring.rollout.pk}/")
    for fold in page.locator("details[id]").all():
        fold.evaluate("fold => { fold.open = true }")
    assert troubles(page) == []
    drawing = page.locator("#plot-shares")
    drawing.focus()
    page.keyboard.press("Home")
    assert "version 6 0 %" in drawing.get_attribute("aria-valuetext")


def test_changed_answers_can_be_read_by_everybody(visit, moving):
    changed_answers.logged(moving, {1: (0.25, 0.75)}, said=hostiles.MARKUP)
    page = visit("chloe")
    page.goto(f"/rollouts/{moving.rollout.pk}/answers")
    assert page.get_by_text("differs").count() == 1
    assert troubles(page) == []


def test_what_is_renewed_keeps_focus_and_folds_and_waits_for_whoever_is_writing(visit, moving):
    page = visit("chloe")
    page.goto(f"/rollouts/{moving.rollout.pk}/")
    decisions = page.locator("#decisions .timeline__item")
    before = decisions.count()
    page.locator("#numbers-for-6 summary").click()
    staged.decision(moving.rollout, "hold", "looked")
    renew(page)
    assert decisions.count() == before + 1
    assert page.locator("#numbers-for-6").get_attribute("open") is not None
    assert page.evaluate("document.activeElement.closest('details').id") == "numbers-for-6"
    page.locator("#ask-roll_back").click()
    page.locator("#grounds-roll_back").fill("it is slow")
    staged.decision(moving.rollout, "hold", "looked again")
    renew(page)
    assert decisions.count() == before + 1
    assert page.locator("#grounds-roll_back").input_value() == "it is slow"
