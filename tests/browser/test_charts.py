"""Charts under the fingers of somebody: pointer, keys, and what refreshes beneath them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from releases.models import Traffic
from releases.traffic.series import ENOUGH
from tests import makers
from tests.browser.conftest import troubles


@pytest.fixture
def days(world):
    """Ninety days of requests, but for a week, and a day that went wrong."""
    today = datetime.fromtimestamp(datetime.now(UTC).timestamp() // 86_400 * 86_400, UTC)
    for ago in (ago for ago in range(90) if not 30 <= ago < 37):
        Traffic.objects.create(
            environment=makers.environment(), model=world.model, version=2, arm="champion", span=86_400,
            at=today - timedelta(days=ago), requests=86_400 * (ago % 7 + 1), buckets=[[40 + ago % 9, 900]],
            codes={"inference_failed": 5000} if ago == 12 else {},
        )  # fmt: skip
    return today


def test_ninety_days_fit_and_have_no_finding_with_the_table_open(days, visit):
    page = visit("chloe")
    page.goto("/models/digits/?span=90d")
    for table in page.get_by_text("The same numbers as a table").all():
        table.click()
    page.get_by_role("slider", name="Requests").focus()
    assert troubles(page) == []


def test_the_arrow_keys_walk_over_all_charts_of_one_time_together(days, visit):
    page = visit("vera")
    page.goto("/models/digits/?span=90d")
    plot = page.get_by_role("slider", name="Requests")
    plot.focus()
    page.keyboard.press("Home")
    first = (days - timedelta(days=89)).strftime("%-d %b")
    expect(plot).to_have_attribute("aria-valuetext", re.compile(rf"^{first}: \d"))
    page.keyboard.press("ArrowRight")
    second = (days - timedelta(days=88)).strftime("%-d %b")
    told = page.locator("#traffic [data-told]")
    for number in range(3):
        expect(told.nth(number)).to_contain_text(f"{second}: ")
    gap = (days - timedelta(days=33)).strftime("%-d %b")
    for _ in range(55):
        page.keyboard.press("ArrowRight")
    expect(told.nth(1)).to_have_text(f"{gap}: no requests")
    page.keyboard.press("Tab")
    expect(told.nth(0)).to_contain_text(f"{gap}: ")  # the next chart goes on from there


def test_the_pointer_tells_a_value_and_leaves_the_usual_words_behind(days, visit):
    page = visit("vera")
    page.goto("/models/digits/?span=90d")
    told = page.locator("#traffic [data-told]").first
    usual = told.text_content()
    page.locator("#plot-0-1").hover(position={"x": 1, "y": 40})
    expect(told).to_contain_text((days - timedelta(days=89)).strftime("%-d %b"))
    page.get_by_role("heading", name="Traffic").hover()
    expect(told).to_have_text(usual)


def test_a_chart_keeps_focus_and_place_when_it_is_drawn_anew(days, visit):
    page = visit("vera")
    page.goto("/models/digits/?span=90d")
    page.get_by_role("slider", name="Latency").focus()
    page.keyboard.press("Home")
    page.evaluate("htmx.ajax('GET', '/models/digits/traffic', {target: '#traffic', swap: 'outerHTML'})")
    expect(page.locator("#plot-0-2")).to_be_focused()
    expect(page.locator("#plot-0-2")).to_have_attribute("aria-valuenow", "0")
    assert page.locator(".spans a[aria-current]").text_content() == "90 days"


def test_the_trend_names_each_version_by_key(world, visit):
    page = visit("vera")
    page.goto("/models/digits/")
    plot = page.get_by_role("slider", name="accuracy by version")
    plot.focus()
    page.keyboard.press("Home")
    expect(plot).to_have_attribute(
        "aria-valuetext", re.compile("^version 1: accuracy 0.957, .* claimed 0.966")
    )
    page.keyboard.press("ArrowRight")
    expect(plot).to_have_attribute("aria-valuetext", re.compile("live in production$"))


def test_without_scripts_a_chart_is_a_picture_with_words_and_a_table(days, visit):
    page = visit("vera", java_script_enabled=False)
    page.goto("/models/digits/?span=90d")
    assert page.get_by_role("slider").count() == 0
    expect(page.get_by_role("img", name=re.compile("^Requests, a second: up to 7 a second"))).to_be_visible()
    page.locator("#numbers-0 summary").click()
    young = (datetime.now(UTC) - days).total_seconds() < 86_400 * ENOUGH
    assert page.locator("#numbers-0 tbody tr").count() == (83 if young else 84), "a day that has just begun"
