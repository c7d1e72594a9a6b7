"""Who is told of what."""

from __future__ import annotations

import pytest

from registry.events import record
from registry.models import Event, Job, Notice, Outbox, Role
from registry.selectors import policy_digest
from registry.services import accounts, people, wishes
from registry.services.policy_changes import decide_policy, propose_policy
from registry.transactions import write
from releases import tasks
from releases.lifecycle import Action, State
from releases.models import GateRun
from releases.services import reviews, rollouts
from releases.services.transitions import advance
from tests import makers
from tests.releases.telling.notices import told

pytestmark = pytest.mark.django_db
WHY = "that was not wanted any more"


def test_what_waits_is_told_to_whose_turn_it_is_and_to_nobody_else(letters, ada, pia, manager):
    makers.person("vera", Role.VIEWER)
    makers.person("dara", Role.ADMIN)
    release = makers.release(makers.version(letters, ada))
    assert told("release.in_review") == {("pia", "waits")}
    makers.approve(release)
    assert told("release.approved") == {("mona", "waits")}


def test_who_uploaded_it_is_not_asked_to_sign_it(letters, ada):
    people.grant(ada, Role.PRIVACY)
    makers.release(makers.version(letters, ada))
    assert told("release.in_review") == set()


def test_who_may_agree_to_take_a_model_offline_is_asked_and_who_asked_is_not(letters, ada, manager):
    live = makers.release(makers.version(letters, ada), State.LIVE)
    makers.person("nils", Role.APPROVER)
    rollouts.retire(live, by=manager, grounds="nobody asks it any more")

    asked = told("retirement.asked")
    assert ("nils", "waits") in asked
    assert not {who for who, _ in asked} & {"mona", "ada", "olga"}


def test_an_errored_gate_waits_for_who_may_run_it_again_and_a_passed_one_for_nobody(letters, ada, manager):
    release = makers.release(makers.version(letters, ada), State.VALIDATING)
    release.gate_runs.filter(gate="benchmark").update(outcome=GateRun.Outcome.ERRORED)
    with write():
        for gate, outcome in (("benchmark", "errored"), ("integrity", "passed")):
            record(
                tasks.Kind.GATE_FINISHED,
                release.subject,
                actor="system/gates",
                model="letters",
                gate=gate,
                outcome=outcome,
            )
    assert told("gate.finished") == {("ada", "waits"), ("mona", "waits"), ("olga", "waits")}
    assert Notice.objects.filter(event__facts__gate="integrity").count() == 0


def test_what_ended_is_told_to_who_opened_it_and_to_who_started_it_unless_they_did_it(letters, ada, manager):
    release = makers.release(makers.version(letters, ada), State.APPROVED)
    with write():
        record(tasks.Kind.ROLLOUT_STARTED, release.subject, actor=manager.actor, model="letters", rollout=1)
    advance(release, Action.START_ROLLOUT, actor=manager.actor)
    advance(release, Action.PROMOTE, actor="system/rollouts")
    assert told("release.live") == {("ada", "ended"), ("mona", "ended")}
    advance(release, Action.ROLL_BACK, actor=manager.actor, restores=3)
    assert told("release.rolled_back") == {("ada", "ended"), ("olga", "returned")}


def test_a_node_that_gives_up_is_told_to_the_owner_where_nothing_is_left_to_answer(letters, ada):
    release = makers.release(makers.version(letters, ada), State.LIVE)
    with write():
        for stays in (True, False):
            record(
                tasks.Kind.BREAKER_TRIPPED,
                release.subject,
                actor="system/breaker",
                model="letters",
                stays=stays,
            )
    assert told("breaker.tripped") == {("olga", "returned")}
    assert Notice.objects.filter(event__kind="breaker.tripped").count() == 1


def test_a_policy_waits_for_who_may_confirm_it_and_its_end_is_told_to_who_proposed_it(letters):
    admin = makers.person("dara", Role.ADMIN)
    edda = makers.person("edda", Role.APPROVER)
    asked = propose_policy(
        letters, policy={"slots": ["approval"]}, based_on=policy_digest(letters), grounds=WHY, by=admin
    )
    assert told("policy.proposed") == {("edda", "waits")}
    decide_policy(asked, "reject", grounds=WHY, by=edda)
    assert told("policy.rejected") == {("dara", "ended")}


def test_machines_and_accounts_out_of_use_are_told_nothing(letters, ada, pia):
    robot = makers.person("robot", Role.CONTRIBUTOR, Role.PRIVACY, is_machine=True)
    gone = makers.person("gone", Role.PRIVACY)
    accounts.deactivate(gone, by=makers.person("dara", Role.ADMIN), why=WHY)
    release = makers.release(makers.version(letters, robot))
    assert told("release.in_review") == {("pia", "waits")}
    reviews.give_review(release, slot="privacy", verdict="reject", grounds=WHY, by=pia)
    assert told("release.rejected") == set()


def test_who_sees_another_model_alone_is_told_nothing(letters, ada):
    other = makers.model("other")
    stranger = makers.person("stranger")
    people.grant(stranger, Role.PRIVACY, model=other)
    makers.release(makers.version(letters, ada))
    assert told("release.in_review") == set()


def test_an_event_becomes_notices_by_the_outbox_and_twice_is_once(letters, ada, pia):
    makers.release(makers.version(letters, ada))
    assert told() == {("pia", "waits")}
    for job in Job.objects.filter(kind="tell"):
        tasks.WORK["tell"](job)
    assert not Outbox.objects.exists()
    assert Notice.objects.count() == 1


def test_a_choice_is_an_event_and_the_same_again_is_none(ada):
    wishes.choose(ada, waits=True, ended=True, returned=True)
    assert not Event.objects.filter(kind="wishes.chosen").exists()
    wishes.choose(ada, waits=True, ended=False, returned=True)
    wishes.choose(ada, waits=True, ended=False, returned=True)
    event = Event.objects.get(kind="wishes.chosen")
    assert (event.actor, event.facts) == (ada.actor, {"waits": True, "ended": False, "returned": True})
