"""Rolling a live release back: to the version before it, or to another that somebody chose."""

from __future__ import annotations

import json
import time
import uuid

import pytest
import redis

from registry.errors import BadInput, NotAllowed
from registry.models import Event, Role
from registry.transactions import write
from releases import covers, plans, selectors
from releases.errors import CannotReturn, NothingToRestore, RolloutOpen
from releases.lifecycle import Action, State
from releases.models import GateRun, Rollout, Switch
from releases.rollout import publishing, returns
from releases.rollout.switching import saga, switches
from releases.services import advancing, breaking, rollouts
from releases.services.transitions import advance
from releases.tasks import REACTIONS
from releases.web import sentences
from tests import makers, spoken

pytestmark = pytest.mark.django_db


@pytest.fixture
def chloe():
    return makers.person("chloe", Role.RELEASE_MANAGER)


@pytest.fixture(autouse=True)
def nodes(broker):
    """An environment of this test's own, in which nobody has spoken."""
    return f"e{uuid.uuid4().hex[:12]}"


@pytest.fixture(autouse=True)
def stored(monkeypatch):
    """What the proofs and versions of this file name is in the store."""

    class Everything:
        lost: set[str] = set()

        def exists(self, digest: str) -> bool:
            return digest not in self.lost

    store = Everything()
    monkeypatch.setattr(returns, "artifact_store", lambda: store)
    return store


def take_over(release, before=None):
    """As a switch does when the nodes have answered: the release is live, and what was so stays loaded."""
    with write():
        rollout = makers.rollout(release, before)
        advance(release, Action.START_ROLLOUT, actor="system/test")
        if before:
            advance(before, Action.SUPERSEDE, actor="system/test")
        advance(release, Action.PROMOTE, actor="system/test")
        publishing.revise_route(
            release.model,
            release.environment,
            lambda now, revision: opened(now, release, revision),
            actor="system/test",
            why="a test",
        )
    return rollout


def opened(now, release, revision):
    aim = plans.opened_to_all(now, publishing.planned(release), salt=bytes(16))
    return plans.opened(aim, revision=revision)


@pytest.fixture
def three(nodes):
    """Three releases of a model: the first two were live one after the other, the third is."""
    model, found = makers.model(), []
    for _ in range(3):
        release = makers.release(makers.version(model), State.APPROVED, environment=nodes)
        with makers.unguarded("releases_gaterun"):
            proof = release.gate_runs.get(gate="end_to_end")
            GateRun.objects.filter(pk=proof.pk).update(evidence={"answers": {"sha256": "a" * 64, "size": 9}})
        take_over(release, found[-1] if found else None)
        release.refresh_from_db()
        found.append(release)
    return found


def states(*releases):
    for release in releases:
        release.refresh_from_db()
    return [str(release.state) for release in releases]


def answering(release):
    entry = publishing.entry_of(selectors.route(release.model, release.environment))
    return [arm.version for arm in entry.arms], sorted(entry.versions)


def arrive(release):
    """What a switch does at the end of the way back."""
    Switch.objects.filter(rollout__release=release, ended_at=None).update(phase="opening")
    switch = switches.as_it_stands(Switch.objects.get(rollout__release=release, ended_at=None))
    with write():
        switches.end(switch)
        advancing.ENDS.opened(switch, 9)


def test_one_step_back_is_what_the_nodes_have_loaded_and_happens_at_once(three, chloe):
    _first, second, third = three
    back = returns.before(third)
    assert (back.number, back.loaded, back.refusal) == (2, True, "")
    assert back.since < back.until == second.state_since

    rollouts.roll_back(third, by=chloe, grounds="recall fell on the night shift")

    assert states(*three) == ["superseded", "live", "rolled_back"]
    assert answering(second) == ([2], [2])
    assert not Rollout.objects.filter(closed_at=None).exists()
    kinds = [event.kind for event in Event.objects.order_by("seq")][-3:]
    assert kinds == ["release.rolled_back", "release.restored", "route.revised"]


