"""Every page there is, as everybody who may see it: none fails, complains or has an axe finding."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urldefrag, urljoin, urlsplit

import pytest
from playwright.sync_api import Page

from demo.people import PEOPLE
from tests.browser.conftest import findings, is_complaint, overflow, troubles
from tests.web import hostile as hostiles

FOREIGN = ("/admin/", "/audit/export", "/api/v1/", "/static/")
NAMED = re.compile(r"(?<=/models/)[^/]+|[0-9a-f]{32,}|\d+")
WIDEST = ("admin", "dara")
"""Who sees the most: administration and the auditor."""
MOST_OF_A_KIND, MOST_OF_OTHERS = 10, 4
"""Pages that differ in names and numbers alone: comparisons grow with the square of the versions. Who sees
less opens fewer of the same, and so does everybody on PostgreSQL."""
OFFERING = (
    "/releases/",
    "/releases/*/",
    "/rollouts/*/",
    "/models/*/",
    "/models/*/versions/*/",
    "/models/*/policy/",
)
"""Where each person is offered something else; the others are the same for all who may see them."""
LINKS = "[...document.querySelectorAll('a[href]:not([download])')].map(link => link.href)"


def kind(address: str) -> str:
    """Pages of one kind differ in names and numbers alone."""
    return NAMED.sub("*", urlsplit(address).path)


@pytest.mark.journey
@pytest.mark.timeout(900)
@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.name)
def test_after_the_whole_journey_every_page_opens_for_every_person(request, demo, browser, person):
    again = request.config.getoption("--postgres")
    if again and person.name not in WIDEST:
        pytest.skip("who sees less opens the same pages with the same queries: SQLite has shown them")
    context = browser.new_context(base_url=demo.tree.web, reduced_motion="reduce")
    page = context.new_page()
    found = listened(page)
    log_in(page, person.name, demo.password)
    seen: set[str] = set()
    most = MOST_OF_A_KIND if person.name in WIDEST and not again else MOST_OF_OTHERS
    for address in walk(page, demo.tree.web, most):
        if kind(address) not in seen and (person.name in WIDEST or kind(address) in OFFERING):
            found += judged(page)
        seen.add(kind(address))
    context.close()
    assert found == []
    assert seen >= {
        "/", "/models/*/", "/models/*/policy/", "/models/*/versions/*/", "/releases/", "/releases/*/",
        "/nodes/", "/audit/", "/health/", "/tokens/",
    }  # fmt: skip


def listened(page: Page) -> list[str]:
    """Filled, while the page is used, with every failed answer and everything its console says in red."""
    troubles: list[str] = []

    def heard(said: Any) -> None:
        if is_complaint(said):
            troubles.append(f"{page.url} says {said.text}")

    page.on("console", heard)
    page.on("pageerror", lambda error: troubles.append(f"{page.url} throws {error}"))
    page.on("response", lambda got: troubles.append(f"{got.url} {got.status}") if got.status >= 400 else None)
    return troubles


def log_in(page: Page, name: str, password: str) -> None:
    page.goto("/login")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/")


def walk(page: Page, base: str, most: int) -> Iterator[str]:
    """Go to the pages of ours that links lead to, so many of a kind, whatever they are sorted by and narrowed
    to once."""
    waiting, known, opened = [f"{base}/"], {asked(f"{base}/")}, Counter[str]()
    while waiting:
        address = waiting.pop(0)
        opened[kind(address)] += 1
        if opened[kind(address)] > most:
            continue
        page.goto(address)
        yield address
        for link in sorted({urldefrag(urljoin(address, link)).url for link in page.evaluate(LINKS)}):
            if link.startswith(f"{base}/") and not foreign(link) and asked(link) not in known:
                known.add(asked(link))
                waiting.append(link)


def asked(address: str) -> tuple[str, ...]:
    """Where, and by which parameters: lists that differ in their values alone are one page."""
    parts = urlsplit(address)
    return (parts.path, *sorted(parse_qs(parts.query, keep_blank_values=True)))


def foreign(address: str) -> bool:
    """What is no page of ours, and searches of the log, which are as many as it has rows."""
    parts = urlsplit(address)
    return (
        parts.path.startswith(FOREIGN)
        or "/files/" in parts.path
        or (parts.path == "/audit/" and parts.query != "")
    )


def judged(page: Page) -> list[str]:
    """What axe finds, and by how much the page is wider than its window."""
    wider = overflow(page)
    return [f"{page.url}: {found}" for found in findings(page)] + [f"{page.url} +{wider} px"] * (wider > 0)


def test_every_page_holds_whatever_things_are_called(world, visit):
    hostile = hostiles.build(world)
    page = visit("admin")
    found = listened(page)
    for address in (*hostiles.addresses(hostile), "/people/", "/people/chloe/"):
        page.goto(address)
        found += troubles(page)
    page.goto("/people/")
    page.get_by_label("Name to log in with").fill("x" * 150)
    page.get_by_role("button", name="Make the account").click()
    link = page.locator("#secret").inner_text()
    found += troubles(page)
    page.goto(link)
    found += troubles(page)
    assert found == []
