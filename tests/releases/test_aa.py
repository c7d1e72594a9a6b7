"""A live version beside itself: how it begins, what nodes are told, and that its end changes nothing."""

from __future__ import annotations

import json
import time

import pytest

from formats.plan import WHOLE
from registry.errors import BadInput, NotAllowed
from registry.models import Event, Role
from registry.selectors import access
from releases import actions, dataplane, selectors
from releases.errors import NothingOpen, RolloutOpen
from releases.lifecycle import State
from releases.models import Rollout, StageTraffic, Traffic
from releases.rollout.whom import Answering, whom
from releases.services import breaking, itself, rollouts
from releases.traffic import counters
from scoring.telemetry import Cell, Meters
from tests import makers
from tests.releases.rolling import told

pytestmark = pytest.mark.django_db


def begun(world, **said):
    itself.run_aa(world.first, by=world.chloe, grounds="before the first test", **said)
    world.settle(world.first)
    return Rollout.objects.get(release=world.first, previous=world.first)


def state(world):
    world.first.refresh_from_db()
    return world.first.state


def may(world, person):
    return {
        name.name
        for name, why in actions.choices(world.first, access(person, None, world.first.model))
        if not why
    }


def test_the_version_stands_beside_itself_and_clients_are_told_its_own_number(world):
    begun(world)
    entry = world.entry()
    again = entry.versions[0]
    assert [(arm.version, arm.weight, arm.reason) for arm in entry.arms] == [
        (0, WHOLE // 2, "aa:0.5"),
        (1, WHOLE // 2, "champion"),
    ]
    assert (again.again, again.told, again.digest) == (1, 1, entry.versions[1].digest)
    assert (entry.fallback, entry.rollout.baseline, entry.rollout.challengers) == (1, 1, (0,))
    assert (entry.rollout.pair, set(entry.mirrors)) == (1.0, {0, 1})
    assert state(world) == State.LIVE


def test_who_asks_what_was_live_hears_of_one_version(world):
    begun(world)
    route = selectors.route(world.first.model, world.environment)
    said = whom(route.entry)
    assert said.versions == (Answering(1, 1.0, "champion"),)
    assert said.unseen == ((1, 1.0),)


def test_it_ends_by_itself_with_a_verdict_and_everything_is_as_before(world):
    before = world.entry()
    rollout = begun(world, hours=1)
    for version in (0, 1):
        told(rollout, 0, version, "seen", 3000)
    assert world.look(rollout, later=60).verdict == "hold"
    made = world.look(rollout, later=3700)
    assert made.verdict == "clean"
    rollout.refresh_from_db()
    assert rollout.closed_at is not None
    assert "3,000 and 3,000 units" in rollout.reason
    assert [stage.end for stage in rollout.stages.all()] == ["passed"]
    after = world.entry()
    assert (after.arms, after.versions, after.rollout) == (before.arms, before.versions, None)
    assert state(world) == State.LIVE
    kinds = set(Event.objects.filter(subject=world.first.subject).values_list("kind", flat=True))
    assert {"rollout.started", "rollout.decided", "rollout.finished"} <= kinds
    assert not kinds & {"release.rolled_back", "release.trial_ended"}


def test_what_both_answer_is_traffic_of_the_version_by_its_own_number(world):
    """Cells of one revision: what clients asked of either, and what was asked unseen."""
    begun(world)
    revision, meters = world.entry().revision, Meters()
    for number, arm in ((0, "aa:0.5"), (1, "champion"), (0, "mirror")):
        meters.cell(Cell(world.first.model.name, number, arm, revision)).answered([0.002], 1)
    told = {"node": "n1", "boot": "b1", "after": 0, "sequence": 1, "from": time.time() - 5, "to": time.time()}
    stream = f"assay:{world.environment.name}:counters"
    dataplane.client().xadd(stream, {"batch": json.dumps({**told, **meters.to_json()})})
    assert counters.ingest(world.environment) == 1
    rows = Traffic.objects.filter(span=60).values_list("version", "arm", "requests")
    assert set(rows) == {(1, "aa", 1), (1, "champion", 1), (1, "mirror", 1)}
    stages = StageTraffic.objects.values_list("version", "arm")
    assert set(stages) == {(0, "aa"), (1, "champion"), (0, "mirror")}, "a stage tells its arms apart"


def test_a_fault_is_told_and_takes_nobody_back(world):
    rollout = begun(world, hours=1)
    told(rollout, 0, 0, "seen", 3000)
    told(rollout, 0, 1, "seen", 2000)
    made = world.look(rollout, later=3700)
    assert made.verdict == "fault"
    assert "not shared out as declared" in made.reason
    assert state(world) == State.LIVE


def test_a_request_that_is_answered_otherwise_the_second_time_is_a_fault(world):
    """Facts about the version as number 0 are about it, and not about any of several."""
    rollout = begun(world, hours=1)
    for version in (0, 1):
        told(rollout, 0, version, "seen", 3000)
        told(rollout, 0, version, "paired", 3000, about=0)
    assert world.look(rollout, later=60).verdict == "hold"
    told(rollout, 0, 1, "differed", 2, about=0)
    made = world.look(rollout, later=3700)
    assert made.verdict == "fault"
    assert "Of 6,000 units 2 had the same request answered otherwise" in made.reason


def test_a_person_may_end_it_before_its_time(world):
    rollout = begun(world)
    assert "end_aa" in may(world, world.chloe)
    assert "run_aa" not in may(world, world.chloe)
    itself.end_aa(world.first, by=world.chloe, grounds="a release is due")
    rollout.refresh_from_db()
    assert (rollout.closed_at is not None, rollout.reason) == (True, "Ended by hand, without a verdict.")
    assert set(world.entry().versions) == {1}
    with pytest.raises(NothingOpen, match="No A/A run"):
        itself.end_aa(world.first, by=world.chloe)


def test_what_is_rolled_back_waits_for_no_aa_run(world):
    second = world.approved({"kind": "single"})
    rollouts.start_rollout(second, by=world.chloe)
    world.settle(second)
    second.refresh_from_db()
    assert second.state == State.LIVE
    itself.run_aa(second, by=world.chloe)
    world.settle(second)
    assert "roll_back" in {
        row.name for row, why in actions.choices(second, access(world.chloe, None, second.model)) if not why
    }
    assert (set(world.entry().versions), world.entry().fallback) == ({0, 1, 2}, 1), "what was warm stays so"
    world.follow()
    rollouts.roll_back(second, by=world.chloe, grounds="it is wrong")
    assert not Rollout.objects.filter(closed_at=None).exists()
    assert [(arm.version, arm.weight) for arm in world.entry().arms] == [(1, WHOLE)]
    assert state(world) == State.LIVE


def test_a_node_that_gives_the_version_up_waits_for_none_either(world):
    second = world.approved({"kind": "single"})
    rollouts.start_rollout(second, by=world.chloe)
    world.settle(second)
    itself.run_aa(second, by=world.chloe)
    world.settle(second)
    trip = breaking.Trip("n1", second.model.name, 2, second.version.digest, "it crashed", "n1/b/m/2/5", {})
    assert breaking.react(world.environment, trip)
    assert not Rollout.objects.filter(closed_at=None).exists()
    assert state(world) == State.LIVE


def test_after_an_aa_run_the_way_back_is_what_it_was(world):
    second = world.approved({"kind": "single"})
    rollouts.start_rollout(second, by=world.chloe)
    world.settle(second)
    second.refresh_from_db()
    itself.run_aa(second, by=world.chloe)
    itself.end_aa(second, by=world.chloe)
    assert selectors.restorable(second) == world.first


def test_it_is_refused_to_what_is_not_live_and_beside_another_rollout(world):
    second = world.approved()
    with pytest.raises(NothingOpen, match="Only what is live"):
        itself.run_aa(second, by=world.chloe)
    rollouts.start_rollout(second, by=world.chloe)
    with pytest.raises(RolloutOpen, match="Another rollout"):
        itself.run_aa(world.first, by=world.chloe)


def test_who_manages_no_releases_starts_none(world):
    vera = makers.person("vera", Role.TECHNICAL)
    with pytest.raises(NotAllowed, match="release manager"):
        itself.run_aa(world.first, by=vera)
    assert "run_aa" not in may(world, vera)


def test_what_cannot_be_done_meanwhile_says_what_to_end(world):
    begun(world)
    with pytest.raises(RolloutOpen, match="end that first"):
        itself.run_aa(world.first, by=world.chloe)
    refused = {
        row.name: why
        for row, why in actions.choices(world.first, access(world.chloe, None, world.first.model))
    }
    assert refused["retire"] == "An A/A run of this release is under way: end that first."


@pytest.mark.parametrize("hours", [0, -1, 337, float("nan")])
def test_it_lasts_a_minute_at_least_and_two_weeks_at_most(world, hours):
    with pytest.raises(BadInput, match="from a minute to 336 hours"):
        itself.run_aa(world.first, by=world.chloe, hours=hours)
