"""kill -9 of the web server at each step of the journey: the same call again, and all is there once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from demo.browser import Browser
from demo.people import SIGNATURES
from tests.faults import points
from tests.faults.crashes import (
    PASSWORD,
    TOKEN,
    Crashes,
    Load,
    approved,
    crashing,
    new_version,
    peers,
    upload,
)
from tests.servers import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600), pytest.mark.xdist_group("web crash points")]
WEB_WORKERS = 4
SUBJECTS = """
from registry.models import Event
print(*Event.objects.filter(kind={!r}).values_list("subject", flat=True))
"""
MISSING = """
from registry.models import Artifact
from registry.stores import artifact_store
print([one.digest for one in Artifact.objects.all() if not artifact_store().exists(one.digest)])
"""


@pytest.fixture(scope="module")
def crashes(tmp_path_factory) -> Iterator[Crashes]:
    """The product with a version live; its web server has several processes."""
    with crashing(tmp_path_factory.mktemp("web"), ASSAY_WEB_WORKERS=str(WEB_WORKERS)) as running:
        approved(running)
        running.journey.roll_out("wine-1")
        yield running


@contextmanager
def killed(crashes: Crashes, name: str, http: httpx.Client, *, apart: bool = False) -> Iterator[None]:
    """What `http` is asked for inside dies at the crash point, and scoring does not notice.

    apart   whether it is handed over to one of the processes for uploads, and dies there
    """
    doomed = crashes.processes_apart() if apart else [a_process(crashes, http)]
    crashes.at(name)
    with Load(crashes) as load:
        with pytest.raises(httpx.TransportError):
            yield
        crashes.happened()
        wait_until(lambda: not all(one.is_running() for one in doomed), "the process to be buried", 20)
    assert load.failed == []


def a_process(crashes: Crashes, http: httpx.Client) -> psutil.Process:
    """Lay the client's connection on a process that has another beside it."""
    found: list[psutil.Process] = []

    def reached_one() -> bool:
        answering = crashes.web_processes()
        told = http.get("/healthz").extensions["network_stream"].get_extra_info("client_addr")
        for one in answering:
            reached = told[1] in {each.raddr.port for each in peers(one) if each.raddr}
            if reached and len(answering) > 1:
                found.append(one)
                return True
        close_idle(http)
        return False

    wait_until(reached_one, "a connection to a process")
    return found[0]


def close_idle(http: httpx.Client) -> None:
    for connection in list(http._transport._pool.connections):
        connection.close()


