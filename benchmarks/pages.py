"""List and search pages, and the same lists over REST, of a registry as large as has to be planned for.

The product's own web server, on a database of its own that `registry_rows` has filled, answers one reader
after another. What counts is the time from request to answer, as the reader has it.

    python -m benchmarks.pages [--models 1000] [--versions 1000] [--database postgres://…]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from benchmarks.capacity import Pace
from benchmarks.measures import Measure
from benchmarks.servers import ROOT, free_port

MODELS = VERSIONS = 1000
REACH_MS = 100.0
_LEAST_ASKED = 9
_WARM_UP = 2
_LARGEST_PAGE = 200
_START_SECONDS = 60.0
_SEED_SECONDS = 900.0
MACHINE = "a token"


@dataclass(frozen=True, slots=True)
class Page:
    """One page and who asks for it: a person by their session, or MACHINE by its token."""

    name: str
    who: str
    address: str


@dataclass(frozen=True, slots=True)
class Took:
    """What a page took, in milliseconds."""

    page: Page
    median: float
    slowest: float


@dataclass(frozen=True, slots=True)
class Registry:
    """A running web server, who can be asked for there, and how long its database took to fill."""

    address: str
    password: str
    token: str
    seconds: float


def measure(folder: Path, pace: Pace, models: int = MODELS, versions: int = VERSIONS) -> list[Measure]:
    with registry(folder, models, versions) as running:
        took_all = list(times(running, pages(models, versions), max(_LEAST_ASKED, pace.rounds * 3)))
    found = sorted(took_all, key=lambda took: -took.median)
    faces = (
        [took for took in found if took.page.who != MACHINE],
        [took for took in found if took.page.who == MACHINE],
    )
    size = f"{models:,} models with {versions:,} versions each"
    return [
        Measure(
            f"the slowest of {len(of_face)} lists and searches {face}, {size}",
            of_face[0].median,
            "ms",
            ", ".join(f"{took.page.name} {took.median:.0f}" for took in of_face),
            REACH_MS,
        )
        for face, of_face in zip(("as pages", "over REST"), faces, strict=True)
    ]


def pages(models: int, versions: int) -> list[Page]:
    """What is asked for. Vera sees every model, chloe also signs and releases, dara also reads the whole
    log; nora has a role on every fiftieth model, walt on all but those."""
    name = f"fraud-{models // 2 // 10 * 10:04}"
    release, event = models * versions // 8, models * versions // 3
    old_open = models * versions // 2 - 5 * models
    digits = f"{10_000_000 + models // 2}"
    return [
        Page("models", "chloe", "/"),
        Page("models, deep", "chloe", "/?cursor=a0.speech"),
        Page("models of few", "nora", "/"),
        Page("search for a name", "chloe", f"/?search={name}"),
        Page("search for words", "chloe", "/?search=web+shop"),
        Page("search in vain", "chloe", "/?search=nothing+has+this"),
        Page("search for an identity", "chloe", f"/?search={digits}"),
        Page("search for all of a name", "chloe", f"/search/?q={name}"),
        Page("search for all of words", "chloe", "/search/?q=web+shop"),
        Page("search for all of an identity", "chloe", f"/search/?q={digits}"),
        Page("search for all of a hyperparameter", "chloe", "/search/?q=max_depth"),
        Page("search for all in vain", "chloe", "/search/?q=nothing+has+this"),
        Page("search for all of few models", "nora", "/search/?q=fraud"),
        Page("a model's tag", "chloe", "/?tag=team%3Dteam-07"),
        Page("a tag of many versions", "chloe", "/?tag=framework%3Dxgboost"),
        Page("a tag of one version", "chloe", "/?tag=audited%3D2026"),
        Page("a tag's value of none", "chloe", "/?tag=framework%3Dnone"),
        Page("a tag of none", "chloe", "/?tag=nothing"),
        Page("models by last release", "chloe", "/?sort=-last"),
        Page("models on their way", "chloe", "/?state=open"),
        Page("models with nothing live", "chloe", "/?state=none"),
        Page("models of an owner", "chloe", "/?owner=amina&sort=-name"),
        Page("versions", "chloe", f"/models/{name}/"),
        Page("versions by metric", "chloe", f"/models/{name}/?sort=-metric"),
        Page("versions in a state", "chloe", f"/models/{name}/?state=superseded&metric_from=0.5"),
        Page("versions, deep", "chloe", f"/models/{name}/?cursor=a{versions // 10}"),
        Page("compare", "chloe", f"/models/{name}/compare/"),
        Page("releases", "chloe", "/releases/"),
        Page("releases, deep", "chloe", f"/releases/?cursor=a{release}"),
        Page("open releases", "chloe", "/releases/?state=open"),
        Page(
            "open releases, deep",
            "chloe",
            f"/releases/?state=open&cursor=a{old_open}",
        ),
        Page("releases of an environment", "chloe", "/releases/?environment=production"),
        Page("releases in a state there", "chloe", "/releases/?environment=production&state=rejected"),
        Page("releases of a model", "chloe", f"/releases/?model={name}&state=superseded"),
        Page("releases of mine", "chloe", "/releases/?mine=on"),
        Page("releases of few models", "nora", "/releases/"),
        Page("releases of few models in a state", "nora", "/releases/?state=rejected"),
        Page("open releases of few models", "nora", "/releases/?state=open"),
        Page("releases of most models", "walt", "/releases/"),
        Page("open releases of most models", "walt", "/releases/?state=open"),
        Page("log", "dara", "/audit/"),
        Page("log, deep", "dara", f"/audit/?cursor=a{event}"),
        Page("log by kind", "dara", "/audit/?kind=release.live"),
        Page("log by kind, deep", "dara", f"/audit/?kind=version.uploaded&cursor=a{event}"),
        Page("log by kinds", "dara", "/audit/?kind=release.*"),
        Page("log by a kind of none", "dara", "/audit/?kind=retirement.*"),
        Page("log by subject", "dara", f"/audit/?subject=version/{name}/{versions // 2}"),
        Page("log by subjects", "dara", f"/audit/?subject=version/{name}/*"),
        Page("log by model", "dara", f"/audit/?model={name}"),
        Page("log by model and kind", "dara", f"/audit/?model={name}&kind=release.rejected"),
        Page("log by actor", "dara", "/audit/?actor=person/chloe"),
        Page("log by an actor of few", "dara", "/audit/?actor=system/*"),
        Page("log by time", "dara", "/audit/?until=2026-01-01T00:00"),
        Page("log until last week", "dara", f"/audit/?until={_days_ago(7)}"),
        Page("log since yesterday", "dara", f"/audit/?since={_days_ago(1)}"),
        Page("log of one who sees all", "vera", "/audit/"),
        Page("log of few models", "nora", "/audit/"),
        Page("log of few models by kind", "nora", "/audit/?kind=release.*"),
        Page("log of most models", "walt", "/audit/"),
        Page("log of most models by kind", "walt", "/audit/?kind=release.live"),
        Page("tokens", "chloe", "/tokens/"),
        Page("models", MACHINE, "/api/v1/models"),
        Page("models, 200 a page", MACHINE, f"/api/v1/models?page_size={_LARGEST_PAGE}"),
        Page("models, deep", MACHINE, "/api/v1/models?page=a0.speech"),
        Page("search", MACHINE, "/api/v1/models?search=web+shop"),
        Page("tag", MACHINE, "/api/v1/models?tag=framework%3Dxgboost"),
        Page("versions", MACHINE, f"/api/v1/models/{name}/versions"),
        Page("versions, 200 a page", MACHINE, f"/api/v1/models/{name}/versions?page_size={_LARGEST_PAGE}"),
        Page("versions, deep", MACHINE, f"/api/v1/models/{name}/versions?page=a{versions // 10}"),
        Page("models by last release", MACHINE, "/api/v1/models?sort=-last"),
        Page("versions by metric", MACHINE, f"/api/v1/models/{name}/versions?sort=-metric"),
        Page("versions in a state", MACHINE, f"/api/v1/models/{name}/versions?state=superseded"),
        Page("releases", MACHINE, "/api/v1/releases"),
        Page("releases, deep", MACHINE, f"/api/v1/releases?page=a{release}"),
        Page("releases, oldest first", MACHINE, "/api/v1/releases?sort=opened"),
        Page("open releases", MACHINE, "/api/v1/releases?state=open"),
        Page("releases of a model", MACHINE, f"/api/v1/releases?model={name}&state=superseded"),
        Page("releases of a version", MACHINE, f"/api/v1/models/{name}/versions/1/releases"),
        Page("log", MACHINE, "/api/v1/events"),
        Page("log, 200 a page", MACHINE, f"/api/v1/events?page_size={_LARGEST_PAGE}"),
        Page("log, deep", MACHINE, f"/api/v1/events?after={event}"),
        Page("log by kind", MACHINE, "/api/v1/events?kind=release.live"),
        Page("log by kinds", MACHINE, f"/api/v1/events?kind=release.*&after={event}"),
        Page("log by subjects", MACHINE, f"/api/v1/events?subject=version/{name}/*"),
        Page("log by model", MACHINE, f"/api/v1/events?model={name}"),
        Page("log's head", MACHINE, "/api/v1/events/head"),
    ]


def times(running: Registry, asked: list[Page], often: int) -> Iterator[Took]:
    """Each page `often` times, after some that are not counted."""
    with ExitStack() as stack:
        readers = {
            who: stack.enter_context(_reader(running, who)) for who in sorted({page.who for page in asked})
        }
        for page in asked:
            each = [_ask(readers[page.who], page) for _ in range(often + _WARM_UP)][_WARM_UP:]
            yield Took(page, statistics.median(each), max(each))


@contextmanager
def registry(folder: Path, models: int, versions: int, database: str = "") -> Iterator[Registry]:
    """The web server as `make run` starts it, on a filled database of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    foreign = ("ASSAY_", "DATABASE_URL", "REDIS_URL", "S3_ENDPOINT_URL")
    own = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    port = free_port()
    own |= {"DJANGO_SETTINGS_MODULE": "config.settings", "ASSAY_DATA_DIR": str(folder)}
    own |= {"ASSAY_WEB_PORT": str(port), "ORT_DISABLE_TELEMETRY": "1"}
    own |= {"DATABASE_URL": database} if database else {}
    started = time.perf_counter()
    told = _filled(folder, own, models, versions)
    seconds = time.perf_counter() - started
    with (folder / "web.log").open("wb") as log:
        server = subprocess.Popen(told["command"], cwd=ROOT, env=own, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address, server, folder / "web.log")
        yield Registry(address, told["password"], told["token"], seconds)
    finally:
        server.terminate()
        try:
            server.wait(10)
        finally:
            server.kill()


