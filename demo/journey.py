"""Who plays the journey, where, and its moves: upload, prove, sign, roll out. Knows no Django."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from demo import catalog, lab
from demo.browser import Browser
from demo.people import SIGNATURES
from demo.rest import Rest
from demo.scoring import Load, Said
from demo.telling import Teller

if TYPE_CHECKING:
    from demo.rest import Gate

ENVIRONMENT = "production"
PROOF_DEADLINE_S = 240.0
"""Many times what a proof takes on a machine that is left alone: beyond this something is stuck."""
ROLLOUT_DEADLINE_S = 90.0
"""Many times what a switch takes: beyond this something is stuck."""
DARK_IN = 50
"""One row in so many is dark: often enough for the drift to show in the demonstration's traffic."""
AT_ONCE: Mapping[str, object] = {"kind": "single"}


@dataclass(slots=True)
class Journey:
    """Where the faces are, who plays, and what has come about so far."""

    tell: Teller
    base_url: str
    scoring_url: str
    token: str
    password: str
    work: Path
    ci: Rest = field(init=False)
    people: dict[str, Browser] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)
    releases: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ci = Rest(self.base_url, self.token)

    def close(self) -> None:
        """Give back every connection."""
        for browser in self.people.values():
            browser.close()
        self.ci.close()

    def was_played(self) -> bool:
        """Whether something of this journey answers here already."""
        try:
            return bool(self.ci.get(f"/environments/{ENVIRONMENT}/models/digits")["arms"])
        except httpx.HTTPStatusError:
            return False

    def upload(self, folder: str, strategy: Mapping[str, object] = AT_ONCE) -> None:
        """Upload a folder, and open a release for the version."""
        started = time.monotonic()
        answer = self.ci.upload(self.folders[folder])
        said = answer.json()
        seconds = f"{time.monotonic() - started:.1f} s"
        figures = f"version {said.get('number')}, {str(said.get('digest'))[:12]}…, {seconds}"
        uploaded = answer.status_code in (200, 201)
        self.tell.require(uploaded, folder, figures if uploaded else f"{answer.status_code} {short(answer)}")
        self.numbers[folder] = said["number"]
        self.open(folder, strategy)

    def open(self, folder: str, strategy: Mapping[str, object]) -> None:
        """Open a release for the version of a folder, which brings it to clients by that strategy."""
        model = next(version.model for version in catalog.VERSIONS if version.folder == folder)
        opened = self.ci.post(
            f"/models/{model}/versions/{self.numbers[folder]}/releases",
            {"environment": ENVIRONMENT, "strategy": strategy},
        )
        if opened.status_code != 201:
            self.tell.require(False, "  its release", f"{opened.status_code} {short(opened)}")
        self.releases[folder] = opened.json()["id"]

    def prove(self, folder: str) -> None:
        """Wait for the gates, tell each, and compare with what the version should come to."""
        version = next(version for version in catalog.VERSIONS if version.folder == folder)
        started = time.monotonic()
        self.tell.say(f"{folder}", version.about)
        failed = []

        def told(gate: Gate) -> None:
            if gate["outcome"] != "passed":
                failed.append(gate["name"])
            self.tell.say(f"  {gate['name']}", f"{gate['outcome']:<8} {gate['summary']}")

        state = self.ci.wait_for_gates(self.releases[folder], told, PROOF_DEADLINE_S)
        seconds = f"after {time.monotonic() - started:.1f} s"
        if version.fails is None:
            self.tell.require(state == "in_review", "  it goes to review", seconds)
        else:
            good = state == "rejected" and failed == [version.fails]
            self.tell.check(good, f"  refused by {version.fails}", f"{state}, {seconds}")

    def sign(self, folder: str) -> None:
        """All four signatures, each by its own person, each through the page."""
        release = self.releases[folder]
        for name, slot, words in SIGNATURES:
            signed = self.people[name].sign(release, slot, "approve", words)
            self.tell.require(signed, f"  {name} signs {slot}", f"release {release}")
        state = self.ci.get(f"/releases/{release}")["state"]
        self.tell.require(state == "approved", f"  {folder}", state)

    def start(self, folder: str) -> None:
        """The release manager starts it; everything after that goes by itself."""
        release = self.ci.get(f"/releases/{self.releases[folder]}")
        pressed = self.people["chloe"].act(
            release["id"], "start_rollout", "All gates passed and all four have signed.", release["model"]
        )
        self.tell.require(pressed, "  chloe starts it", folder)

    def roll_out(self, folder: str) -> None:
        """All at once: started, and soon live."""
        release = self.ci.get(f"/releases/{self.releases[folder]}")
        started = time.monotonic()
        self.start(folder)
        done = self.ci.wait_for_state(release["id"], {"live", "approved", "rolled_back"}, ROLLOUT_DEADLINE_S)
        reason = (done["rollout"] or {}).get("reason") or ""
        seconds = time.monotonic() - started
        self.tell.require(
            done["state"] == "live",
            "  live",
            f"{done['state']} after {seconds:.1f} s, revision {done['revision']} {reason}",
        )

    def load(self) -> Load:
        """Clients of digits, with one row of the data that nobody trained on."""
        rows, _ = lab.digits().judge
        body = {"inputs": {"pixels": [rows[0].tolist()]}}
        return Load(self.scoring_url, self.token, "digits", lambda number: body)

    def crowd(self) -> Load:
        """A user each request, with a picture of their own: a scan in fifty is nearly black."""
        rows, _ = lab.digits().judge
        dark = [float(lab.DARKEST)] * rows.shape[1]

        def ask(number: int) -> dict[str, object]:
            row = dark if number % DARK_IN == DARK_IN - 1 else rows[number % len(rows)].tolist()
            return {"inputs": {"pixels": [row]}, "unit": f"user-{number}"}

        return Load(self.scoring_url, self.token, "digits", ask)

    def readers(self) -> Load:
        """Users whose picture is read, and who say whether the digit was right."""
        rows, targets = lab.digits().judge

        def ask(number: int) -> dict[str, object]:
            return {"inputs": {"pixels": [rows[number % len(rows)].tolist()]}, "unit": f"reader-{number}"}

        def judge(number: int, said: Said) -> float:
            return float(said["outputs"]["label"][0] == int(targets[number % len(rows)]))

        return Load(self.scoring_url, self.token, "digits", ask, judge=judge)


def short(answer: httpx.Response) -> str:
    """The sentence in an answer, for one line of the demo."""
    try:
        said = answer.json()
    except ValueError:
        return answer.text[:120]
    return str(said.get("detail") or said.get("code") or "") if isinstance(said, dict) else ""
