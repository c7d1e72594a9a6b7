"""The whole way in a browser, against the whole product: log in, review, approve, roll out, roll back."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from demo.catalog import VERSIONS
from demo.rest import Rest
from tests.browser.conftest import findings, is_complaint, overflow

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]

MODEL = "pages"
SIGNERS = {"technical": "tilda", "privacy": "rosa", "security": "sven", "approval": "anton"}
MADE = """
from registry.services import people
from registry.services.tokens import create_token
from registry import selectors
from releases.models import Environment
roles = {{
    "carl": ["contributor"], "tilda": ["technical_reviewer"], "sven": ["security_reviewer"],
    "rosa": ["release_manager", "privacy_reviewer"], "anton": ["approver"],
}}
for name, held in roles.items():
    person = people.create_person(name, password="{password}")
    for role in held:
        people.grant(person, role)
Environment.objects.get_or_create(name="production")
carl = selectors.person("carl")
print("secret", create_token("journey", owner=carl, by=carl, scopes=["upload", "score", "release"])[1])
"""


@pytest.fixture(scope="module")
def password() -> str:
    return secrets.token_urlsafe(12)


@pytest.fixture(scope="module")
def ci(live_tree, password) -> Rest:
    said = live_tree.manage("shell", "-v", "0", "-c", MADE.format(password=password))
    rest = Rest(live_tree.web, re.search(r"^secret (\S+)$", said, re.MULTILINE)[1])
    yield rest
    rest.close()


@pytest.fixture
def people(browser, live_tree, password):
    """A page for each person, logged in; none may complain on its console."""
    contexts, complaints = [], []

    def page_of(name: str) -> Page:
        context = browser.new_context(
            base_url=live_tree.web,
            color_scheme="dark" if name == "rosa" else "light",
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
        page.goto("/login")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/")
        return page

    yield page_of
    for context in contexts:
        context.close()
    assert complaints == []


def upload(ci: Rest, folder: str, tmp_path: Path) -> int:
    """One of the demo's versions, as a version of a model of our own; its number."""
    made = next(version for version in VERSIONS if version.folder == folder).make(tmp_path / folder)
    manifest = made / "model.yaml"
    manifest.write_text(re.sub(r"^model: .*$", f"model: {MODEL}", manifest.read_text(), flags=re.MULTILINE))
    answer = ci.upload(made)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["number"])


def open_release(page: Page, number: int) -> int:
    """By the button of the version's page; the number of the release."""
    page.goto(f"/models/{MODEL}/versions/{number}/")
    page.get_by_role("button", name="Open a release").click()
    page.get_by_label("To", exact=True).select_option("production")
    page.get_by_role("radio", name=re.compile("^Single")).check()
    page.get_by_role("button", name="Open and submit").click()
    page.wait_for_url("**/releases/*/")
    return int(page.url.rstrip("/").rsplit("/", 1)[1])


def settles_as(page: Page, state: str) -> None:
    expect(page.locator("h1 + .chip")).to_contain_text(state, timeout=240_000)


def test_a_version_is_proven_reviewed_rolled_out_and_rolled_back(ci, people, tmp_path):
    assert ci.post("/models", {"name": MODEL, "description": "Played in a browser."}).status_code == 201
    pages = {name: people(name) for name in (*SIGNERS.values(), "carl")}
    first = open_release(pages["carl"], upload(ci, "digits-1", tmp_path))
    sign_all(pages, first)
    roll_out(pages["rosa"], first)

    second = open_release(pages["carl"], upload(ci, "digits-2", tmp_path))
    sign_all(pages, second)
    expect(
        pages["anton"].get_by_role("heading", name="What changed against the live version 1")
    ).to_be_visible()
    roll_out(pages["rosa"], second)

    rosa = pages["rosa"]
    rosa.goto(f"/models/{MODEL}/")
    expect(rosa.locator(".live__version")).to_have_text("Version 2")
    rosa.get_by_role("link", name="Roll back").click()
    dialog = rosa.get_by_role("dialog")
    dialog.get_by_label("Why").fill("A drill: the first version must be back at once.")
    dialog.get_by_label("Type").fill(MODEL)
    dialog.get_by_role("button", name="Roll back").click()
    settles_as(rosa, "rolled back")
    expect(rosa.locator("#standing + ul")).to_contain_text(
        "Rolled back from version 2 to version 1: decided by rosa"
    )
    expect(rosa.locator("#timeline")).to_contain_text("A drill: the first version must be back at once.")
    assert findings(rosa) == []
    assert overflow(rosa) <= 0
    rosa.goto(f"/models/{MODEL}/")
    expect(rosa.locator(".live__version")).to_have_text("Version 1")


def sign_all(pages: dict[str, Page], release: int) -> None:
    """Watch the proof, then sign every slot; the uploader is offered none."""
    pages["carl"].goto(f"/releases/{release}/")
    settles_as(pages["carl"], "in review")
    assert pages["carl"].get_by_role("button", name=re.compile("^Sign the")).count() == 0
    for slot, name in SIGNERS.items():
        page = pages[name]
        page.goto(f"/releases/{release}/")
        page.get_by_role("button", name=f"Sign the {slot} review").click()
        page.get_by_label("Approve", exact=True).check()
        page.get_by_label("On what grounds").fill(f"The {slot} side holds, on the evidence shown.")
        page.get_by_role("button", name="Sign", exact=True).click()
        expect(page.locator(f"#slot-{slot}")).to_contain_text("approved")
        assert findings(page) == []
    settles_as(pages["anton"], "approved")


def roll_out(page: Page, release: int) -> None:
    """Start it and watch the page move by itself until it is live."""
    page.goto(f"/releases/{release}/")
    page.get_by_role("button", name="Start the rollout").click()
    page.get_by_role("dialog").get_by_role("button", name="Start the rollout").click()
    settles_as(page, "live")
    expect(page.locator(".step--done")).to_have_count(4)
    expect(page.locator("#rollout")).to_contain_text("reference rows answered as at proof by every worker")
