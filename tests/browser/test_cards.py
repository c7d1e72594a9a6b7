"""Cards of strangers: what is wide scrolls in its own box, and footnotes lead there and back."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from registry.transactions import write
from tests.browser.conftest import troubles
from tests.web import world as worlds

WORD = "Donaudampfschifffahrtsgesellschaft" * 8
CARD = f"""# Digits {WORD}

Good on scans[^main], not on faxes[^palette]. See https://example.org/{"a-long-way/" * 30}

| {" | ".join(f"measure {n}" for n in range(14))} |
|{"---|" * 14}
| {" | ".join(f"{n}.{WORD[:30]}" for n in range(14))} |

    {"a line of code that goes on " * 12}

1. One
   > {WORD}

[^main]: Measured in May, in `{WORD}`.
[^palette]: The resolution is too low.

{"Long. " * 3000}
"""


@pytest.mark.parametrize("width", [390, 1280])
def test_a_card_of_long_words_tables_code_and_footnotes_fits(world, visit, width):
    with write():
        made = worlds.version(world.model, world.people, 7, CARD)
    page = visit("vera", width)
    page.goto(f"/models/digits/versions/{made.number}/")
    assert troubles(page) == []

    for name in ("Table 1 of the card", "Code 1 of the card"):
        box = page.get_by_role("region", name=name)
        assert box.evaluate("box => box.scrollWidth > box.clientWidth"), name
        box.focus()
        page.keyboard.press("ArrowRight")
        expect(box).not_to_have_js_property("scrollLeft", 0)
    cells = page.get_by_role("region", name="Table 1 of the card").locator("td")
    assert cells.first.bounding_box()["height"] < 120, "a cell is as wide as its words"

    page.get_by_role("link", name="Footnote 2", exact=True).click()
    expect(page.locator("#card-note-2")).to_be_in_viewport()
    page.get_by_role("link", name="Back to where footnote 2 is").click()
    expect(page.locator("#card-mark-2")).to_be_in_viewport()
    assert page.locator("#palette").count() == 1, "no id of the page was taken"


@pytest.mark.parametrize("script", [True, False])
def test_a_long_card_unfolds_by_hand_and_for_what_a_link_leads_to(world, visit, script):
    with write():
        made = worlds.version(world.model, world.people, 7, CARD)
    page = visit("vera", java_script_enabled=script)
    page.goto(f"/models/digits/versions/{made.number}/")
    card = page.locator("#card .prose")
    folded = card.bounding_box()["height"]
    assert folded < 700
    page.get_by_text("Show the whole card").click()
    assert card.bounding_box()["height"] > 2 * folded
    page.get_by_text("Show its beginning only").click()
    assert card.bounding_box()["height"] == folded

    page.goto(f"/models/digits/versions/{made.number}/#card-note-2")
    expect(page.locator("#card-note-2")).to_be_in_viewport()
    expect(page.get_by_text("Show the whole card")).to_be_hidden()


def test_a_short_card_is_shown_whole(world, visit):
    page = visit("vera")
    page.goto("/models/digits/versions/2/")
    expect(page.locator("#card")).to_be_visible()
    assert page.get_by_text("Show the whole card").count() == 0
