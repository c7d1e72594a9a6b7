"""Rollouts in which several versions take part: how they join, leave one by one, and what becomes of each."""

from __future__ import annotations

import pytest

from formats.plan import WHOLE
from registry.errors import BadInput, NotAllowed
from registry.models import Event, Role
from registry.selectors import access
from registry.services import jobs
from releases import actions, selectors, tasks
from releases.errors import IllegalTransition, NotApproved, RolloutOpen
from releases.lifecycle import State
from releases.models import Arm, GateRun, Proposal, Release, Rollout, Switch
from releases.rollout import spells, staging
from releases.selectors import turns
from releases.services import advancing, breaking, condemning, opening, rollouts, steering
from tests import makers
from tests.releases.rolling import BOUGHT, SHORT, several, told

pytestmark = pytest.mark.django_db


def states(*releases):
    return [Release.objects.get(pk=each.pk).state for each in releases]


def given(world):
    return [(arm.version, round(arm.weight / WHOLE, 3)) for arm in world.entry().arms]


def faulty(rollout, version):
    told(rollout, 0, version, "seen", 1000)
    told(rollout, 0, 1, "seen", 1000)
    told(rollout, 0, version, "errors", 60)
    told(rollout, 0, 1, "errors", 3)


# ---- how they join


def test_all_of_them_are_on_trial_and_share_the_units(world):
    rollout, (first, second) = several(world)
    assert states(first, second) == [State.ROLLING_OUT] * 2
    assert given(world) == [(3, 0.333), (2, 0.333), (1, 0.333)]
    assert world.entry().rollout.challengers == (3, 2)
    assert [arm.release for arm in selectors.playing(rollout)] == [first, second]
    assert [each.pk for each in selectors.taken_part(selectors.release(second.pk, world.chloe))] == [
        rollout.pk
    ]
    started = Event.objects.get(kind="release.rolling_out", subject=second.subject).facts
    assert (started["rollout"], started["beside"]) == (rollout.pk, 3)
    assert Event.objects.get(kind="rollout.started").facts["beside"] == [2]


def test_all_are_asked_unseen_in_a_shadow(world):
    several(world, kind="shadow", shadow=True, metrics=[])
    entry = world.entry()
    assert (given(world), entry.mirrors) == ([(1, 1.0)], (3, 2))


@pytest.mark.parametrize("state", [State.IN_REVIEW, State.WITHDRAWN, None])
def test_a_version_takes_part_only_once_it_is_approved_there(world, state):
    version = makers.version(world.first.model)
    if state is not None:
        world._release(version, state)
    release = world.approved({"kind": "ab_test", "against": [2], "metrics": [BOUGHT]})
    with pytest.raises(NotApproved, match="Version 2 has no approved release"):
        rollouts.start_rollout(release, by=world.chloe)
    assert states(release) == [State.APPROVED]
    assert not Rollout.objects.filter(release=release).exists()


def test_a_condemned_version_does_not_take_part(world):
    second = world.approved({"kind": "canary"})
    release = world.approved({"kind": "ab_test", "against": [2], "metrics": [BOUGHT]})
    condemned(second)
    with pytest.raises(NotApproved, match="cannot take part: Version 2 failed the confidence gate"):
        rollouts.start_rollout(release, by=world.chloe)


def condemned(release, gate="confidence"):
    """Its version is proven for another environment, and fails."""
    other = makers.release(release.version, State.VALIDATING, environment="elsewhere")
    other.gate_runs.filter(gate=gate).update(outcome=GateRun.Outcome.FAILED)


def test_a_version_that_fails_a_data_gate_meanwhile_leaves_and_the_others_go_on(world):
    rollout, (first, second) = several(world)
    condemned(second, "benchmark")
    condemning.watch(world.environment)
    assert states(first, second) == [State.ROLLING_OUT] * 2, "no data gate"
    condemned(first)
    for _ in range(2):
        condemning.watch(world.environment)
    assert states(first, second, world.first) == [State.ROLLED_BACK, State.ROLLING_OUT, State.LIVE]
    assert given(world) == [(1, 0.333), (2, 0.333), (1, 0.333)]
    decision = rollout.decisions.get()
    assert (decision.verdict, decision.arm, decision.decided_by) == ("roll_back", "3", "system/gates")
    assert decision.reason.startswith("Version 3 failed the confidence gate in release ")
    condemned(second, "end_to_end")
    condemning.watch(world.environment)
    rollout.refresh_from_db()
    assert (states(second), given(world)) == ([State.ROLLED_BACK], [(1, 1.0)])
    assert "can never be served" in rollout.reason


