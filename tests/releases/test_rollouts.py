from __future__ import annotations

import pytest

from registry.errors import NotAllowed
from registry.models import Event, Role
from releases.errors import IllegalTransition, NothingToRestore, RolloutOpen
from releases.lifecycle import State
from releases.models import Rollout, Route
from releases.rollout.switching import nodes
from releases.services import advancing, rollouts
from tests import makers

pytestmark = pytest.mark.django_db


@pytest.fixture
def chloe():
    return makers.person("chloe", Role.RELEASE_MANAGER)


def test_a_rollout_remembers_what_it_replaces(chloe):
    first = makers.release(state=State.LIVE)
    second = makers.release(makers.version(first.model), state=State.APPROVED)
    rollouts.start_rollout(second, by=chloe)
    rollout = Rollout.objects.get()
    assert rollout.previous == first
    assert rollout.switch.phase == "preparing"
    second.refresh_from_db()
    assert second.state == State.ROLLING_OUT


def test_only_one_rollout_of_a_model_is_open(chloe):
    first = makers.release(state=State.APPROVED)
    second = makers.release(makers.version(first.model), state=State.APPROVED)
    rollouts.start_rollout(first, by=chloe)
    with pytest.raises((RolloutOpen, NotAllowed), match="Another rollout"):
        rollouts.start_rollout(second, by=chloe)


def test_what_is_not_approved_is_not_rolled_out(chloe):
    with pytest.raises(IllegalTransition, match="in review"):
        rollouts.start_rollout(makers.release(), by=chloe)


def test_a_rollout_needs_a_release_manager():
    release = makers.release(state=State.APPROVED)
    with pytest.raises(NotAllowed, match="release manager"):
        rollouts.start_rollout(release, by=release.version.uploaded_by)


def test_the_only_release_a_model_ever_had_is_not_rolled_back(chloe):
    release = makers.release(state=State.LIVE)
    with pytest.raises(NothingToRestore, match="nothing to restore"):
        rollouts.roll_back(release, by=chloe)


def test_a_slow_version_gets_the_time_that_its_rehearsal_needs():
    release = makers.release(state=State.APPROVED)
    rows = release.version.end_to_end_set.rows
    assert nodes.rehearsal_s(release, workers=2) == 0
    with makers.unguarded("releases_gaterun"):
        release.gate_runs.filter(gate="benchmark").update(evidence={"p50_ms": {"value": 2000.0}})
    assert nodes.rehearsal_s(release, workers=2) == nodes.REHEARSAL_SLACK * rows * 2 * 2


def test_a_rollback_during_a_rollout_turns_it_back(chloe):
    release = makers.release(state=State.APPROVED)
    rollouts.start_rollout(release, by=chloe)
    rollouts.roll_back(release, by=chloe)
    assert Rollout.objects.get().switch.phase == "reverting"
    rollouts.roll_back(release, by=chloe)
    assert Event.objects.filter(kind="rollout.reverting").count() == 1


def test_retiring_takes_two_people(chloe):
    release = makers.release(state=State.LIVE)
    other = makers.person("edda", Role.APPROVER)
    rollouts.retire(release, by=chloe)
    with pytest.raises(NotAllowed, match="second person"):
        rollouts.retire(release, by=chloe)
    release.refresh_from_db()
    assert release.state == State.LIVE
    rollouts.retire(release, by=other)
    release.refresh_from_db()
    assert release.state == State.RETIRED
    assert Route.objects.latest("revision").entry["arms"] == []


def test_the_version_that_is_live_is_not_rolled_out_again(chloe):
    again = makers.release(state=State.APPROVED)
    makers.release(again.version, state=State.LIVE)
    with pytest.raises(NotAllowed, match="live here already"):
        rollouts.start_rollout(again, by=chloe)


def test_a_rollout_whose_step_fails_again_and_again_turns_back_by_itself(chloe):
    release = makers.release(state=State.APPROVED)
    rollouts.start_rollout(release, by=chloe)
    assert advancing.give_up(release.pk, "BadPlan: nobody foresaw it")
    rollout = Rollout.objects.get()
    assert rollout.switch.phase == "reverting"
    assert "nobody foresaw it" in rollout.reason
    assert not advancing.give_up(release.pk, "and turning back has no alternative")
