"""The journey step by step, through the public faces: REST, pages, scoring. Knows no Django."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx

from demo import catalog, lab
from demo.browser import Browser
from demo.journey import ENVIRONMENT, Journey, short
from demo.people import PEOPLE
from demo.scoring import Load, Tally, infer, score
from demo.telling import Stopped, milliseconds

if TYPE_CHECKING:
    from demo.rest import ReleaseTold, RolloutTold, Standing

ROLLED_BACK_WITHIN_S = 5.0
"""What is promised: after the decision bad answers end within seconds."""
AFTER_SWITCH_S = 1.0
"""Nodes tell their counters within it, and requests that began before have ended."""
LATER = ("digits-2", "digits-frail", "digits-3")
"""Versions that CI uploads when the others serve."""
SCORED_ROWS = 200
"""Enough to see that all are answered, and over in a second."""
DECIDED_WITHIN_S = 180.0
"""Many times what the evidence takes with the demonstration's traffic: beyond this it will not come."""
CROWD_PAUSE_S, READERS_PAUSE_S = 0.002, 0.01
"""Of each client between two requests. What readers say has to be counted within the seconds of a demo."""


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
    for version in catalog.VERSIONS:
        started = time.monotonic()
        folder = version.make(journey.work / version.folder)
        journey.folders[version.folder] = folder
        size = (folder / "model.onnx").stat().st_size / 1024
        journey.tell.say(
            version.folder, f"{version.about}, {size:.0f} KiB, {time.monotonic() - started:.1f} s"
        )


def register(journey: Journey) -> None:
    journey.tell.step("CI registers the models and uploads over REST, with its token")
    for subject in (catalog.DIGITS, catalog.BREAST_CANCER, catalog.WINE):
        body = {"name": subject.model, "description": subject.title, "task": "classification"}
        answer = journey.ci.post("/models", body)
        journey.tell.require(answer.status_code in (201, 409), subject.model, f"{answer.status_code}")
    for version in catalog.VERSIONS:
        if version.folder not in LATER:
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
    for version in catalog.VERSIONS:
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
        (catalog.DIGITS, lab.digits()),
        (catalog.BREAST_CANCER, lab.breast_cancer()),
        (catalog.WINE, lab.wine()),
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
        if subject is catalog.DIGITS:
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


def find_unseen(journey: Journey) -> None:
    journey.tell.step(
        "A canary begins as a shadow: what one request in fifty meets is found before any client"
    )
    journey.upload("digits-frail", {"kind": "canary"})
    done, tally = _watched(journey, "digits-frail")
    _tell_returned(journey, done)
    new = journey.numbers["digits-frail"]
    journey.tell.check(
        not tally.failed and new not in tally.versions,
        "  clients that met it",
        f"{tally.versions[new] + len(tally.failed)} of {tally.answered}",
    )


def go_back(journey: Journey) -> None:
    journey.tell.step("The same version without a shadow: a few clients meet it, and it goes back by itself")
    part = {"kind": "split", "share": 0.25, "min": "10m", "max": "6h", "ends": "promotable"}
    journey.open("digits-frail", {"kind": "canary", "shadow": False, "stages": [part]})
    done, tally = _watched(journey, "digits-frail")
    _tell_returned(journey, done)
    journey.tell.check(
        bool(tally.failed), "  clients that met its fault", f"{len(tally.failed)} of {tally.answered}"
    )


def go_on(journey: Journey) -> None:
    journey.tell.step("A version without that fault: shadow, half of the users, and all of them, on evidence")
    parts = (
        {"kind": "shadow", "min": "2s", "max": "1h"},
        {"kind": "split", "share": 0.5, "pair": 0.1, "min": "2s", "max": "1h", "ends": "promotable"},
    )
    journey.upload("digits-3", {"kind": "canary", "stages": parts})
    done, tally = _watched(journey, "digits-3")
    journey.tell.check(done["state"] == "live", "  promoted by what was seen", done["state"])
    shares = ", ".join(f"version {v}: {n}" for v, n in sorted(tally.versions.items()))
    journey.tell.check(
        not tally.failed, "  failed requests", f"{len(tally.failed)} of {tally.answered} ({shares})"
    )


