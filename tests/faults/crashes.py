"""A running product that kills itself where a test says, and whoever plays with it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from demo import catalog, lab
from demo.browser import Browser
from demo.journey import AT_ONCE, Journey
from demo.people import PEOPLE
from demo.scoring import Load as Clients
from demo.telling import Teller
from tests import live
from tests.servers import wait_until

TOKEN = "assay_c0ffee00_kill-nine-is-a-normal-day-for-us"
PASSWORD = "correct horse battery"
_runs = itertools.count(1)


class Crashes:
    """A running product, a journey in it, and the file that asks for a kill."""

    def __init__(self, tree: live.LiveTree, journey: Journey, asked: Path) -> None:
        self.tree, self.journey, self.asked = tree, journey, asked

    def at(self, name: str) -> None:
        self._name = name
        self.asked.write_text(name)

    def happened(self) -> None:
        """The process that reached the point has died there."""
        wait_until(lambda: not self.asked.exists(), f"{self._name} to be reached", 60)

    @contextmanager
    def one_after_another(self, names: Sequence[str]) -> Iterator[None]:
        """Ask for each crash as soon as the one before has happened; all have at the end."""

        def ask() -> None:
            for name in names:
                self.at(name)
                self.happened()

        with ThreadPoolExecutor(1) as thread:
            asking = thread.submit(ask)
            yield
            asking.result()

    def release(self) -> dict:
        return self.journey.ci.get(f"/releases/{self.journey.releases['wine-1']}")

    def release_once_the_web_is_back(self) -> dict:
        """What may still be asked of a process that is about to be gone counts as not asked."""
        told: list[dict] = []

        def answers() -> bool:
            with suppress(httpx.TransportError):
                told.append(self.release())
            return bool(told)

        wait_until(answers, "the web to be back", 60)
        return told[0]

    def live_version(self) -> int | None:
        arms = self.journey.ci.get("/environments/production/models/wine")["arms"]
        return arms[0]["version"] if len(arms) == 1 else None

    def kinds(self) -> Counter[str]:
        """How often the log has each kind for this release."""
        return Counter(event["kind"] for event in self.release()["timeline"])

    def web_processes(self) -> list[psutil.Process]:
        """Those of the web server that have started to answer on its port."""
        return [one for one in self._of_web() if one.nice() == 0]

    def processes_apart(self) -> list[psutil.Process]:
        """Those to which uploads are handed over: they step back behind the others."""
        return [one for one in self._of_web() if one.nice() > 0]

    def _of_web(self) -> list[psutil.Process]:
        return psutil.Process(self.tree.pids()["web"]).children()


def peers(process: psutil.Process) -> list[Any]:
    """A process's connections; none of one that has just died."""
    with suppress(psutil.Error):
        return process.net_connections("tcp")
    return []


@contextmanager
def crashing(folder: Path, **more: str) -> Iterator[Crashes]:
    """The product with its people logged in and the model `wine` registered."""
    asked = folder / "crash"
    settings = {
        "ASSAY_CRASHPOINT_FILE": str(asked),
        "ASSAY_BENCHMARK_SECONDS": "1",
        "ASSAY_DEMO_TOKEN": TOKEN,
        "ASSAY_DEMO_PASSWORD": PASSWORD,
    }
    with live.running(**settings | more) as tree:
        tree.manage("shell", "-c", "from demo.seeding import seed; seed()")
        journey = Journey(Teller(), tree.web, tree.scoring, TOKEN, PASSWORD, folder)
        for person in PEOPLE:
            journey.people[person.name] = Browser(tree.web, person.name)
            journey.people[person.name].log_in(PASSWORD)
        journey.ci.post("/models", {"name": "wine", "description": "", "task": ""})
        version = next(v for v in catalog.VERSIONS if v.folder == "wine-1")
        journey.folders["wine-1"] = version.make(folder / "wine-1")
        yield Crashes(tree, journey, asked)
        journey.close()


def new_version(crashes: Crashes) -> Path:
    """The folder of a version that is not there yet: the same model from another run of its training."""
    folder = crashes.journey.folders["wine-1"]
    document = yaml.safe_load((folder / "model.yaml").read_text())
    document["built"]["run"] = f"run {next(_runs)}"
    (folder / "model.yaml").write_text(yaml.safe_dump(document))
    return folder


def upload(crashes: Crashes, strategy: Mapping[str, object] = AT_ONCE) -> None:
    """The next version and its release."""
    new_version(crashes)
    crashes.journey.upload("wine-1", strategy)


def approved(crashes: Crashes, strategy: Mapping[str, object] = AT_ONCE) -> None:
    """One more version, proven and signed."""
    upload(crashes, strategy)
    crashes.journey.prove("wine-1")
    crashes.journey.sign("wine-1")


class Load:
    """Clients that score all the while, where something is live."""

    def __init__(self, crashes: Crashes) -> None:
        rows, _ = lab.wine().judge
        body = {"inputs": {"measurements": [rows[0].tolist()]}}
        serving = crashes.live_version() is not None
        self._clients = Clients(
            crashes.tree.scoring, TOKEN, "wine", lambda _: body, clients=2 if serving else 0
        )
        self._running = self._clients.running(pause_s=0.05)  # enough to meet any moment without an answer

    def __enter__(self) -> Load:
        self._running.__enter__()
        return self

    def __exit__(self, *error) -> None:
        self._running.__exit__(*error)

    @property
    def failed(self) -> list[str]:
        return self._clients.tally.failed

    @property
    def versions(self) -> set[int]:
        return set(self._clients.tally.versions)
