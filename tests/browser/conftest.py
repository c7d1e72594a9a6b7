"""Debian's chromium, looking at a real server with the small world of tests/web in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page

from registry import wakeups
from releases.web import inbox
from tests import databases
from tests.makers import PASSWORD
from tests.web import world as worlds

WIDTHS = 1280, 390
AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {"executable_path": shutil.which("chromium"), "args": QUIET.split()}


@pytest.fixture
def world(transactional_db, monkeypatch, settings, tmp_path) -> worlds.World:
    """Without a broker, because nothing here waits for a worker, and with a witness of its own."""
    monkeypatch.setattr(wakeups, "_ring", None)
    settings.WITNESS_FILE = tmp_path / "heads.log"
    cache.clear()
    inbox._found.clear()
    return databases.built(worlds.build)


@pytest.fixture
def visit(browser: Browser, live_server, world) -> Iterator[Callable[..., Page]]:
    """A page of somebody who is logged in; whatever its console complains about fails the test."""
    opened: list[BrowserContext] = []
    complaints: list[str] = []

    def as_person(name: str, width: int = 1280, scheme: str = "light", **facts: Any) -> Page:
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            reduced_motion="reduce",
            **facts,
        )
        opened.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        context.add_cookies(logged_in(name, live_server.url))
        page.goto("/")
        return page

    yield as_person
    for context in opened:
        context.close()
    assert complaints == []


def is_complaint(said: Any) -> bool:
    """A refusal is an answer, and so is a page that is not there; everything else in red is a fault."""
    if said.type not in {"error", "warning"}:
        return False
    missing = "status of 404" in said.text and "/static/" not in said.location["url"]
    return not missing and not any(f"status of {code}" in said.text for code in (401, 403, 409, 422))


def logged_in(name: str, url: str) -> list[dict[str, str]]:
    """The cookies of somebody who has just logged in, without three pages to open for it."""
    client = Client(headers={"User-Agent": "Chrome on Linux"})
    assert client.post("/login", {"username": name, "password": PASSWORD}).status_code == 302
    return [{"name": each.key, "value": each.value, "url": url} for each in client.cookies.values()]


def troubles(page: Page) -> list[str]:
    """What is wrong with the page as it is now, in both widths and both schemes: what axe-core finds, and by
    how much the page is too wide. A scheme changes colours alone, and so what is found of contrast."""
    found, before = [], page.viewport_size
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="light")
        found += [f"{width} px, light: {finding}" for finding in findings(page)]
        page.emulate_media(color_scheme="dark")
        found += [f"{width} px, dark: {finding}" for finding in findings(page, "color-contrast")]
        if (wider := overflow(page)) > 0:
            found.append(f"{width} px: {wider} px too wide")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(before)
    return [f"{page.url}, {each}" for each in found]


def findings(page: Page, *rules: str) -> list[str]:
    """What axe-core finds wrong with the page as it is now, by all of its rules or by these.

    Evaluated by the debugger, because the page's own policy rightly keeps a foreign script out.
    """
    chosen = json.dumps({"runOnly": rules} if rules else {})
    debugger = page.context.new_cdp_session(page)

    def ask(expression: str) -> Any:
        sent = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        return debugger.send("Runtime.evaluate", sent)["result"].get("value")

    if not ask("'axe' in window"):
        ask(AXE.read_text())
    found = ask(f"axe.run(document, {chosen}).then(found => JSON.stringify(found.violations))")
    debugger.detach()
    return [f"{v['id']}: {v['help']} at {v['nodes'][0]['html'][:150]}" for v in json.loads(found)]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
