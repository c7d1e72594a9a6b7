"""kill -9 at every named place beside a commit or a publish: nothing lost, nothing doubled."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from demo import lab
from demo.scoring import score
from tests.faults import points
from tests.faults.crashes import TOKEN, Crashes, Load, approved, crashing, upload
from tests.servers import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600), pytest.mark.xdist_group("crash points")]

SOURCE = Path(__file__).parents[2]


def test_every_crash_point_in_the_source_is_tried():
    found = {
        name
        for package in ("config", "demo", "formats", "registry", "releases", "scoring")
        for path in (SOURCE / package).rglob("*.py")
        for name in re.findall(r'crashpoint\(f?"([^"]+)"\)', path.read_text())
    }
    assert found == points.TRIED


@pytest.fixture(scope="module")
def crashes(tmp_path_factory) -> Iterator[Crashes]:
    with crashing(tmp_path_factory.mktemp("crashes")) as running:
        yield running


@pytest.fixture
def serving(crashes) -> Crashes:
    """The product with something live."""
    if crashes.live_version() is None:
        approved(crashes)
        crashes.journey.roll_out("wine-1")
    return crashes


def test_a_proof_that_is_killed_is_taken_up_again_and_each_verdict_stands_once(crashes):
    with crashes.one_after_another(points.PROVING):
        upload(crashes)
    crashes.journey.prove("wine-1")

    release = crashes.release()
    assert release["state"] == "in_review"
    assert crashes.kinds()["gate.finished"] == 5
    assert crashes.kinds()["release.in_review"] == 1


def test_a_rollout_that_is_killed_at_each_step_goes_on_and_ends_live_once(crashes):
    approved(crashes)
    number = crashes.journey.releases["wine-1"]
    with Load(crashes) as load:
        with crashes.one_after_another(points.ROLLING_OUT):
            crashes.journey.start("wine-1")
        release = crashes.journey.ci.wait_for_state(number, {"live", "approved", "rolled_back"}, 90)

    assert (release["state"], load.failed) == ("live", [])
    assert crashes.live_version() == crashes.journey.numbers["wine-1"]
    assert crashes.kinds()["release.live"] == 1
    assert crashes.kinds()["rollout.finished"] == 1


BY_STAGES = {
    "kind": "canary",
    "stages": [
        {"kind": "shadow", "min": "0s", "max": "1h", "ends": "clean"},
        {"kind": "split", "share": 0.2, "min": "0s", "max": "1h", "ends": "clean"},
        {"kind": "split", "share": 0.5, "min": "0s", "max": "1h", "ends": "promotable"},
    ],
}
AROUND_COMMITS = (
    points.WRITTEN.format("rollout.stage_begun"),
    points.WRITTEN.format("rollout.decided"),
    points.COMMITTED.format("rollout.decided"),
    points.COMMITTED.format("rollout.stage_begun"),
)


def test_a_rollout_by_stages_that_is_killed_at_each_commit_decides_nothing_twice(serving):
    crashes = serving
    approved(crashes, BY_STAGES)
    before, number = crashes.live_version(), crashes.journey.releases["wine-1"]
    with Load(crashes) as load:
        with crashes.one_after_another(AROUND_COMMITS):
            crashes.journey.start("wine-1")
        wait_until(lambda: crashes.kinds()["rollout.stage_begun"] == 3, "the last stage to begin", 60)
        assert crashes.kinds()["rollout.decided"] == 2
        crashes.journey.people["chloe"].act(number, "end_trial", "that will do", "wine")
        crashes.journey.ci.wait_for_state(number, {"approved"}, 30)
    assert load.failed == []
    assert load.versions == {before, crashes.journey.numbers["wine-1"]}
    assert crashes.live_version() == before
    assert crashes.kinds()["rollout.finished"] == 1
    assert "none differs" in crashes.tree.manage("audit", "replay")


PLAYS = {
    "kind": "bandit",
    "stages": [{"kind": "bandit", "share": 0.25}],
    "metrics": [{"name": "reward", "kind": "bad_event", "direction": "higher", "window_hours": 0.001}],
    "play": {"burn_in": 20, "tick": "2s"},
}
"""Nobody earns anything, so that the arms come to play alike."""
AROUND_NEW_SHARES = (points.WRITTEN.format("route.revised"), points.COMMITTED.format("route.revised"))


def test_new_shares_of_a_bandit_that_are_killed_are_decided_once(serving):
    crashes = serving
    approved(crashes, PLAYS)
    number = crashes.journey.releases["wine-1"]
    with Load(crashes) as load:
        crashes.journey.start("wine-1")
        wait_until(lambda: crashes.kinds()["rollout.stage_begun"] == 1, "units to be shared out", 60)
        with crashes.one_after_another(AROUND_NEW_SHARES):
            wait_until(lambda: crashes.kinds()["rollout.decided"] >= 1, "shares to move", 90)
        decided = moves_and_routes(crashes)
        crashes.journey.people["chloe"].act(number, "end_trial", "that will do", "wine")
        crashes.journey.ci.wait_for_state(number, {"approved"}, 30)
    assert load.failed == []
    assert decided[0] == decided[1] >= 1, "each decision has its route, and each route its decision"
    assert "none differs" in crashes.tree.manage("audit", "replay")


def moves_and_routes(crashes: Crashes) -> tuple[int, int]:
    """Of the newest rollout: decisions that move shares, and routes after the first one of its stage."""
    told = crashes.tree.manage(
        "shell", "-c",
        "from releases.models import Rollout, Route; newest = Rollout.objects.first();"
        "moves = newest.decisions.filter(verdict='move').count();"
        "print('moves', moves, Route.objects.filter(stage__rollout=newest).count() - 1)",
    )  # fmt: skip
    moves, routes = told.rpartition("moves ")[2].split()[:2]
    return int(moves), int(routes)


@pytest.mark.parametrize("when", [points.WRITTEN, points.COMMITTED])
def test_a_way_back_that_is_killed_leaves_all_of_it_or_nothing(serving, when):
    crashes = serving
    approved(crashes, BY_STAGES)
    before, number = crashes.live_version(), crashes.journey.releases["wine-1"]
    crashes.journey.start("wine-1")
    wait_until(lambda: crashes.kinds()["rollout.stage_begun"] >= 2, "units to be shared out", 60)
    crashes.at(when.format("rollout.finished"))
    with Load(crashes) as load, suppress(httpx.HTTPError):
        crashes.journey.people["chloe"].act(number, "roll_back", "customers call", "wine")
    crashes.happened()
    if crashes.release_once_the_web_is_back()["state"] == "rolling_out":
        assert crashes.kinds()["rollout.finished"] == 0
        crashes.journey.people["chloe"].act(number, "roll_back", "customers call", "wine")
    crashes.journey.ci.wait_for_state(number, {"rolled_back"}, 30)
    assert load.failed == []
    assert crashes.live_version() == before
    assert crashes.kinds()["release.rolled_back"] == crashes.kinds()["rollout.finished"] == 1


# Without node.fetched: the versions here share their bytes, so that nothing is fetched a second time.
DEATHS_OF_SCORING = (
    *("worker.loading", "node.loaded", "node.accepted", "node.kept"),
    *("worker.serving", "worker.replying"),
)


def test_a_rollout_under_which_scoring_dies_at_every_step_ends_once_or_turns_back_with_a_reason(serving):
    crashes = serving
    approved(crashes)
    before, number = crashes.live_version(), crashes.journey.releases["wine-1"]
    with Load(crashes) as load, crashes.one_after_another(DEATHS_OF_SCORING):
        crashes.journey.people["chloe"].act(number, "start_rollout", "through all of it", "wine")
        release = crashes.journey.ci.wait_for_state(number, {"live", "rolled_back"}, 120)

    new, kinds = crashes.journey.numbers["wine-1"], crashes.kinds()
    assert kinds["release.live"] + kinds["release.rolled_back"] == kinds["rollout.finished"] == 1
    assert crashes.live_version() == (new if release["state"] == "live" else before)
    assert release["state"] == "live" or release["rollout"]["reason"]
    assert load.versions <= {before, new}
    assert [one for one in load.failed if one[0].isdigit() and not one.startswith("503")] == []
    with Load(crashes) as after:
        wait_until(lambda: crashes.live_version() is not None, "the plan to be read once more")
    assert (after.failed, after.versions <= {crashes.live_version()}) == ([], True)


@pytest.mark.parametrize("name", points.REVERTING)
def test_a_rollout_that_turns_back_and_is_killed_still_turns_back(crashes, name):
    approved(crashes)
    before = crashes.live_version()
    crashes.at("switch.prepared")  # while its worker is started again it is turned back
    crashes.journey.people["chloe"].act(
        crashes.journey.releases["wine-1"], "start_rollout", "to be turned back at once", "wine"
    )
    crashes.happened()
    crashes.at(name)
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


def test_a_return_that_somebody_chose_and_that_is_killed_at_each_step_arrives_once(crashes):
    leaving, to = two_steps_back(crashes)
    with Load(crashes) as load:
        with crashes.one_after_another(points.ROLLING_OUT):
            crashes.journey.people["chloe"].fill(
                f"/releases/{leaving}/back",
                "/actions/roll_back",
                to=str(to),
                grounds="that one was better",
                typed="wine",
            )
        release = crashes.journey.ci.wait_for_state(leaving, {"rolled_back"}, 90)

    assert load.failed == []
    assert crashes.live_version() == to
    kinds = Counter(event["kind"] for event in release["timeline"])
    assert (kinds["rollout.finished"], kinds["release.rolled_back"], kinds["rollout.reverting"]) == (2, 1, 0)
    (back,) = [event for event in release["timeline"] if event["kind"] == "release.rolled_back"]
    assert (back["actor"], back["facts"]["restores"]) == ("person/chloe", to)


def two_steps_back(crashes: Crashes) -> tuple[int, int]:
    """The live release, and the number of an earlier version that no node has loaded."""
    while True:
        if (number := crashes.live_version()) is not None:
            live = crashes.journey.ci.get(f"/models/wine/versions/{number}/releases")["results"][0]["id"]
            told = crashes.journey.ci.get(f"/releases/{live}/returns")["versions"]
            back = [one["version"] for one in told if not one["refusal"] and not one["loaded"]]
            if back:
                return live, back[0]
        approved(crashes)
        crashes.journey.roll_out("wine-1")


@pytest.mark.parametrize("name", points.INGESTING + points.NODE_FEEDBACK)
def test_feedback_whose_carrier_is_killed_is_counted_exactly_once(serving, name):
    crashes = serving
    rows, targets = lab.wine().judge
    before = counted(crashes)
    tally = scored(crashes, rows[:20], targets[:20])
    crashes.at(name)
    items = [{"request_id": i, "label": int(t)} for i, t in zip(tally.ids, targets[:20], strict=True)]
    give_feedback(crashes, items)
    crashes.happened()
    wait_until(lambda: counted(crashes) == before + 20, "all feedback to be counted", 60)
    give_feedback(crashes, items)
    wait_until(lambda: not spooled(crashes), "the spool to be empty", 60)
    assert counted(crashes) == before + 20


@pytest.mark.parametrize("name", points.COUNTING)
def test_counters_whose_ingestion_is_killed_are_counted_exactly_once(serving, name):
    crashes = serving
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


def scored(crashes, rows, targets):
    return score(crashes.tree.scoring, TOKEN, "wine", rows, targets, "measurements")


def give_feedback(crashes, items) -> None:
    """Send until it is taken, as a client does whose server goes away."""

    def taken() -> bool:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with suppress(httpx.TransportError):
            answer = httpx.post(f"{crashes.tree.scoring}/feedback", json=items, headers=headers)
            assert answer.status_code in (202, 503), answer.text
            return answer.status_code == 202 and "accepted" in answer.text
        return False

    wait_until(taken, "feedback to be taken")


def spooled(crashes) -> list[Path]:
    return list(crashes.tree.data.glob("nodes/*/spool/*/*.jsonl"))


def counted(crashes) -> int:
    versions = crashes.journey.ci.get("/models/wine/feedback")["versions"]
    return sum(version["labels"] for version in versions)


def asked(crashes) -> int:
    """Requests of clients for the model, as the control plane has counted them."""
    told = crashes.tree.manage(
        "shell", "-c",
        "from releases.models import Traffic; from django.db.models import Sum;"
        "clients = Traffic.objects.filter(span=60).exclude(arm='internal');"
        "print('asked', clients.aggregate(n=Sum('requests'))['n'] or 0)",
    )  # fmt: skip
    return int(told.rpartition("asked ")[2].split()[0])
