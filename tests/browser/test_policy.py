"""A change of a model's policy in real browsers: proposed by one person, decided by another."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from registry.models import PolicyProposal
from tests.browser.conftest import troubles

HERE = "/models/digits/policy/"
WHY = "The night batch needs more room than we thought."
BECAUSE = "The figures of last night bear it out."


def propose(page: Page) -> None:
    """Drop the privacy review, loosen a limit, add one, and remember answers."""
    page.goto(HERE)
    page.get_by_label("Privacy", exact=True).uncheck()
    page.get_by_label("Limit, limit 1").fill("25")
    page.get_by_label("Hardware profile, limit 2").fill("x86_64-2")
    page.get_by_label("Measure, limit 2").select_option("peak_memory_bytes")
    page.get_by_label("Limit, limit 2").fill("300000000")
    page.get_by_label("Answers remembered").fill("64")
    page.get_by_label("Why").fill(WHY)
    page.get_by_role("button", name="Propose the change").click()
    expect(page.get_by_role("heading", name="Proposed change")).to_be_visible()


def test_it_fits_and_has_no_finding_before_while_and_after_it_is_open(world, visit):
    admin = visit("admin")
    admin.goto(HERE)
    assert troubles(admin) == []
    admin.get_by_label("Answers remembered").fill("-1")
    admin.get_by_label("Why").fill(WHY)
    admin.get_by_role("button", name="Propose the change").click()
    expect(admin.locator("#id_cache_mb_error")).to_contain_text("Write whole megabytes")
    assert troubles(admin) == []
    propose(admin)
    for name in ("edda", "vera"):
        page = visit(name)
        for address in (HERE, "/models/digits/", "/releases/"):
            page.goto(address)
            assert troubles(page) == []
    edda = visit("edda")
    edda.goto(HERE)
    edda.get_by_role("button", name="Confirm the change").click()
    expect(edda.get_by_role("dialog")).to_be_visible()
    assert troubles(edda) == []
    edda.get_by_role("dialog").get_by_label("On what grounds").fill(BECAUSE)
    edda.get_by_role("dialog").get_by_role("button", name="Confirm the change").click()
    expect(edda.locator("#history")).to_contain_text(BECAUSE)
    assert troubles(edda) == []


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_two_people_change_a_policy_with_and_without_javascript(world, visit, script):
    admin, edda = (visit(name, java_script_enabled=script) for name in ("admin", "edda"))
    propose(admin)
    expect(admin.locator("#proposed")).to_contain_text("edda can confirm or reject it. Not you:")

    edda.goto("/releases/")
    edda.get_by_role("link", name="Open digits: its policy").click()
    rows = edda.locator("#proposed tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.nth(1)).to_contain_text("at most 2 ms")
    expect(rows.nth(1)).to_contain_text("at most 25 ms")
    edda.locator('a[href="#do-confirm"]').click()
    dialog = edda.locator("#do-confirm")
    expect(dialog).to_be_visible()
    dialog.get_by_label("On what grounds").fill(BECAUSE)
    dialog.get_by_role("button", name="Confirm the change").click()

    expect(edda.locator("#proposed")).to_have_count(0)
    expect(edda.locator("#history")).to_contain_text("Changed, as admin proposed")
    expect(edda.locator(".facts").first).to_contain_text("technical, security, approval")
    assert PolicyProposal.objects.get().decided_by == world.people["edda"]
    world.review.refresh_from_db()
    assert "privacy" in world.review.policy["slots"], "what is in review keeps its policy"


def test_a_proposal_is_rejected_and_one_is_taken_back(world, visit):
    admin, edda = visit("admin"), visit("edda")
    propose(admin)
    edda.goto(HERE)
    edda.get_by_role("button", name="Reject the change").click()
    edda.get_by_role("dialog").get_by_label("On what grounds").fill("Not before the audit is over.")
    edda.get_by_role("dialog").get_by_role("button", name="Reject the change").click()
    expect(edda.locator("#history")).to_contain_text("Rejected what admin proposed")

    propose(admin)
    admin.get_by_role("button", name="Withdraw the proposal").click()
    admin.get_by_role("dialog").get_by_label("On what grounds").fill("The audit takes until spring.")
    admin.get_by_role("dialog").get_by_role("button", name="Withdraw the proposal").click()
    expect(admin.locator("#history")).to_contain_text("Proposal withdrawn")
    expect(admin.get_by_label("Answers remembered")).to_have_value("0")