@pytest.mark.parametrize("strategy", [SHORT, {"kind": "single"}])
def test_a_rollout_whose_only_version_fails_a_data_gate_is_over_once(world, strategy):
    release = world.approved(strategy)
    rollouts.start_rollout(release, by=world.chloe)
    condemned(release)
    for _ in range(2):
        condemning.watch(world.environment)
    world.settle(release)
    condemning.watch(world.environment)
    assert states(release, world.first) == [State.ROLLED_BACK, State.LIVE]
    assert "failed the confidence gate" in Rollout.objects.get(release=release).reason
    assert Event.objects.filter(kind="release.rolled_back").count() == 1


def test_every_tick_looks_for_versions_that_failed():
    assert condemning.watch in tasks.WATCHED


def test_what_is_live_stays_so_when_its_version_fails_a_data_gate_elsewhere(world):
    condemned(world.first)
    condemning.watch(world.environment)
    assert states(world.first) == [State.LIVE]


def test_a_version_that_nobody_knows_is_refused_at_the_edge(world):
    with pytest.raises(BadInput, match="There is no version 7") as refused:
        opening.check_strategy({"kind": "shadow", "against": [7]}, world.first.model, 2)
    assert refused.value.facts["field"] == "strategy.against"


def test_one_policy_that_wants_to_be_asked_is_enough(world):
    second = world.approved({"kind": "canary"})
    release = world.approved({"kind": "ab_test", "against": [2], "metrics": [BOUGHT]})
    assert staging.design_for(release, world.first).mode == "auto"
    Release.objects.filter(pk=second.pk).update(state="draft")
    Release.objects.filter(pk=second.pk).update(policy={**second.policy, "mode": "propose"})
    Release.objects.filter(pk=second.pk).update(state="validating")
    Release.objects.filter(pk=second.pk).update(state="approved")
    assert staging.design_for(release, world.first).mode == "propose"


def test_who_takes_part_starts_nothing_of_its_own_and_cannot_be_withdrawn(world):
    _, (_, second) = several(world)
    third = world.approved()
    with pytest.raises(IllegalTransition):
        rollouts.start_rollout(second, by=world.chloe)
    with pytest.raises(IllegalTransition):
        opening.withdraw(second, by=makers.person("", Role.CONTRIBUTOR))
    with pytest.raises((NotAllowed, RolloutOpen)):
        rollouts.start_rollout(third, by=world.chloe)


# ---- how they leave


def test_a_guardrail_takes_one_out_at_once_and_moves_nobody_else(world):
    rollout, (first, second) = several(world)
    faulty(rollout, 3)
    made = world.look(rollout)
    assert (made.verdict, made.arm, made.standing.ended) == ("roll_back", "3", None)
    assert states(first, second) == [State.ROLLED_BACK, State.ROLLING_OUT]
    assert given(world) == [(1, 0.333), (2, 0.333), (1, 0.333)]
    assert 3 not in world.entry().versions
    assert not Switch.objects.filter(ended_at=None).exists()
    found = spells.by_revision(rollout, staging.design_of(rollout))
    assert round(found[world.entry().revision].share("1"), 3) == 0.667
    rollout.refresh_from_db()
    assert rollout.closed_at is None
    faulty(rollout, 2)
    assert world.look(rollout, later=4).standing.ended == "roll_back"
    assert states(first, second) == [State.ROLLED_BACK] * 2
    assert given(world) == [(1, 1.0)]
    assert Rollout.objects.get(pk=rollout.pk).closed_at is not None


def test_a_person_ends_the_trial_of_one_and_the_last_one_ends_the_rollout(world):
    rollout, (first, second) = several(world)
    steering.end_trial(second, by=world.chloe)
    assert states(first, second) == [State.ROLLING_OUT, State.APPROVED]
    assert given(world) == [(3, 0.333), (1, 0.667)]
    asker = access(world.chloe, None, rollout.model)
    known = selectors.facts(second)
    assert (known.rollout_open, known.other_rollout_open, known.by_stages) == (False, True, False)
    assert {row.name: why for row, why in actions.choices(second, asker)}["start_rollout"]
    steering.end_trial(first, by=world.chloe)
    assert states(first, second) == [State.APPROVED] * 2
    assert Rollout.objects.get(pk=rollout.pk).closed_at is not None


def test_the_first_one_may_leave_and_the_others_are_steered_as_before(world):
    rollout, (first, second) = several(world)
    steering.end_trial(first, by=world.chloe)
    steering.pause(second, by=world.chloe)
    steering.resume(second, by=world.chloe)
    steering.promote(second, by=world.chloe)
    world.settle(first)
    assert states(first, second, world.first) == [State.APPROVED, State.LIVE, State.SUPERSEDED]
    assert Rollout.objects.get(pk=rollout.pk).closed_at is not None


