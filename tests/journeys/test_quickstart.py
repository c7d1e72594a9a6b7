"""The quickstart by its text alone, in an empty folder, against a product that nobody has used before."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from demo.browser import Browser
from tests import live
from tests.live import ROOT

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600), pytest.mark.xdist_group("live tree")]
TEXT = (ROOT / "docs/quickstart.md").read_text()
PASSWORD = "written down nowhere"
GROUNDS = "The quickstart says that I do this now."


def block(language: str) -> str:
    return re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)[1]


def commands(step: str) -> list[str]:
    """The commands of a step, as they stand in the document: what is indented by four."""
    start = TEXT.index(step)
    part = TEXT[start : TEXT.find("\n**", start + 1)]
    found = re.findall(r"(?:^    .*\n)+", part, re.MULTILINE)
    return ["".join(line[4:] for line in one.splitlines(keepends=True)) for one in found]


class Newcomer:
    """Somebody in an empty folder with a shell, who follows the text and fills in the token."""

    def __init__(self, folder: Path, tree: live.LiveTree) -> None:
        self.folder, self._tree, self.token = folder, tree, ""

    def type(self, commands: str) -> list[Any]:
        """What each curl of these lines answered, as JSON."""
        exports = "\n".join(commands_of_the_start()).replace("assay_...", self.token)
        told = self.run("bash", "-euc", f"{exports}\n{commands}".replace("curl ", "curl -sS -w '\\n' "))
        return [json.loads(line) for line in told.splitlines() if line.strip()]

    def run(self, *words: str) -> str:
        """With the ports of this product in place of those of the text."""
        placed = [
            word.replace("http://localhost:8000", self._tree.web).replace(
                "http://localhost:8001", self._tree.scoring
            )
            for word in words
        ]
        done = subprocess.run(
            placed, cwd=self.folder, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout


def commands_of_the_start() -> list[str]:
    return re.findall(r"^    (export .*)$", TEXT, re.MULTILINE)


@pytest.fixture
def tree() -> Iterator[live.LiveTree]:
    with live.running() as made:
        yield made


@contextmanager
def person(tree: live.LiveTree, name: str, link: str) -> Iterator[Browser]:
    """Follows a link, chooses a password, and is logged in."""
    browser = Browser(tree.web, name)
    page = "/welcome/" + link.rpartition("/welcome/")[2]
    typed = {"password": PASSWORD, "again": PASSWORD}
    answer = browser.fill(page, "", **(typed if name != "admin" else {"name": name, **typed}))
    assert answer.status_code == 200, answer.text
    yield browser
    browser.close()


def link_in(text: str) -> str:
    return re.search(r"\S*/welcome/[\w-]+", text)[0]


def account(admin: Browser, name: str, *roles: str) -> str:
    """An account on the page People with its roles: the link for its person."""
    made = admin.fill("/people/", "/people/new", name=name, email="")
    assert made.status_code == 200, made.text
    for role in roles:
        granted = admin.fill(f"/people/{name}/", "/roles/grant", role=role, model="", grounds=GROUNDS)
        assert granted.status_code == 200, granted.text
    return link_in(made.text)


def test_the_quickstart_leads_to_a_model_that_answers(tree, tmp_path):
    newcomer = Newcomer(tmp_path, tree)
    said = (tree.data / "up.log").read_text()
    assert "first account" in said
    with person(tree, "admin", link_in(said)) as admin:
        links = {
            "ada": account(admin, "ada", "contributor", "release_manager"),
            "grace": account(admin, "grace", "approver"),
        }
    with person(tree, "ada", links["ada"]) as ada, person(tree, "grace", links["grace"]) as grace:
        scopes = ["upload", "release", "score", "feedback"]
        made = ada.fill("/tokens/", "", name="quickstart", scopes=scopes, days="90")
        newcomer.token = re.search(r"assay_[\w-]{20,}", made.text)[0]
        release = up_to_the_review(newcomer)
        assert grace.sign(release, "approval", "approve", GROUNDS)
        assert ada.act(release, "start_rollout", GROUNDS, "digits")
        wait_until_live(ada, release)
        answers_and_counts(newcomer)


def up_to_the_review(newcomer: Newcomer) -> int:
    (registered,) = newcomer.type("".join(commands("**1. Register a model.**")))
    assert registered["name"] == "digits"
    (newcomer.folder / "model.yaml").write_text(block("yaml"))
    (newcomer.folder / "train.py").write_text(block("python"))
    newcomer.run(sys.executable, "train.py")
    (uploaded,) = newcomer.type("".join(commands("**3. Upload.**")))
    assert uploaded["number"] == 1
    opened, gates = newcomer.type("".join(commands("**4. Ask for a release**")))
    while gates["state"] == "validating":
        asked = commands("**4. Ask for a release**")[0].splitlines(keepends=True)[-1]
        (gates,) = newcomer.type(asked.replace("wait=60", f"wait=60&seen={gates['seen']}"))
    assert gates["state"] == "in_review", gates
    return int(opened["id"])


def wait_until_live(ada: Browser, release: int) -> None:
    live.wait_until(lambda: ada.api(f"/releases/{release}")["state"] == "live", "the release to be live", 120)


def answers_and_counts(newcomer: Newcomer) -> None:
    (score,) = newcomer.type("".join(commands("**6. Score**")))
    assert (score["model"], score["version"]) == ("digits", 1)
    label = json.dumps({"request_id": score["request_id"], "label": score["outputs"]["label"][0]})
    (taken,) = newcomer.type(
        f"curl -H \"$AUTH\" -H 'Content-Type: application/json' $ASSAY/feedback -d '[{label}]'"
    )
    assert "accepted" in json.dumps(taken)
    (live_at,) = newcomer.type(f"{re.search(r'`(curl [^`]*at=[^`]*)`', TEXT)[1]}\n")
    assert live_at["model"] == "digits"