@dataclass
class Caller:
    """A script with a token or a person's session, that sends the same call again under the same key."""

    http: httpx.Client
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, address: str, key: str, **body: Any) -> httpx.Response:
        headers = {**self.headers, "Idempotency-Key": key}
        return self.http.post(f"/api/v1{address}", headers=headers, **body)

    def until_answered(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        """The answer, once the key of the killed call is free."""
        found: list[httpx.Response] = []

        def answered() -> bool:
            found[:] = [send()]
            return found[0].json().get("code") != "in_progress"

        wait_until(answered, "the key to be free", 40)
        return found[0]


@pytest.fixture(scope="module")
def ci(crashes) -> Iterator[Caller]:
    with httpx.Client(base_url=crashes.tree.web, timeout=60, trust_env=False) as http:
        yield Caller(http, {"Authorization": f"Bearer {TOKEN}"})


def session(browser: Browser) -> Caller:
    """The person's browser, used as a page's script would use it."""
    http = browser._http
    http.get("/")
    return Caller(http, {"X-CSRFToken": http.cookies["csrftoken"], "Referer": str(http.base_url)})


def parts(folder: Path) -> dict[str, tuple[str, bytes]]:
    document = yaml.safe_load((folder / "model.yaml").read_text())
    named = {key: (name, (folder / name).read_bytes()) for key, name in document["files"].items()}
    return {"manifest": ("model.yaml", (folder / "model.yaml").read_bytes()), **named}


def versions(crashes: Crashes) -> list[int]:
    return [one["number"] for one in crashes.journey.ci.get("/models/wine/versions")["results"]]


def events(crashes: Crashes, kind: str) -> list[str]:
    """What the log has events of this kind about."""
    return crashes.tree.manage("shell", "-v", "0", "-c", SUBJECTS.format(kind)).split()


UPLOADS = (
    *points.UPLOADING,
    points.WRITTEN.format("version.tagged"),  # the last event of an upload that brings tags
    points.COMMITTED.format("version.tagged"),
    "answer.fulfilled",
)


def test_an_upload_that_is_killed_at_any_step_is_one_version_when_it_is_sent_again(crashes, ci):
    sent = {}
    for name in UPLOADS:
        sent[name] = parts(new_version(crashes))
        before = versions(crashes)
        with killed(crashes, name, ci.http, apart=True):
            ci.call("/models/wine/versions", name, files=sent[name])
        committed = name in UPLOADS[-2:]
        assert len(versions(crashes)) == len(before) + committed, f"half of an upload is visible: {name}"

    numbers = []
    for name, files in sent.items():
        answer = ci.until_answered(lambda: ci.call("/models/wine/versions", name, files=files))  # noqa: B023
        assert answer.status_code in (200, 201), f"{name}: {answer.text}"
        numbers.append(answer.json()["number"])

    assert set(versions(crashes)) >= set(numbers)
    assert len(set(numbers)) == len(UPLOADS)
    subjects = Counter(events(crashes, "version.uploaded"))
    assert subjects == {f"version/wine/{number}": 1 for number in versions(crashes)}
    assert list(crashes.tree.data.glob("work/upload-*")) == []
    assert crashes.tree.manage("shell", "-v", "0", "-c", MISSING).strip() == "[]"


OPENED = (*(each.format("release.opened") for each in (points.WRITTEN, points.COMMITTED)), "answer.kept")


def test_a_release_whose_opening_is_killed_is_opened_once(crashes, ci):
    for name in OPENED:
        uploaded = crashes.journey.ci.upload(new_version(crashes)).json()
        address = f"/models/wine/versions/{uploaded['number']}/releases"
        body = {"environment": "production", "strategy": {"kind": "single"}, "submit": False}
        with killed(crashes, name, ci.http):
            ci.call(address, f"open {name}", json=body)
        answer = ci.call(address, f"open {name}", json=body)
        assert answer.status_code == 201, answer.text

        (release,) = crashes.journey.ci.get(address)["results"]
        assert release["id"] == answer.json()["id"]
        kinds = Counter(event["kind"] for event in answer.json()["timeline"])
        assert kinds["release.opened"] == 1
        assert answer.headers.get("Idempotency-Replayed") == (None if "written" in name else "true")


def test_signatures_whose_taking_is_killed_stand_once(crashes):
    upload(crashes)
    crashes.journey.prove("wine-1")
    number = crashes.journey.releases["wine-1"]
    last = [each.format("release.approved") for each in (points.WRITTEN, points.COMMITTED)]
    other = [each.format("review.given") for each in (points.WRITTEN, points.COMMITTED)]
    for (name, slot, words), point in zip(SIGNATURES, [*other, other[0], last[0]], strict=True):
        person = crashes.journey.people[name]
        with killed(crashes, point, person._http):
            person.sign(number, slot, "approve", words)
        taken = person.sign(number, slot, "approve", words)
        assert taken == ("written" in point), "the page offers a slot again only where the signature is lost"

    assert crashes.release()["state"] == "approved"
    assert (crashes.kinds()["review.given"], crashes.kinds()["release.approved"]) == (4, 1)


def test_a_start_and_a_rollback_whose_taking_is_killed_are_taken_once(crashes):
    number, chloe = crashes.journey.releases["wine-1"], session(crashes.journey.people["chloe"])
    before = crashes.live_version()
    start = [each.format("release.rolling_out") for each in (points.WRITTEN, points.COMMITTED)]
    back = [each.format("route.revised") for each in (points.WRITTEN, points.COMMITTED)]
    for action, names, state in (("start_rollout", start, "live"), ("roll_back", back, "rolled_back")):
        address, body = f"/releases/{number}/actions/{action}", {"grounds": f"we want to {action}"}
        for name in names:
            with killed(crashes, name, chloe.http):
                chloe.call(address, action, json=body)
        answer = chloe.call(address, action, json=body)
        assert (answer.status_code, answer.headers.get("Idempotency-Replayed")) == (200, "true"), answer.text
        assert crashes.journey.ci.wait_for_state(number, {state}, 60)["state"] == state

    assert crashes.live_version() == before
    kinds = crashes.kinds()
    assert [kinds[f"release.{state}"] for state in ("rolling_out", "live", "rolled_back")] == [1, 1, 1]
    assert (kinds["rollout.started"], kinds["rollout.finished"]) == (1, 1)


def test_a_version_whose_joining_is_killed_joins_once(crashes):
    approved(crashes, {"kind": "shadow"})
    first, chloe = crashes.journey.releases["wine-1"], session(crashes.journey.people["chloe"])
    crashes.journey.start("wine-1")
    wait_until(lambda: crashes.kinds()["rollout.stage_begun"] == 1, "the shadow to begin", 60)
    approved(crashes)
    second = crashes.journey.releases["wine-1"]
    address, body = f"/releases/{second}/actions/join_rollout", {"grounds": "it may be better still"}
    for each in (points.WRITTEN, points.COMMITTED):
        with killed(crashes, each.format("release.rolling_out"), chloe.http):
            chloe.call(address, "join", json=body)
    answer = chloe.call(address, "join", json=body)
    assert (answer.status_code, answer.headers.get("Idempotency-Replayed")) == (200, "true"), answer.text

    timeline = crashes.journey.ci.get(f"/releases/{first}")["timeline"]
    assert Counter(event["kind"] for event in timeline)["rollout.joined"] == 1
    assert crashes.kinds()["release.rolling_out"] == 1
    for number in (first, second):  # refused while shares are on their way
        end = partial(crashes.journey.people["chloe"].act, number, "end_trial", "that will do", "wine")
        wait_until(end, f"release {number} to leave", 60)
    for number in (first, second):
        assert crashes.journey.ci.wait_for_state(number, {"approved"}, 60)["state"] == "approved"


def test_feedback_over_rest_whose_taking_is_killed_counts_once(crashes, ci):
    answer = httpx.post(
        f"{crashes.tree.scoring}/score/wine",
        json={"inputs": {"measurements": [[1.0] * 13]}},
        headers=ci.headers,
    )
    items = [{"request_id": answer.json()["request_id"], "reward": 1.0}]
    for each in (points.WRITTEN, points.COMMITTED):
        with killed(crashes, each.format("feedback.ingested"), ci.http):
            ci.call("/feedback", "reward", json=items)
    told = ci.call("/feedback", "reward", json=items)

    assert [one["status"] for one in told.json()] == ["accepted"]
    counts = crashes.journey.ci.get("/models/wine/feedback")["versions"]
    assert sum(version["rewards"] for version in counts) == 1


def test_a_token_whose_making_is_killed_is_one_token(crashes):
    amina = session(crashes.journey.people["amina"])
    body = {"name": "the one", "scopes": ["upload"]}
    for each in (points.WRITTEN, points.COMMITTED):
        with killed(crashes, each.format("token.created"), amina.http):
            amina.call("/tokens", "the one", json=body)
    told = amina.call("/tokens", "the one", json=body)

    assert (told.status_code, told.json()["token"]) == (201, None), "told once, and that was to nobody"
    assert [one["name"] for one in crashes.journey.people["amina"].api("/tokens")] == ["the one"]


def test_a_change_of_policy_whose_steps_are_killed_is_made_once(crashes):
    admin, edda = (session(crashes.journey.people[name]) for name in ("admin", "edda"))
    here, grounds = "/models/wine/policy-proposals", "each of its steps is to be killed"
    read = crashes.journey.ci.get("/models/wine")["policy_digest"]
    asked = {"policy": {"serving": {"cache_mb": 1}}, "based_on": read, "grounds": grounds}
    for each in (points.WRITTEN, points.COMMITTED):
        with killed(crashes, each.format("policy.proposed"), admin.http):
            admin.call(here, "propose", json=asked)
    proposal = admin.call(here, "propose", json=asked)
    confirm = f"{here}/{proposal.json()['id']}/actions/confirm"
    for each in (points.WRITTEN, points.COMMITTED):
        with killed(crashes, each.format("policy.confirmed"), edda.http):
            edda.call(confirm, "confirm", json={"grounds": grounds})
    confirmed = edda.call(confirm, "confirm", json={"grounds": grounds})

    assert (proposal.status_code, confirmed.json()["state"]) == (201, "confirmed")
    assert {each.headers["Idempotency-Replayed"] for each in (proposal, confirmed)} == {"true"}
    assert crashes.journey.ci.get("/models/wine")["policy"]["serving"]["cache_mb"] == 1
    told = crashes.journey.people["dara"].api("/events?kind=policy.*")["results"]
    assert [event["kind"] for event in told] == ["policy.proposed", "policy.confirmed"]


def test_a_log_in_that_is_killed_may_be_tried_again(crashes):
    dara = Browser(crashes.tree.web, "dara")
    with killed(crashes, *points.LOGGING_IN, dara._http):
        dara.log_in(PASSWORD)
    dara.log_in(PASSWORD)
    dara.close()


def test_after_all_of_it_the_log_holds(crashes):
    assert "The log holds" in crashes.tree.manage("audit", "verify")
    wait_until(lambda: len(crashes.web_processes()) == WEB_WORKERS, "every web process to be back")
