"""No page carries anything that a strict content policy would have to allow."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from tests.web.test_access import PAGES, fill, read_all

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Reader(HTMLParser):
    """Collects what a page would run or fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.unlabelled: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.inline += [
            f"{tag} {name}" for name in told if name.startswith("on") or name in {"style", "hx-on"}
        ]
        self.ids += [told["id"] or ""] if "id" in told else []
        if tag in {"script", "style"} and not told.get("src"):
            self.inline.append(tag)
        if tag in {"script", "link", "img", "iframe", "use", "source"}:
            self.fetched.append(told.get("src") or told.get("href") or "")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        while self._open and self._open.pop() != tag:
            pass


def read(response) -> Reader:
    reader = Reader()
    reader.feed(response.content.decode())
    return reader


ANSWERS: dict[tuple[str, str], Any] = {}


@pytest.fixture
def pages(request, db):
    """Every page, as those who see most of them; asked for once."""
    if not ANSWERS:
        world, as_ = (request.getfixturevalue(name) for name in ("world", "as_"))
        ANSWERS.update(ask(world, as_))
    return ANSWERS


def ask(world, as_) -> dict[tuple[str, str], Any]:
    found = {}
    for name in ("chloe", "admin"):
        client = as_(name)
        for route, (path, may) in PAGES.items():
            if name in may and route not in {"version-file", "audit-export", "rollout-events"}:
                found[name, route] = client.get(fill(path, world))
    found["", "login"] = as_("").get("/login")
    found["chloe", "404"] = as_("chloe").get("/models/none/")
    found["chloe", "403"] = as_("chloe").get("/audit/verify")
    return found


def test_pages_run_nothing_inline_and_fetch_nothing_from_elsewhere(pages):
    for where, response in pages.items():
        reader = read(response)
        assert reader.inline == [], where
        assert [address for address in reader.fetched if not address.startswith("/static/")] == [], where


def test_no_id_is_given_twice(pages):
    for where, response in pages.items():
        ids = read(response).ids
        assert len(ids) == len(set(ids)), (where, [i for i in ids if ids.count(i) > 1])


def test_every_answer_carries_the_policy(pages, as_, world):
    download = read_all(as_("chloe").get("/models/digits/versions/2/files/card"))
    for response in (*pages.values(), download, as_("").get("/")):
        policy = response["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["X-Frame-Options"] == "DENY"
        assert response["Referrer-Policy"] == "same-origin"


def test_pages_stay_out_of_shared_caches(pages):
    assert all("private" in response["Cache-Control"] for response in pages.values())


def test_htmx_may_not_evaluate_and_swaps_refusals(pages):
    html = pages["chloe", "models"].content.decode()
    assert '"allowEval": false' in html
    assert '"includeIndicatorStyles": false' in html
    assert '{"code": "409|422", "swap": true' in html


def test_every_page_has_one_heading_a_title_and_a_way_past_the_navigation(pages):
    for where, response in pages.items():
        html = response.content.decode()
        if where[1] in {"release-panel", "rollout-panel", "model-traffic", "news"}:
            continue
        assert html.count("<h1") == 1, where
        assert 'href="#main"' in html, where
        assert "<title>" in html, where
