"""kill -9 at every named place beside a commit or a publish: nothing lost, nothing doubled."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest
import yaml

from config.demo import lab, models
from config.demo.browser import Browser
from config.demo.journey import Journey
from config.demo.people import PEOPLE
from config.demo.scoring import Load as Clients
from config.demo.scoring import score
from config.demo.telling import Teller
from tests import live
from tests.faults import points
from tests.servers import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600), pytest.mark.xdist_group("crash points")]

TOKEN = "assay_c0ffee00_kill-nine-is-a-normal-day-for-us"
PASSWORD = "correct horse battery"
_runs = count(1)
SOURCE = Path(__file__).parents[2]


def test_every_crash_point_in_the_source_is_tried():
    found = {
        name
        for package in ("config", "registry", "releases", "scoring")
        for path in (SOURCE / package).rglob("*.py")
        for name in re.findall(r'crashpoint\("([a-z._]+)"\)', path.read_text())
    }
    assert found == points.TRIED


class Crashes:
    """A running product, a journey in it, and the file that asks for a kill."""

    def __init__(self, tree: live.LiveTree, journey: Journey, asked: Path) -> None:
        self.tree, self.journey, self.asked = tree, journey, asked

    def at(self, name: str) -> None:
        self.asked.write_text(name)

    def happened(self) -> None:
        """The process that reached the point has died there."""
        wait_until(lambda: not self.asked.exists(), "the crash point to be reached", 60)

    def release(self) -> dict:
        return self.journey.ci.get(f"/releases/{self.journey.releases['wine-1']}")

    def live_version(self) -> int | None:
        arms = self.journey.ci.get("/environments/production/models/wine")["arms"]
        return arms[0]["version"] if len(arms) == 1 else None

    def kinds(self) -> Counter[str]:
        """How often the log has each kind for this release."""
        return Counter(event["kind"] for event in self.release()["timeline"])


@pytest.fixture(scope="module")
def crashes(tmp_path_factory) -> Iterator[Crashes]:
    folder = tmp_path_factory.mktemp("crashes")
    asked = folder / "crash"
    settings = {
        "ASSAY_CRASHPOINT_FILE": str(asked),
        "ASSAY_BENCHMARK_SECONDS": "1",
        "ASSAY_DEMO_TOKEN": TOKEN,
        "ASSAY_DEMO_PASSWORD": PASSWORD,
    }
    with live.running(**settings) as tree:
        tree.manage("shell", "-c", "from config.demo.seeding import seed; seed()")
        journey = Journey(Teller(), tree.web, tree.scoring, TOKEN, PASSWORD, folder)
        for person in PEOPLE:
            journey.people[person.name] = Browser(tree.web, person.name)
            journey.people[person.name].log_in(PASSWORD)
        journey.ci.post("/models", {"name": "wine", "description": "", "task": ""})
        version = next(v for v in models.VERSIONS if v.folder == "wine-1")
        journey.folders["wine-1"] = version.make(folder / "wine-1")
        yield Crashes(tree, journey, asked)
        journey.close()


def upload(crashes: Crashes) -> None:
    """The next version: the same model from another run of its training."""
    manifest = crashes.journey.folders["wine-1"] / "model.yaml"
    document = yaml.safe_load(manifest.read_text())
    document["built"]["run"] = f"run {next(_runs)}"
    manifest.write_text(yaml.safe_dump(document))
    crashes.journey.upload("wine-1")


def approved(crashes: Crashes) -> None:
    """One more version, proven and signed."""
    upload(crashes)
    crashes.journey.prove("wine-1")
    crashes.journey.sign("wine-1")


@pytest.mark.parametrize("name", points.PROVING)
def test_a_proof_that_is_killed_is_taken_up_again_and_each_verdict_stands_once(crashes, name):
    crashes.at(name)
    upload(crashes)
    crashes.happened()
    crashes.journey.prove("wine-1")

    release = crashes.release()
    assert release["state"] == "in_review"
    assert crashes.kinds()["gate.finished"] == 5
    assert crashes.kinds()["release.in_review"] == 1


@pytest.mark.parametrize("name", points.ROLLING_OUT)
def test_a_rollout_that_is_killed_goes_on_and_ends_live_once(crashes, name):
    approved(crashes)
    crashes.at(name)
    with Load(crashes) as load:
        crashes.journey.roll_out("wine-1")
        crashes.happened()

    assert load.failed == []
    assert crashes.live_version() == crashes.journey.numbers["wine-1"]
    assert crashes.kinds()["release.live"] == 1
    assert crashes.kinds()["rollout.finished"] == 1


@pytest.mark.parametrize("name", points.REVERTING)
def test_a_rollout_that_turns_back_and_is_killed_still_turns_back(crashes, name):
    approved(crashes)
    before = crashes.live_version()
    crashes.at(name)
    crashes.journey.people["chloe"].act(
        crashes.journey.releases["wine-1"], "start_rollout", "to be turned back at once", "wine"
    )
    crashes.journey.people["chloe"].act(
        crashes.journey.releases["wine-1"], "roll_back", "it was a drill from the start", "wine"
    )
    release = crashes.journey.ci.wait_for_state(
        crashes.journey.releases["wine-1"], {"rolled_back", "live"}, 60
    )
    assert release["state"] == "rolled_back"
    assert crashes.live_version() == before
    assert crashes.kinds()["release.rolled_back"] == 1
    crashes.asked.unlink(missing_ok=True)


@pytest.mark.parametrize("name", points.INGESTING)
def test_feedback_whose_ingestion_is_killed_is_counted_exactly_once(crashes, name):
    rows, targets = lab.wine().judge
    tally = scored(crashes, rows[:20], targets[:20])
    crashes.at(name)
    items = [{"request_id": i, "label": int(t)} for i, t in zip(tally.ids, targets[:20], strict=True)]
    answer = post_feedback(crashes, items)
    assert answer.status_code == 202, answer.text
    crashes.happened()
    wait_until(lambda: counted(crashes) == 20, "all feedback to be counted", 60)
    assert post_feedback(crashes, items).status_code == 202
    crashes.tree.manage("shell", "-c", "from releases.tasks import tick; tick()")
    assert counted(crashes) == 20


@pytest.mark.parametrize("name", points.COUNTING)
def test_counters_whose_ingestion_is_killed_are_counted_exactly_once(crashes, name):
    rows, targets = lab.wine().judge
    before = asked(crashes)
    crashes.at(name)
    scored(crashes, rows[:20], targets[:20])
    crashes.happened()
    wait_until(lambda: asked(crashes) >= before + 20, "the requests to be counted", 60)
    scored(crashes, rows[:5], targets[:5])
    wait_until(lambda: asked(crashes) >= before + 25, "the next flush", 60)
    assert asked(crashes) == before + 25


def test_after_all_of_it_the_log_holds(crashes):
    assert "The log holds" in crashes.tree.manage("audit", "verify")


# --- clients -----------------------------------------------------------------------------------


class Load:
    """Clients that score all the while, where something is live."""

    def __init__(self, crashes: Crashes) -> None:
        rows, _ = lab.wine().judge
        body = {"inputs": {"measurements": [rows[0].tolist()]}}
        serving = crashes.live_version() is not None
        self._clients = Clients(crashes.tree.scoring, TOKEN, "wine", body, clients=2 if serving else 0)
        self._running = self._clients.running(pause_s=0.01)

    def __enter__(self) -> Load:
        self._running.__enter__()
        return self

    def __exit__(self, *error) -> None:
        self._running.__exit__(*error)

    @property
    def failed(self) -> list[str]:
        return self._clients.tally.failed


def scored(crashes, rows, targets):
    return score(crashes.tree.scoring, TOKEN, "wine", rows, targets, "measurements")


def post_feedback(crashes, items):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return httpx.post(f"{crashes.tree.scoring}/feedback", json=items, headers=headers)


def counted(crashes) -> int:
    versions = crashes.journey.ci.get("/models/wine/feedback")["versions"]
    return sum(version["labels"] for version in versions)


def asked(crashes) -> int:
    """Requests of clients for the model, as the control plane has counted them."""
    told = crashes.tree.manage(
        "shell", "-c",
        "from releases.models import Traffic; from django.db.models import Sum;"
        "print('asked', Traffic.objects.exclude(arm='internal').aggregate(n=Sum('requests'))['n'] or 0)",
    )  # fmt: skip
    return int(told.rpartition("asked ")[2].split()[0])