def test_two_steps_back_are_a_rollout_that_leaves_the_live_one_live_until_it_has_arrived(three, chloe):
    first, _second, third = three
    rollouts.roll_back(third, by=chloe, to=1, grounds="two is no better")

    assert states(*three) == ["superseded", "superseded", "live"]
    rollout = Rollout.objects.get(closed_at=None)
    assert (rollout.release, rollout.arriving, rollout.switch.phase) == (third, first, "preparing")
    started = Event.objects.filter(kind="rollout.started").latest("seq")
    assert (started.actor, started.facts["returns_to"], started.facts["replaces"]) == ("person/chloe", 1, 3)
    assert REACTIONS["rollout.started"](started)[0].subject == third.subject

    arrive(third)

    assert states(*three) == ["live", "superseded", "rolled_back"]
    assert answering(first) == ([1], [1])
    ended = Event.objects.get(kind="release.rolled_back")
    assert (ended.actor, ended.facts["restores"]) == ("person/chloe", 1)
    assert ended.facts["grounds"] == started.facts["grounds"]
    assert sentences.sentence(ended.kind, ended.facts) == "Rolled back from version 3 to version 1"
    told = [entry.text for entry in sentences.entries(selectors.timeline(third), {})]
    assert "Roll-back from version 3 to version 1 asked for" in told
    assert list(covers.states()) == []


def test_a_rollout_forward_is_started_by_its_release_alone(three):
    forward = Event.objects.filter(kind="release.rolling_out").latest("seq")
    assert len(REACTIONS[forward.kind](forward)) == 1
    forward.facts = {"rollout": 7, "replaces": 2}
    assert REACTIONS["rollout.started"](forward) == []


def test_a_way_back_that_fails_leaves_the_live_one_live_and_says_so(three, chloe, settings, monkeypatch):
    third = three[-1]
    before = answering(third)
    rollouts.roll_back(third, by=chloe, to=1)
    (switch,) = Switch.objects.filter(ended_at=None)
    saga.turn_back(switch, "n1 could not load version 1", actor=switches.ACTOR)
    monkeypatch.setattr(switches, "publish", lambda environment: 0)
    settings.SWITCH_TIMEOUT_S = -1  # no node is there to wait for
    advancing.advance_rollout(third.pk)

    assert states(*three) == ["superseded", "superseded", "live"]
    assert answering(third) == before
    text = (
        "The way back to version 1 is given up by itself, and what is live stays: n1 could not load version 1"
    )
    assert text in [entry.text for entry in sentences.entries(selectors.timeline(third), {})]
    assert returns.to_version(third, 1).refusal == ""


def test_after_a_chosen_return_there_is_no_step_before_it_and_the_skipped_one_can_be_chosen(three, chloe):
    first, _second, third = three
    rollouts.roll_back(third, by=chloe, to=1)
    arrive(third)
    first.refresh_from_db()

    assert returns.before(first) is None
    with pytest.raises(NothingToRestore, match="No version was live here before version 1: say which"):
        rollouts.roll_back(first, by=chloe)
    rollouts.roll_back(first, by=chloe, to=2)
    arrive(first)
    assert states(*three) == ["rolled_back", "live", "rolled_back"]


def test_what_can_be_chosen_is_told_newest_first_with_why_the_rest_cannot(three, chloe, nodes):
    first, _second, third = three
    never = makers.release(makers.version(first.model), State.APPROVED, environment=nodes)
    makers.release(makers.version(first.model), State.IN_REVIEW, environment=nodes)
    elsewhere = makers.version(first.model)
    makers.release(elsewhere, State.LIVE, environment="staging")

    found = returns.options(third)

    assert [(each.number, each.since is None, each.refusal[:31]) for each in found] == [
        (never.version.number, True, "It is approved and was never li"),
        (2, False, ""),
        (1, False, ""),
    ]
    with pytest.raises(
        CannotReturn, match=r"Version 4 cannot answer again\. It is approved and was never live"
    ):
        rollouts.roll_back(third, by=chloe, to=4)
    with pytest.raises(CannotReturn, match="Version 6 was never live here"):
        rollouts.roll_back(third, by=chloe, to=elsewhere.number)
    with pytest.raises(CannotReturn, match="is what is live here now"):
        rollouts.roll_back(third, by=chloe, to=3)


def test_what_was_rolled_back_is_not_chosen_again(three, chloe):
    _first, second, third = three
    rollouts.roll_back(third, by=chloe)
    second.refresh_from_db()
    assert returns.to_version(second, 3).refusal.startswith("It was rolled back: a new release")
    with pytest.raises(CannotReturn, match="a new release of it has to be proven"):
        rollouts.roll_back(second, by=chloe, to=3)


def condemn(version):
    """Another release of the version fails a data gate."""
    release = makers.release(version, State.VALIDATING, environment="staging")
    release.gate_runs.filter(gate="confidence").update(outcome="failed", summary="too low")


def test_a_version_that_failed_a_data_gate_since_returns_only_where_there_is_no_choice(three, chloe):
    first, second, third = three
    condemn(first.version)
    condemn(second.version)

    assert "failed the confidence gate" in returns.to_version(third, 1).refusal
    with pytest.raises(CannotReturn, match="it can never be served"):
        rollouts.roll_back(third, by=chloe, to=1)
    back = returns.before(third)
    assert back.refusal == ""
    assert "It served before, so that there is a way back." in back.warnings[0]
    rollouts.roll_back(third, by=chloe)
    assert states(second) == ["live"]


