"""Label these, in real browsers: by keys and without a script, and what the rollout's page says of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from registry.models import ModelVersion
from releases.models import Judgement
from tests import makers
from tests.browser.conftest import troubles
from tests.releases.labelled import twelve
from tests.web import staged

HINTS = {"inputs": {"pixels": {"description": "8x8 grey image", "range": [0, 16]}}}


@pytest.fixture
def rollout(world):
    made = staged.build(world).rollout
    with makers.unguarded("registry_modelversion"):
        ModelVersion.objects.filter(pk=made.release.version_id).update(manifest={"signature": HINTS})
    return made


def test_pages_of_labels_fit_and_have_no_finding(rollout, visit):
    page = visit("boris")
    here = f"/rollouts/{rollout.pk}/labels/"
    page.goto(here)
    expect(page.get_by_text("log_share")).to_be_visible()
    assert troubles(page) == []
    twelve(rollout)
    page.goto(here)
    expect(page.get_by_role("img", name="pixels, an image of 8 by 8 points")).to_be_visible()
    assert troubles(page) == []
    page.goto(f"/rollouts/{rollout.pk}/")
    expect(page.locator("#labels")).to_contain_text("Label these")
    assert troubles(page) == []


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_somebody_labels_and_takes_one_back(rollout, visit, script):
    twelve(rollout)
    page = visit("boris", java_script_enabled=script)
    page.goto(f"/rollouts/{rollout.pk}/labels/")
    so_far = page.locator("#labelled")
    expect(so_far).to_contain_text("12 cases left")
    for key, name in (("1", "Answer 1 is right"), ("2", "Answer 2 is right"), ("b", "Both are")):
        left = 12 - Judgement.objects.filter(undone_at=None).count()
        if script:
            page.keyboard.press(key)
        else:
            page.get_by_role("button", name=name).click()
        expect(so_far).to_contain_text(f"{left - 1} cases left")
    page.get_by_role("button", name="Undo my last").click()
    expect(so_far).to_contain_text("10 cases left")
    assert [label.right for label in Judgement.objects.filter(undone_at__isnull=False)] == ["both"]
    page.goto(f"/rollouts/{rollout.pk}/")
    told = "Which is right more often is open: of 2 labels that tell them apart"
    expect(page.locator("#labels")).to_contain_text(told)