def test_a_person_takes_one_or_all_of_them_back(world):
    rollout, (first, second, third) = several(world, others=2)
    row = actions.named("roll_back")
    actions.perform(row, second, by=world.chloe)
    assert states(first, second, third) == [State.ROLLING_OUT, State.ROLLED_BACK, State.ROLLING_OUT]
    actions.perform(row, first, by=world.chloe, everything=True)
    assert states(first, second, third) == [State.ROLLED_BACK] * 3
    assert given(world) == [(1, 1.0)]
    assert [arm.left_at is None for arm in Arm.objects.filter(rollout=rollout)] == [False] * 4


def test_everything_is_said_only_where_it_means_something(world):
    _, (first, _) = several(world)
    with pytest.raises(BadInput) as refused:
        actions.perform(actions.named("promote"), first, by=world.chloe, everything=True)
    assert refused.value.facts["field"] == "everything"


def test_a_node_that_gives_one_up_takes_that_one_out_alone(world):
    _, (first, second) = several(world)
    trip = breaking.Trip("n1", world.first.model.name, 2, second.version.digest, "it crashes", "t1", {})
    assert breaking.react(world.environment, trip)
    assert states(first, second) == [State.ROLLING_OUT, State.ROLLED_BACK]
    assert not breaking.react(world.environment, trip)


def test_the_winner_that_a_node_gives_up_on_its_way_takes_all_back(world):
    _, (first, second) = several(world)
    steering.promote(second, by=world.chloe)
    trip = breaking.Trip("n1", world.first.model.name, 2, second.version.digest, "it crashes", "t1", {})
    breaking.react(world.environment, trip)
    assert states(first, second, world.first) == [State.APPROVED, State.ROLLED_BACK, State.LIVE]
    assert given(world) == [(1, 1.0)]


def test_another_that_a_node_gives_up_meanwhile_does_not_keep_the_winner(world):
    rollout, (first, second) = several(world)
    steering.promote(second, by=world.chloe)
    trip = breaking.Trip("n1", world.first.model.name, 3, first.version.digest, "it crashes", "t1", {})
    breaking.react(world.environment, trip)
    world.settle(rollout.release)
    assert states(first, second, world.first) == [State.ROLLED_BACK, State.LIVE, State.SUPERSEDED]


def test_the_nodes_that_fail_with_one_go_on_with_the_others(world):
    second = world.approved({"kind": "canary"})
    first = world.approved({"kind": "ab_test", "against": [2], "metrics": [BOUGHT], "shadow": False})
    rollouts.start_rollout(first, by=world.chloe)
    world.follow()
    with pytest.raises(jobs.NotYet):
        advancing.advance_rollout(first.pk)
    world.follow(failed={"2": "out of memory"}, ready=[1, 3])
    advancing.advance_rollout(first.pk)
    assert states(first, second) == [State.ROLLING_OUT, State.ROLLED_BACK]
    world.settle(first)
    assert given(world) == [(3, 0.333), (1, 0.667)]


# ---- how it ends


def test_any_of_them_may_win_and_the_others_lost_without_fault(world):
    rollout, (first, second) = several(world)
    steering.promote(second, by=world.chloe, grounds="it sells")
    world.settle(first)
    assert states(first, second, world.first) == [State.APPROVED, State.LIVE, State.SUPERSEDED]
    entry = world.entry()
    assert (given(world), entry.fallback, set(entry.versions)) == ([(2, 1.0)], 1, {1, 2})
    assert selectors.restorable(second) == world.first
    ended = Event.objects.get(kind="release.trial_ended").facts
    assert (ended["version"], ended["rollout"], ended["reason"]) == (3, rollout.pk, "Version 2 was promoted.")
    rollouts.roll_back(Release.objects.get(pk=second.pk), by=world.chloe)
    assert states(first, second, world.first) == [State.APPROVED, State.ROLLED_BACK, State.LIVE]


def test_what_it_asks_stands_once_in_the_inbox_whoever_is_left(world):
    rollout, (first, second) = several(
        world, stages=[{"kind": "split", "shares": {"3": 0.1, "2": 0.1}, "max": "1h"}]
    )
    world.look(rollout, later=4000)
    assert Proposal.objects.get().outcome == "open"
    assert turns.awaiting(world.chloe, 10)[0] == [first]
    steering.end_trial(first, by=world.chloe)
    assert Proposal.objects.get().outcome == "lapsed"
    world.look(rollout, later=4100)
    assert turns.awaiting(world.chloe, 10)[0] == [second]
    steering.accept_proposal(second, by=world.chloe)
    world.settle(first)
    assert states(first, second) == [State.APPROVED, State.LIVE]
