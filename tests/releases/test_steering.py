"""What people do to rollouts that are judged on their way, and what is asked of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from registry.errors import BadInput, NotAllowed
from registry.models import Event, Notice, Role
from registry.selectors import access
from releases import actions, selectors
from releases.errors import NothingOpen
from releases.lifecycle import State
from releases.models import Decision, NodeReport, Proposal, Switch
from releases.rollout import publishing, staging
from releases.selectors import turns
from releases.services import breaking, deciding, rollouts, steering, telling
from tests import makers
from tests.releases.rolling import SHORT, at_split, told

pytestmark = pytest.mark.django_db


def test_paused_shares_stay_where_they_are_and_a_fault_goes_back_none_the_less(world):
    rollout = at_split(world)
    steering.pause(rollout.release, by=world.chloe, grounds="a holiday")
    assert world.look(rollout, later=600).verdict == "move"
    assert not Switch.objects.filter(ended_at=None).exists()
    told(rollout, 1, 2, "errors", 12)
    world.look(rollout)
    rollout.release.refresh_from_db()
    assert rollout.release.state == State.ROLLED_BACK


def test_resumed_it_goes_on(world):
    rollout = at_split(world)
    steering.pause(rollout.release, by=world.chloe)
    with pytest.raises(NothingOpen, match="paused already"):
        steering.pause(rollout.release, by=world.chloe)
    steering.resume(rollout.release, by=world.chloe)
    world.look(rollout, later=600)
    assert Switch.objects.filter(ended_at=None).exists()
    assert [e.kind for e in Event.objects.filter(kind__startswith="rollout.").order_by("seq")][-4:-1] == [
        "rollout.stage_begun",
        "rollout.paused",
        "rollout.resumed",
    ]


def test_without_evidence_it_asks_and_a_person_decides(world):
    rollout = world.started()
    world.look(rollout, later=4000)
    proposal = Proposal.objects.get()
    assert (proposal.verdict, proposal.outcome, proposal.stage.place) == ("move", "open", 0)
    world.look(rollout, later=4001)
    assert Proposal.objects.count() == 1
    steering.accept_proposal(rollout.release, by=world.chloe, grounds="we know these users")
    world.settle(rollout.release)
    assert [arm.version for arm in world.entry().arms] == [2, 1]
    proposal.refresh_from_db()
    assert proposal.outcome == "accepted"
    assert [row.decided_by for row in rollout.decisions.all()] == ["system/rollouts", "person/chloe"]


def test_what_is_asked_stands_in_the_inbox_of_who_may_answer_it(world):
    rollout = world.started()
    assert turns.awaiting(world.chloe, 10)[0] == []
    world.look(rollout, later=4000)
    (waiting,), _ = turns.awaiting(world.chloe, 10)
    asker = access(world.chloe, None, rollout.model)
    assert turns.what(selectors.facts(waiting), asker) == "answer what its rollout asks"
    telling.tell(Proposal.objects.get().event)
    assert [notice.why for notice in Notice.objects.filter(person=world.chloe)] == ["waits"]
    assert telling.concerns(Proposal.objects.get().event)


def test_what_is_asked_lapses_when_the_evidence_changes(world):
    rollout = world.started()
    world.look(rollout, later=4000)
    told(rollout, 0, 1, "paired", 6000, about=2)
    world.look(rollout, later=4010)
    assert Proposal.objects.get().outcome == "lapsed"


def test_what_was_dismissed_is_not_asked_again_for_hours(world):
    rollout = world.started()
    world.look(rollout, later=4000)
    steering.dismiss_proposal(rollout.release, by=world.chloe)
    world.look(rollout, later=4010)
    assert Proposal.objects.count() == 1
    world.look(rollout, later=4000 + 7 * 3600)
    assert Proposal.objects.count() == 2
    Proposal.objects.filter(outcome="open").update(outcome="lapsed")
    with pytest.raises(NothingOpen, match="asks for nothing"):
        steering.accept_proposal(rollout.release, by=world.chloe)


def test_a_policy_that_wants_to_be_asked_is_asked_for_every_step(world):
    rollout = world.started({**SHORT, "mode": "propose"})
    told(rollout, 0, 1, "paired", 6000, about=2)
    assert world.look(rollout, later=5).verdict == "propose"
    assert Proposal.objects.get().verdict == "move"


def test_no_strategy_talks_a_policy_out_of_being_asked(world):
    release = world.approved({**SHORT, "mode": "auto"})
    release.policy["mode"] = "propose"
    assert staging.design_for(release, world.first).mode == "propose"


def test_a_person_promotes_it_on_their_word(world):
    rollout = at_split(world)
    steering.promote(rollout.release, by=world.chloe, grounds="seen enough")
    world.settle(rollout.release)
    rollout.release.refresh_from_db()
    assert rollout.release.state == State.LIVE
    assert rollout.decisions.last().decided_by == "person/chloe"


def test_a_version_that_lost_without_fault_stays_approved(world):
    rollout = at_split(world)
    steering.end_trial(rollout.release, by=world.chloe)
    rollout.release.refresh_from_db()
    assert rollout.release.state == State.APPROVED
    assert [arm.version for arm in world.entry().arms] == [1]
    with pytest.raises(NothingOpen):
        steering.end_trial(rollout.release, by=world.chloe)


def test_rolled_back_by_hand_everybody_is_answered_as_before_at_once(world):
    rollout = at_split(world)
    rollouts.roll_back(rollout.release, by=world.chloe, grounds="customers call")
    rollout.release.refresh_from_db()
    assert rollout.release.state == State.ROLLED_BACK
    assert [arm.version for arm in world.entry().arms] == [1]
    assert rollout.decisions.last().verdict == "roll_back"
    with pytest.raises(NothingOpen):
        steering.roll_back(rollout, by="person/chloe", reason="again")


def test_a_node_that_gave_it_up_takes_it_back(world):
    rollout = at_split(world)
    trip = breaking.Trip("n1", rollout.model.name, 2, rollout.release.version.digest, "it died", "t1", {})
    assert breaking.react(world.environment, trip)
    rollout.release.refresh_from_db()
    assert rollout.release.state == State.ROLLED_BACK


def test_what_can_be_done_is_what_makes_sense(world):
    rollout = at_split(world)
    asker = access(world.chloe, None, rollout.model)
    release = selectors.release(rollout.release_id, world.chloe)
    names = {row.name for row, reason in actions.choices(release, asker) if not reason}
    assert names == {"promote", "roll_back", "end_trial", "pause"}


def test_only_a_release_manager_steers(world):
    rollout = at_split(world)
    max_ = makers.person("max", Role.CONTRIBUTOR)
    for act in (steering.pause, steering.promote, steering.end_trial):
        with pytest.raises(NotAllowed, match="release manager"):
            act(rollout.release, by=max_)


def test_what_a_node_has_not_told_keeps_it_from_going_on_and_not_from_going_back(world):
    rollout = at_split(world)
    NodeReport.objects.update(until=timezone.now() - timedelta(minutes=5))
    beats = publishing.heartbeats(world.environment)
    decision = deciding.decide(rollout.pk, beats, timezone.now() + timedelta(seconds=600))
    assert (decision.verdict, decision.reason) == ("hold", "Not all counters have arrived: n1.")
    told(rollout, 1, 2, "errors", 12)
    assert deciding.decide(rollout.pk, beats, timezone.now()).verdict == "roll_back"


AB = {
    "kind": "ab_test",
    "metrics": [{"name": "bought", "direction": "higher", "action": "hold"}],
    "stages": [
        {"kind": "shadow", "min": "0s", "max": "1h"},
        {"kind": "split", "share": 0.5, "min": "10s", "max": "1h", "ends": "winner"},
    ],
}


def test_an_ab_test_begins_unseen_too_and_no_pair_can_show_what_people_buy(world):
    rollout = world.started(AB)
    told(rollout, 0, 1, "paired", 6000, about=2)
    assert world.look(rollout, later=5).verdict == "move"
    world.settle(rollout.release)
    assert [arm.version for arm in world.entry().arms] == [2, 1]


def test_what_was_live_was_decided_by_a_person_unless_the_rollout_took_it_back(world):
    rollout = at_split(world)
    here = (world.first.model, world.environment)
    assert selectors.decided(selectors.route(*here)).by == "person/chloe"
    told(rollout, 1, 2, "errors", 12)
    world.look(rollout)
    decided = selectors.decided(selectors.route(*here))
    assert (decided.by, decided.started_by) == ("system/rollouts", "person/chloe")
    assert decided.why.startswith("Version 2 is worse in errors")
    assert decided.event == rollout.decisions.last().event_id


def test_words_have_a_bound_whatever_is_decided(world):
    rollout = at_split(world)
    for act in (steering.pause, steering.promote, steering.end_trial):
        with pytest.raises(BadInput, match="10,000 characters"):
            act(rollout.release, by=world.chloe, grounds="x" * 10_001)
    assert not Decision.objects.filter(rollout=rollout, decided_by="person/chloe").exists()