def test_what_the_store_has_lost_is_refused_before_anything_begins(three, chloe, stored):
    first, second, third = three
    stored.lost = {file.artifact_id for file in first.version.files.filter(key="model")}
    assert "Our store has lost model.bin" in returns.to_version(third, 1).refusal
    with pytest.raises(CannotReturn, match=r"has lost model\.bin"):
        rollouts.roll_back(third, by=chloe, to=1)
    stored.lost = {file.artifact_id for file in second.version.files.all()} | {"a" * 64}
    assert returns.before(third).refusal == "", "the nodes have it"
    assert "the answers of its proof" in returns.to_version(third, 1).refusal


def say(nodes, release, number, redis_url, **told):
    model = {"revision": 1, "ready": [], **{name: {str(number): why} for name, why in told.items()}}
    beat = {"node": "n1", "boot": "b", "at": time.time(), "models": {release.model.name: model}}
    spoken.say(redis.Redis.from_url(redis_url), nodes, "n1", json.dumps(beat))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"broken": {"why": "3 workers died", "at": 5.0}}, "Node n1 gave it up: 3 workers died"),
        ({"failed": "out of memory"}, "Node n1 could not load it: out of memory"),
    ],
)
def test_what_a_node_has_given_up_is_refused_with_its_word(three, chloe, nodes, redis_url, told, words):
    third = three[-1]
    say(nodes, third, 2, redis_url, **told)
    assert returns.before(third).refusal == words
    with pytest.raises(CannotReturn, match=words):
        rollouts.roll_back(third, by=chloe)
    assert states(*three)[-1] == "live"


def test_whom_a_return_would_break_is_said_and_refuses_nothing(three, chloe):
    first, _second, third = three
    signature = json.loads(json.dumps(makers.SIGNATURE))
    signature["inputs"][0]["shape"] = [-1, 3]
    with makers.unguarded("registry_modelversion"):
        type(first.version).objects.filter(pk=first.version.pk).update(signature=signature)
    back = returns.to_version(third, 1)
    assert back.refusal == ""
    assert back.warnings == (
        "Clients written for version 3 would break: input x shape was [-1, 2], is [-1, 3].",
    )


def test_nothing_else_happens_to_the_traffic_while_it_goes_back(three, chloe, nodes):
    third = three[-1]
    other = makers.person("oli", Role.RELEASE_MANAGER)
    waiting = makers.release(makers.version(third.model), State.APPROVED, environment=nodes)
    rollouts.roll_back(third, by=chloe, to=1)
    third.refresh_from_db()
    for again in ({"to": 1}, {"to": 2}, {}):
        with pytest.raises(RolloutOpen, match="on its way back already"):
            rollouts.roll_back(third, by=other, **again)
    with pytest.raises(NotAllowed, match="on its way back already"):
        rollouts.retire(third, by=other)
    with pytest.raises((NotAllowed, RolloutOpen), match="Another rollout"):
        rollouts.start_rollout(waiting, by=other)
    assert breaking._other_rollout(third), "the breaker waits for it too"


def test_while_another_version_comes_the_live_one_is_neither_rolled_back_nor_retired(three, chloe, nodes):
    third = three[-1]
    coming = makers.release(makers.version(third.model), State.APPROVED, environment=nodes)
    rollouts.start_rollout(coming, by=chloe)
    with pytest.raises(RolloutOpen, match="Another rollout"):
        rollouts.roll_back(third, by=chloe)
    with pytest.raises(NotAllowed, match="Another rollout"):
        rollouts.retire(third, by=chloe)
    with pytest.raises(BadInput, match="goes back to what answers now"):
        rollouts.roll_back(coming, by=chloe, to=1)
    rollouts.roll_back(coming, by=chloe)
    assert Rollout.objects.get(closed_at=None).switch.phase == "reverting"


def test_who_may_not_roll_back_chooses_nothing(three):
    with pytest.raises(NotAllowed, match="release manager"):
        rollouts.roll_back(three[-1], by=makers.person("vera", Role.VIEWER), to=1)


def test_a_step_back_to_what_no_node_has_loaded_is_verified_first(three, chloe):
    first, second, third = three
    rollouts.roll_back(third, by=chloe)
    second.refresh_from_db()
    assert returns.before(second).loaded is False

    rollouts.roll_back(second, by=chloe)

    assert states(second) == ["live"]
    assert Rollout.objects.get(closed_at=None).arriving == first
