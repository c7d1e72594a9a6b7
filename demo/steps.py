"""The journey step by step, through the public faces: REST, pages, scoring. Knows no Django."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx

from demo import lab, models
from demo.browser import Browser
from demo.journey import ENVIRONMENT, Journey, short
from demo.people import PEOPLE
from demo.scoring import Tally, infer, score
from demo.telling import Stopped, milliseconds

if TYPE_CHECKING:
    from demo.rest import Standing

ROLLED_BACK_WITHIN_S = 5.0
AFTER_SWITCH_S = 1.0
SCORED_ROWS = 200


def play(journey: Journey) -> bool:
    """Every step in order; stops where going on makes no sense. True when each did what it should."""
    try:
        for step in STEPS:
            step(journey)
    except Stopped:
        pass
    except httpx.HTTPStatusError as refused:
        where, answer = refused.request.url, refused.response
        journey.tell.check(
            False, "stopped here", f"{where} answered {answer.status_code}: {answer.text[:300]}"
        )
    except httpx.HTTPError as lost:
        journey.tell.check(False, "stopped here", f"{type(lost).__name__}: {lost}")
    journey.close()
    return journey.tell.end()


def train(journey: Journey) -> None:
    journey.tell.step("Training real models and converting them to ONNX")
    for version in models.VERSIONS:
        started = time.monotonic()
        folder = version.make(journey.work / version.folder)
        journey.folders[version.folder] = folder
        size = (folder / "model.onnx").stat().st_size / 1024
        journey.tell.say(
            version.folder, f"{version.about}, {size:.0f} KiB, {time.monotonic() - started:.1f} s"
        )


def register(journey: Journey) -> None:
    journey.tell.step("CI registers the models and uploads over REST, with its token")
    for subject in (models.DIGITS, models.BREAST_CANCER, models.WINE):
        body = {"name": subject.model, "description": subject.title, "task": "classification"}
        answer = journey.ci.post("/models", body)
        journey.tell.require(answer.status_code in (201, 409), subject.model, f"{answer.status_code}")
    for version in models.VERSIONS:
        if version.folder != "digits-2":
            journey.upload(version.folder)
    again = journey.ci.upload(journey.folders["digits-1"])
    same = again.status_code == 200 and again.json()["number"] == journey.numbers["digits-1"]
    journey.tell.check(
        same, "the same upload again", f"{again.status_code}, version {again.json().get('number')}"
    )


def refuse(journey: Journey) -> None:
    journey.tell.step("What is no model is refused, with the field named, and leaves nothing")
    folder = journey.folders["wine-1"]
    cut = (folder / "model.onnx").read_bytes()[:-200]
    for name, bytes_ in (
        ("a pickle named .onnx", b"\x80\x04\x95\x10\x00\x00\x00."),
        ("a truncated file", cut),
    ):
        answer = journey.ci.upload(folder, model=bytes_)
        fields = [error["field"] for error in answer.json().get("errors", [])]
        journey.tell.check(
            answer.status_code == 422, name, f"{answer.status_code} {answer.json().get('code')} {fields}"
        )
    answer = httpx.post(f"{journey.base_url}/api/v1/models", json={"name": "x"}, trust_env=False)
    journey.tell.check(answer.status_code == 401, "no token", f"{answer.status_code}")


def prove(journey: Journey) -> None:
    journey.tell.step("Workers prove each version in isolation")
    for version in models.VERSIONS:
        if version.folder in journey.releases:
            journey.prove(version.folder)


def review(journey: Journey) -> None:
    journey.tell.step("People review and approve in the browser")
    for person in PEOPLE:
        journey.people[person.name] = Browser(journey.base_url, person.name)
        journey.people[person.name].log_in(journey.password)
    release, words = journey.releases["digits-1"], "I looked at all of it."
    offered = journey.people["amina"].sign(release, "technical", "approve", words)
    journey.tell.check(not offered, "amina has no such button", "her role is contributor")
    body = {"slot": "technical", "verdict": "approve", "grounds": words}
    answer = journey.ci.post(f"/releases/{release}/reviews", body)
    journey.tell.check(
        answer.status_code == 403, "a machine signs nothing", f"{answer.status_code} {short(answer)}"
    )
    for folder in ("digits-1", "breast-cancer-1", "wine-1"):
        journey.sign(folder)


def release(journey: Journey) -> None:
    journey.tell.step("Rollouts: prepare on every node, commit closed, verify from outside, open")
    for folder in ("digits-1", "breast-cancer-1", "wine-1"):
        journey.roll_out(folder)


def use(journey: Journey) -> None:
    journey.tell.step("Client applications score")
    for subject, data in (
        (models.DIGITS, lab.digits()),
        (models.BREAST_CANCER, lab.breast_cancer()),
        (models.WINE, lab.wine()),
    ):
        rows, targets = data.judge[0][:SCORED_ROWS], data.judge[1][:SCORED_ROWS]
        tally = score(journey.scoring_url, journey.token, subject.model, rows, targets, subject.input_name)
        share = tally.right / max(1, tally.answered)
        good = not tally.failed and share > 0.9
        journey.tell.check(
            good,
            f"/score/{subject.model}",
            f"{tally.answered} answers, {share:.1%} right, {milliseconds(tally.latencies)}",
        )
        who, labels, seconds = infer(
            journey.scoring_url, journey.token, subject.model, rows, subject.input_name
        )
        right = float((labels == targets).mean())
        journey.tell.check(
            right == share,
            "/v2, one batch",
            f"{len(rows)} rows, {right:.1%} right, {seconds * 1000:.1f} ms ({who})",
        )
        if subject is models.DIGITS:
            _give_feedback(journey, tally, targets.tolist())
    answer = httpx.post(f"{journey.scoring_url}/score/digits", json={"inputs": {}}, trust_env=False)
    journey.tell.check(answer.status_code == 401, "no token", f"{answer.status_code}")


def _give_feedback(journey: Journey, tally: Tally, targets: list[int]) -> None:
    items = [{"request_id": i, "label": t} for i, t in zip(tally.ids, targets, strict=True)]
    headers = {"Authorization": f"Bearer {journey.token}"}
    for _ in range(2):
        answer = httpx.post(f"{journey.scoring_url}/feedback", json=items, headers=headers, trust_env=False)
    journey.tell.check(
        answer.status_code == 202, "labels, sent twice", f"{answer.status_code}, {len(items)} items"
    )
    counted, deadline = 0, time.monotonic() + 20
    while counted < len(items) and time.monotonic() < deadline:
        time.sleep(0.2)
        versions = journey.ci.get("/models/digits/feedback")["versions"]
        counted = sum(version["labels"] for version in versions)
    journey.tell.check(counted == len(items), "counted exactly once", f"{counted} of {len(items)}")
    again = journey.ci.post("/feedback", items[:3])
    statuses = (
        sorted({item["status"] for item in again.json()}) if again.status_code == 200 else [short(again)]
    )
    journey.tell.check(statuses == ["duplicate"], "and once more over REST", ", ".join(statuses))


def succeed(journey: Journey) -> None:
    journey.tell.step("The successor: proven against the champion, reviewed, rolled out under load")
    journey.upload("digits-2")
    journey.prove("digits-2")
    journey.sign("digits-2")
    with journey.load().running() as load:
        journey.roll_out("digits-2")
        time.sleep(AFTER_SWITCH_S)
    _tell_load(journey, load.tally)


def _tell_load(journey: Journey, tally: Tally) -> None:
    shares = ", ".join(f"version {v}: {n}" for v, n in sorted(tally.versions.items()))
    journey.tell.say("  under load", f"{tally.answered} answers ({shares}), {milliseconds(tally.latencies)}")
    first = f", first: {tally.failed[0]}" if tally.failed else ""
    journey.tell.check(not tally.failed, "  failed requests", f"{len(tally.failed)}{first}")
    journey.tell.check(len(tally.versions) == 2, "  both versions answered", shares)


def roll_back(journey: Journey) -> None:
    journey.tell.step("Rollback by hand, under load")
    switched = datetime.now(UTC)
    new, old = journey.numbers["digits-2"], journey.numbers["digits-1"]
    with journey.load().running() as load:
        time.sleep(0.5)
        decided = time.monotonic()
        pressed = journey.people["chloe"].act(
            journey.releases["digits-2"],
            "roll_back",
            "A drill: the earlier version must be back at once.",
            "digits",
        )
        journey.tell.require(pressed, "chloe rolls back", f"version {new} to {old}")
        journey.ci.wait_for_state(journey.releases["digits-2"], {"rolled_back"}, 20)
        time.sleep(AFTER_SWITCH_S)
    _tell_load(journey, load.tally)
    seconds = max(0.0, load.tally.last_seen.get(new, decided) - decided)
    journey.tell.check(
        seconds <= ROLLED_BACK_WITHIN_S, "  last answer of the new one", f"{seconds:.2f} s after the decision"
    )
    now = journey.ci.get(f"/environments/{ENVIRONMENT}/models/digits")
    then = journey.ci.get(f"/environments/{ENVIRONMENT}/models/digits", at=switched.isoformat())
    journey.tell.check(
        _only(now) == old, "  live now", f"version {_only(now)}, revision {now['revision']}, by {now['by']}"
    )
    journey.tell.check(
        _only(then) == new, "  live a moment ago", f"version {_only(then)}, revision {then['revision']}"
    )


def _only(standing: Standing) -> int | None:
    arms = standing["arms"]
    return int(arms[0]["version"]) if len(arms) == 1 else None


def audit(journey: Journey) -> None:
    journey.tell.step("The auditor verifies the history")
    started = time.monotonic()
    report = journey.people["dara"].api("/events/verify")
    seconds = time.monotonic() - started
    journey.tell.check(
        report["intact"],
        "the chain holds",
        f"{report['events']} events, {report['witnessed']} seen by the witness, {seconds:.2f} s",
    )
    approved = journey.people["dara"].api("/events?kind=release.approved")["results"]
    journey.tell.check(
        len(approved) >= 4, "approvals in the log", ", ".join(sorted({e["actor"] for e in approved}))
    )


STEPS: tuple[Callable[[Journey], None], ...] = (
    train,
    register,
    refuse,
    prove,
    review,
    release,
    use,
    succeed,
    roll_back,
    audit,
)