def _filled(folder: Path, environment: Mapping[str, str], models: int, versions: int) -> dict[str, Any]:
    program = "import django; django.setup(); from benchmarks.registry_rows import main; main()"
    command = [sys.executable, "-c", program, str(models), str(versions)]
    done = subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_SEED_SECONDS,
    )
    if done.returncode:
        raise RuntimeError(f"the registry could not be filled: {done.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _wait(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            if httpx.get(f"{address}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the web server did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


@contextmanager
def _reader(running: Registry, who: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.address, timeout=120.0) as client:
        if who == MACHINE:
            client.headers["Authorization"] = f"Bearer {running.token}"
        else:
            form = client.get("/login").text
            found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
            assert found is not None
            fields = {"username": who, "password": running.password, "csrfmiddlewaretoken": found[1]}
            answer = client.post("/login", data=fields, headers={"Referer": running.address})
            assert answer.status_code == 302, answer.text
        yield client


def _ask(client: httpx.Client, page: Page) -> float:
    started = time.perf_counter()
    answer = client.get(page.address)
    took = (time.perf_counter() - started) * 1000
    if answer.status_code != 200:
        raise RuntimeError(f"{page.address}: {answer.status_code} {answer.text[:300]}")
    return took


def _days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--models", type=int, default=MODELS)
    parser.add_argument("--versions", type=int, default=VERSIONS)
    parser.add_argument("--often", type=int, default=_LEAST_ASKED)
    parser.add_argument("--database", default="", help="an empty one of its own; a SQLite file by default")
    parser.add_argument("--folder", help="keep the data here, and use it again")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="assay-pages-") as scratch:
        folder = Path(given.folder or scratch)
        with registry(folder, given.models, given.versions, given.database) as running:
            print(f"filled in {running.seconds:.0f} s")
            for took in times(running, pages(given.models, given.versions), given.often):
                page = took.page
                figures = f"{took.median:9.1f} ms {took.slowest:9.1f}"
                print(f"{figures}  {page.who:8} {page.name:30} {page.address}", flush=True)


if __name__ == "__main__":
    main()