BY_ITS_READERS = {
    "compare": ["label"],
    "metrics": [{"name": "reward", "kind": "bad_event", "direction": "higher", "window_hours": 0.001}],
}
"""Whether a user says that the digit was right, within 3.6 seconds; those of most models take hours. Users
see the digit and not how probable it was, so answers differ where the digits do."""


def measure(journey: Journey) -> None:
    journey.tell.step("An A/B test: does anybody notice if the small network of the first day answers again?")
    half = {"kind": "split", "share": 0.5, "pair": 1.0, "min": "2s", "max": "1h", "ends": "winner"}
    journey.open("digits-1", {"kind": "ab_test", "stages": [half], **BY_ITS_READERS})
    done, tally = _watched(journey, "digits-1", journey.readers())
    _tell_decided(journey, "digits-1", done, tally, "approved", "  the small one has lost")
    arms = {arm["version"]: arm for arm in _told(journey, "digits-1")["arms"]}
    new = arms[journey.numbers["digits-1"]]
    journey.tell.say(
        "  both answers known", f"{new['differing']} of {new['paired']} users can tell them apart"
    )


def play_for_it(journey: Journey) -> None:
    journey.tell.step(
        "A bandit of three versions: shares follow who reads right, until one is best for certain"
    )
    play = {"burn_in": 30, "tick": "2s"}
    strategy = {
        "kind": "bandit",
        "goal": "decide",
        "against": [journey.numbers["digits-1"]],
        "stages": [{"kind": "bandit", "pair": 1.0}],
        "play": play,
        **BY_ITS_READERS,
    }
    journey.open("digits-2", strategy)
    done, tally = _watched(journey, "digits-2", journey.readers())
    _tell_decided(journey, "digits-2", done, tally, "live", "  the best one is live")
    told = _told(journey, "digits-2")
    for one in told["decisions"]:
        if one["verdict"] == "move":
            journey.tell.say("  shares", one["reason"].partition("brought: ")[2])
    for each in journey.ci.post(f"/rollouts/{told['id']}/evaluate").json()["answers"]:
        found = each["estimates"]
        brought = f"{found['dr']['value']:.1%} read right" if found else each["refusal"]
        journey.tell.say("  what if", f"{each['name']}: {brought}")


def _told(journey: Journey, folder: str) -> RolloutTold:
    told: RolloutTold = journey.ci.get(f"/releases/{journey.releases[folder]}/rollout")
    return told


def _tell_decided(
    journey: Journey, folder: str, done: ReleaseTold, tally: Tally, state: str, name: str
) -> None:
    last = _told(journey, folder)["decisions"][-1]
    good = done["state"] == state and last["by"] == "system/rollouts"
    journey.tell.check(good, name, f"{done['state']}, decided by {last['by']}")
    journey.tell.say("  because", last["reason"])
    shares = ", ".join(f"version {v}: {n}" for v, n in sorted(tally.versions.items()))
    journey.tell.check(
        not tally.failed, "  failed requests", f"{len(tally.failed)} of {tally.answered} ({shares})"
    )


def _watched(journey: Journey, folder: str, readers: Load | None = None) -> tuple[ReleaseTold, Tally]:
    """Prove, sign and start it; nobody touches anything from then until its rollout is over."""
    journey.prove(folder)
    journey.sign(folder)
    users, pause_s = (readers, READERS_PAUSE_S) if readers else (journey.crowd(), CROWD_PAUSE_S)
    with users.running(pause_s) as crowd:
        started = time.monotonic()
        journey.start(folder)
        done = journey.ci.wait_for_state(
            journey.releases[folder], {"live", "approved", "rolled_back"}, DECIDED_WITHIN_S
        )
        seconds = time.monotonic() - started
    journey.tell.say(
        "  its rollout", f"{done['state']} after {seconds:.1f} s: {(done['rollout'] or {}).get('reason')}"
    )
    return done, crowd.tally


def _tell_returned(journey: Journey, done: ReleaseTold) -> None:
    by = {event["actor"] for event in done["timeline"] if event["kind"] == "release.rolled_back"}
    journey.tell.check(
        done["state"] == "rolled_back" and by == {"system/rollouts"}, "  gone back by itself", done["state"]
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
    find_unseen,
    go_back,
    go_on,
    measure,
    play_for_it,
    audit,
)
