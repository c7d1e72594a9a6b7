"""A live version, a new one that dies on some rows, clients all the while: it goes back by itself.

Before anybody decides anything, the node answers with the version that was live before.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
import uuid
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings as configured

from formats.plan import ArtifactRef
from registry.models import Event, Role
from registry.services import jobs
from releases import dataplane
from releases.lifecycle import State
from releases.models import Rollout, StageTraffic, Switch
from releases.rollout import publishing
from releases.rollout.switching import saga, switches
from releases.services import advancing, breaking, opening, rollouts
from releases.traffic import counters
from tests import makers
from tests.scoring import models
from tests.scoring.nodes import REQUEST_KEY, Node, Store, wait_for
from tests.scoring.test_crashes import LEAST, request

pytestmark = [pytest.mark.faults, pytest.mark.django_db]

SIGNATURE = {
    "inputs": [
        {"name": name, "datatype": "INT64", "shape": [-1, 1], "features": [], "optional": False}
        for name in ("x", "d")
    ],
    "outputs": [{"name": "y", "datatype": "INT64", "shape": [-1, 1], "features": [], "optional": False}],
}


class Stage:
    """Control services of this process, a node in processes of its own, a Redis between them."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.environment = makers.environment(f"e{uuid.uuid4().hex[:12]}")
        self.store = Store(Path(configured.STORE.removeprefix("file:")))
        self.chloe = makers.person("chloe", Role.RELEASE_MANAGER)
        self.model = makers.model("deadly")
        key = folder / "plan.pub"
        key.write_bytes(
            configured.PLAN_KEY().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        extra = ["--plan-key", str(key), "--redis", redis_url, "--environment", self.environment.name]
        self.node = Node(folder, self.store, extra=extra)
        publishing.publish(self.environment)
        self.node.start()

    def release(self, content: bytes):
        """Proven and approved, as the gates and the people would have left it."""
        version = makers.version(self.model, signature=SIGNATURE, content=content)
        self.store.put(content)
        release = opening.open_release(
            version,
            environment=self.environment.name,
            strategy={"kind": "single"},
            by=version.uploaded_by,
        )
        outputs = [{"name": "y", "datatype": "INT64", "shape": [1, 1], "data": [3]}]
        row = {"set": "end_to_end", "row": 0, "request": request(7, 2), "outputs": outputs}
        head = {"format": 1, "atol": 0, "rtol": 0, "end_to_end": 1, "confidence": 0}
        answers: ArtifactRef = self.store.put(
            b"".join(json.dumps(line).encode() + b"\n" for line in (head, row))
        )
        makers.prove(release, batchable=True, answers=answers.to_json())
        return makers.approve(release)

    def roll_out(self, release):
        rollouts.start_rollout(release, by=self.chloe)
        self.advance(release)
        release.refresh_from_db()
        return release

    def advance(self, release):
        """As workers do: what waits for nodes is taken up again."""
        while True:
            with suppress(jobs.NotYet):
                return advancing.advance_rollout(release.pk)

    def tick(self):
        breaking.watch(self.environment, publishing.heartbeats(self.environment))
        publishing.ensure_published(self.environment)


@pytest.fixture
def stage(tmp_path, redis_url, settings):
    settings.REDIS_URL = redis_url
    settings.SCORING_PUBLIC = True
    settings.REQUEST_KEY = lambda: REQUEST_KEY
    settings.PLAN_FILE = tmp_path / "plans" / "production.json"
    dataplane.client.cache_clear()
    stage = Stage(tmp_path, redis_url)
    yield stage
    stage.node.stop()
    dataplane.client.cache_clear()


class Clients:
    """Ask for ordinary rows all the time, and retry once: at once, or when the answer says."""

    def __init__(self, port: int, count: int = 3) -> None:
        self.answered: Counter[str] = Counter()
        self.retried = 0
        self.failures: list[str] = []
        self._port = port
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        while not self._stopped.wait(0.005):
            pause = self._ask(last=False)
            if pause is not None:
                self.retried += 1
                self._stopped.wait(0) or time.sleep(pause)
                self._ask(last=True)

    def _ask(self, *, last: bool) -> float | None:
        """None when all is well, else after how many seconds to ask again."""
        try:
            status, headers, document = ask(self._port, request(7, 2))
        except (OSError, http.client.HTTPException) as error:
            told, pause = f"{type(error).__name__}: {error}", 0.0
        else:
            if status == 200:
                self.answered[document["model_version"]] += 1
                return None
            told, pause = f"{status} {document}", float(headers.get("Retry-After", 0))
        if last:
            self.failures.append(told)
        return pause


def ask(port, body):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("POST", "/v2/models/deadly/infer", json.dumps(body))
        answer = connection.getresponse()
        return answer.status, answer.headers, json.loads(answer.read())


def poison(port):
    """One row that kills, in a body of its own."""
    with pytest.raises((OSError, http.client.HTTPException)):
        ask(port, request(LEAST, -1) | {"id": uuid.uuid4().hex})


def test_a_version_that_kills_its_workers_goes_back_and_patient_clients_notice_nothing(stage):
    first = stage.roll_out(stage.release(models.divides_safely()))
    assert first.state == State.LIVE
    port = stage.node.port
    assert ask(port, request(LEAST, -1))[0] == 200
    with Clients(port) as clients:
        second = stage.roll_out(stage.release(models.divides()))
        assert second.state == State.LIVE
        wait_for(lambda: clients.answered["2"] > 20, "answers of the new version")
        for deaths in (1, 2, 3):
            poison(port)
            wait_for(
                lambda deaths=deaths: stage.node.facts()["restarts"] >= deaths and stage.node.all_joined(),
                "the heir",
            )
        seen = clients.answered["1"]
        wait_for(lambda: clients.answered["1"] > seen + 50, "answers of the version before, by itself")
        assert not back(first, second)
        tripped_at = time.monotonic()
        wait_for(lambda: stage.tick() or back(first, second), "the roll-back")
        wait_for(lambda: stage.node.facts()["models"]["deadly"]["ready"] == [1], "the node")
        took = time.monotonic() - tripped_at
        seen = clients.answered["1"]
        wait_for(lambda: clients.answered["1"] > seen + 50, "answers of the old version")

    assert clients.failures == []
    assert took < 5
    reason = Event.objects.get(kind="release.rolled_back").facts["reason"]
    assert "Node n1 gave up version 2: 3 workers died" in reason
    assert Event.objects.filter(kind="breaker.tripped").count() == 1


def back(first, second):
    first.refresh_from_db()
    second.refresh_from_db()
    return (first.state, second.state) == (State.LIVE, State.ROLLED_BACK)


def test_a_version_that_dies_when_it_is_verified_turns_its_rollout_back(stage):
    """The reference rows themselves kill: the switch hears of it before any client is moved."""
    first = stage.roll_out(stage.release(models.divides_safely()))
    release = stage.release(models.divides())
    rollouts.start_rollout(release, by=stage.chloe)
    switch = Switch.objects.get(rollout__release=release)
    for phase in (saga._prepare, saga._commit_closed):
        phase(switches.as_it_stands(switch), advancing.ENDS)
    path = f"/v2/models/deadly/versions/{release.version.number}/infer"
    headers = {"Authorization": f"Bearer {publishing.internal_token()}"}
    for deaths in (1, 2, 3):
        with closing(http.client.HTTPConnection("127.0.0.1", stage.node.port, timeout=20)) as connection:
            body = json.dumps(request(LEAST, -1) | {"id": str(deaths)})
            connection.request("POST", path, body, headers)
            with pytest.raises((OSError, http.client.HTTPException)):
                connection.getresponse()
        wait_for(
            lambda deaths=deaths: stage.node.facts()["restarts"] >= deaths and stage.node.all_joined(), "heir"
        )
    wait_for(lambda: "broken" in stage.node.facts()["models"]["deadly"], "the breaker")
    stage.advance(release)

    release.refresh_from_db()
    first.refresh_from_db()
    assert (first.state, release.state) == (State.LIVE, State.ROLLED_BACK)
    assert "not run on this node any more" in Rollout.objects.get(release=release).reason
    assert ask(stage.node.port, request(LEAST, -1))[2]["model_version"] == "1"


def test_what_clients_ask_is_counted_for_the_stage_that_has_opened(stage):
    """Two rollouts of one model: each answer belongs to the revision that chose its arm, across the wall."""
    asked = {}
    for content, times in ((models.divides_safely(), 5), (models.divides(), 3)):
        release = stage.roll_out(stage.release(content))
        assert [ask(stage.node.port, request(7, 2))[0] for _ in range(times)] == [200] * times
        switch = Switch.objects.get(rollout__release=release)
        asked[switch.stage_id, switch.opened, release.version.number] = times

    def counted():
        counters.ingest(stage.environment)
        rows = StageTraffic.objects.exclude(arm="internal")
        return {(row.stage_id, row.revision, row.version): row.requests for row in rows}

    wait_for(lambda: counted() == asked, "the counts of both stages")
