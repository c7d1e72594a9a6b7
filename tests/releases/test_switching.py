"""Switches: what waits for nodes holds nobody up, a tick reads once for all, and any past is a column."""

from __future__ import annotations

import json
import time
import uuid
from datetime import timedelta

import pytest
import redis
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registry.models import Job, Role
from registry.services import jobs
from releases import dataplane, plans, selectors, tasks
from releases.lifecycle import State
from releases.models import Arm, Rollout, Route, Stage, Switch
from releases.rollout import before, publishing
from releases.rollout.switching import nodes, saga, switches
from releases.services import advancing, rollouts
from tests import makers, spoken

pytestmark = pytest.mark.django_db


@pytest.fixture
def chloe():
    return makers.person("chloe", Role.RELEASE_MANAGER)


class Nodes:
    """An environment of this test's own, whose nodes say what the test says."""

    def __init__(self, redis_url):
        self.client = redis.Redis.from_url(redis_url)
        self.environment = makers.environment(f"e{uuid.uuid4().hex[:12]}")

    def say(self, release, revision, ready=(), node="n1"):
        model = {"revision": revision, "ready": list(ready)}
        beat = {"node": node, "boot": "b", "at": time.time(), "models": {release.model.name: model}}
        spoken.say(self.client, self.environment.name, node, json.dumps(beat))


@pytest.fixture
def there(broker, settings, tmp_path):
    settings.PLAN_FILE = tmp_path / "plan.json"
    return Nodes(broker)


@pytest.fixture
def started(there, chloe):
    release = makers.release(state=State.APPROVED, environment=there.environment.name)
    return rollouts.start_rollout(release, by=chloe)


def job(release):
    return Job.objects.create(kind="advance_rollout", subject=release.subject, queue="control")


def held():
    """Jobs that are not due yet."""
    return Job.objects.filter(kind="advance_rollout", not_before__gt=timezone.now()).count()


def test_a_rollout_is_a_stage_its_arms_and_a_switch_with_a_salt_of_its_own(there, chloe):
    first = makers.release(state=State.LIVE, environment=there.environment.name)
    second = makers.release(
        makers.version(first.model), state=State.APPROVED, environment=there.environment.name
    )
    rollouts.start_rollout(second, by=chloe, grounds="it is better")

    rollout = Rollout.objects.get()
    (stage,) = rollout.stages.all()
    assert (stage.place, stage.kind, stage.shares, stage.begun_at) == (0, "split", {"2": 1.0}, None)
    assert {(arm.release_id, arm.role) for arm in rollout.arms.all()} == {
        (first.pk, "champion"),
        (second.pk, "challenger"),
    }
    switch = rollout.switch
    assert (switch.stage, switch.phase, switch.decided_by) == (stage, "preparing", "person/chloe")
    assert len(switch.grounds) == 64
    assert switches.aim_of(switch).salt.hex() == rollout.salt != bytes(16).hex()


def test_what_waits_for_nodes_is_put_back_and_holds_no_worker(there, started):
    job(started)
    tasks.work("control")

    (waiting,) = Job.objects.filter(kind="advance_rollout", state="queued")
    assert (waiting.attempt, waiting.error, waiting.lease_until) == (0, "", None)
    assert waiting.not_before > timezone.now()
    switch = Switch.objects.get()
    assert (switch.phase, switch.prepared, switch.opened) == ("preparing", 1, None)
    assert abs(waiting.not_before - switch.due) < timedelta(seconds=5)


def test_a_look_at_all_nodes_wakes_what_need_not_wait_and_nothing_else(there, started, chloe):
    other = makers.release(
        makers.version(makers.model("other")), State.APPROVED, environment=there.environment.name
    )
    rollouts.start_rollout(other, by=chloe)
    for release in (started, other):
        job(release)
        tasks.work("control")
    assert held() == 2
    there.say(started, revision=1, ready=[1])

    saga.hasten(there.environment, publishing.heartbeats(there.environment))
    assert held() == 1
    tasks.work("control")
    assert Switch.objects.get(rollout__release=started).phase == "committing"
    assert Switch.objects.get(rollout__release=other).phase == "preparing"


def test_a_tick_walks_redis_once_for_all_that_hear_it(there, started, monkeypatch):
    walked = []
    read = dataplane.heartbeats

    def counted(client, environment, seal, names=None):
        walked.append((environment, names))
        return read(client, environment, seal, names)

    monkeypatch.setattr(dataplane, "heartbeats", counted)
    job(started)
    tasks.work("control")
    walked.clear()
    tasks.tick()
    assert [each for each in walked if each[0] == there.environment.name] == [(there.environment.name, None)]


def test_whoever_waits_a_little_asks_the_nodes_it_knows_and_looks_for_no_others(there, started, monkeypatch):
    asked = []

    def heartbeats(environment, names=None):
        asked.append(names)
        there.say(started, revision=len(asked) // 3, ready=[1])
        return publishing.heartbeats(environment, names)

    there.say(started, revision=0)
    monkeypatch.setattr(nodes, "PATIENCE_S", 60)
    monkeypatch.setattr(nodes, "heartbeats", heartbeats)
    switch = switches.as_it_stands(Switch.objects.get())
    switch.prepared, switch.due = 2, timezone.now() + timedelta(minutes=1)
    assert nodes.followed(switch) == {"n1": "ready"}
    assert asked == [None, *[["n1"]] * 5]


def test_a_broken_part_delays_none_of_those_that_hear_the_nodes(there, started, monkeypatch):
    done = []

    def broken(*said):
        raise RuntimeError("this part is broken")

    for name in ("HEARD", "WATCHED"):
        parts = getattr(tasks, name)
        told = [
            lambda *said, at=(name, place): done.append((said[0].name, *at)) for place in range(len(parts))
        ]
        monkeypatch.setattr(tasks, name, tuple(each for one in told for each in (broken, one)))
        wanted = [(there.environment.name, name, place) for place in range(len(parts))]
        tasks.tick()
        assert [each for each in done if each[:2] == (there.environment.name, name)] == wanted


def test_a_pause_after_a_failure_is_kept(started):
    late = timezone.now() + timedelta(minutes=1)
    failed = job(started)
    Job.objects.filter(pk=failed.pk).update(error="it failed", not_before=late)
    jobs.hasten("advance_rollout", started.subject)
    assert held() == 1


def test_a_first_release_that_turns_back_before_anything_went_out_ends_with_nothing(there, started, chloe):
    rollouts.roll_back(started, by=chloe)
    Switch.objects.update(due=timezone.now())
    there.say(started, revision=1)
    advancing.advance_rollout(started.pk)

    started.refresh_from_db()
    assert started.state == State.ROLLED_BACK
    rollout = Rollout.objects.get()
    assert (rollout.switch.turned_in, rollout.switch.phase, rollout.switch.reverted) == (
        "preparing",
        "done",
        1,
    )
    assert Route.objects.get().entry["arms"] == []
    assert (Stage.objects.get().end, Arm.objects.get().left_at is None) == ("turned_back", False)


def test_nodes_that_do_not_follow_in_time_turn_it_back_and_say_which(there, started):
    there.say(started, revision=0)
    with pytest.raises(jobs.NotYet):
        advancing.advance_rollout(started.pk)
    Switch.objects.update(due=timezone.now())
    with pytest.raises(jobs.NotYet):  # for the way back
        advancing.advance_rollout(started.pk)
    switch = Switch.objects.get()
    assert (switch.phase, switch.turned_in) == ("reverting", "preparing")
    assert switch.reason == "The nodes did not follow in time: n1."


def test_the_weights_of_a_stage_are_a_route_that_says_so(there, started, monkeypatch):
    switch = Switch.objects.get()
    Switch.objects.update(phase="opening")
    with pytest.raises(jobs.NotYet):
        advancing.advance_rollout(started.pk)
    route = selectors.route(started.model, started.environment)
    assert route.stage == switch.stage
    assert route.entry["salt"] == Rollout.objects.get().salt


def test_a_tick_that_finds_the_plan_published_reads_no_entry_of_any_model(there, started, monkeypatch):
    advanced_to_its_plan(started)
    monkeypatch.setattr(publishing, "publish", lambda environment: pytest.fail("it is published"))
    with CaptureQueriesContext(connection) as asked:
        publishing.ensure_published(there.environment)
    assert not [query["sql"] for query in asked if '"entry"' in query["sql"]]


def test_a_plan_older_than_the_newest_route_of_any_model_is_published(there, started):
    advanced_to_its_plan(started)
    saga.turn_back(Switch.objects.get(), "a drill", actor="person/chloe")
    key = f"assay:{there.environment.name}:plan:sequence"
    there.client.set(key, selectors.last_revised(there.environment) - 1)
    publishing.ensure_published(there.environment)
    assert int(there.client.get(key)) >= selectors.last_revised(there.environment)


def advanced_to_its_plan(release):
    with pytest.raises(jobs.NotYet):
        advancing.advance_rollout(release.pk)


def test_a_rollout_has_one_open_switch_and_what_is_done_has_ended(started):
    switch = Switch.objects.get()
    with pytest.raises(DatabaseError), transaction.atomic():
        Switch.objects.create(rollout=switch.rollout, decided_by="person/chloe")
    with pytest.raises(DatabaseError), transaction.atomic():
        Switch.objects.update(phase="done")


# ---- the release before, while both serve


def begun_before(release, **told):
    """As the release before leaves a rollout."""
    entry = plans.nothing(revision=3, salt=bytes(16)).to_json()
    return Rollout.objects.create(
        release=release,
        model=release.model,
        environment=release.environment,
        before_progress={"before": entry, **told.pop("progress", {})},
        **told,
    )


def test_what_only_the_release_before_has_begun_is_taken_up_from_its_beginning(there, chloe):
    release = makers.release(state=State.APPROVED, environment=there.environment.name)
    rollout = begun_before(
        release, before_phase="committing", progress={"prepared": 4, "nodes": {"n": "ready"}}
    )
    assert (rollout.switch.phase, rollout.switch.prepared, rollout.switch.nodes) == (
        "committing",
        4,
        {"n": "ready"},
    )

    with pytest.raises(jobs.NotYet):
        advancing.advance_rollout(release.pk)

    switch = Switch.objects.get()
    assert (switch.phase, switch.prepared, switch.decided_by) == ("preparing", 1, "")
    assert [arm.version for arm in switches.aim_of(switch).arms] == [1]
    assert rollout.stages.get().shares == {"1": 1.0}


def test_what_the_release_before_has_turned_back_of_ours_turns_back(there, started):
    rollout = Rollout.objects.get()
    Rollout.objects.update(before_phase="reverting", reason="rolled back by hand")
    before.adopt(rollout)
    switch = Switch.objects.get()
    assert (switch.phase, switch.turned_in, switch.reason) == (
        "reverting",
        "preparing",
        "rolled back by hand",
    )


def test_the_release_before_finds_what_it_needs_to_take_up_ours(there, started):
    rollout = Rollout.objects.get()
    assert (rollout.before_phase, rollout.before_progress) == ("preparing", {"before": None})
    saga.turn_back(Switch.objects.get(), "it was a drill", actor="person/chloe")
    rollout.refresh_from_db()
    assert (rollout.before_phase, rollout.reason) == ("reverting", "it was a drill")


def test_the_past_of_the_release_before_becomes_rows_and_is_told_the_same_before_that(there):
    release = makers.release(state=State.APPROVED, environment=there.environment.name)
    ended = timezone.now()
    told = {"prepared": 4, "nodes": {"n": "ready"}, "committed": 5, "reverted": 6}
    rollout = begun_before(release, before_phase="done", closed_at=ended, reason="it failed", progress=told)
    shown = rollout.switch
    assert (shown.went_back, shown.turned_in, shown.committed) == (True, "verifying", 5)

    assert before.complete() == 1
    rollout = Rollout.objects.get()
    kept = Switch.objects.get()
    assert rollout.switch == kept
    for name in ("phase", "turned_in", "prepared", "committed", "opened", "reverted", "nodes", "reason"):
        assert getattr(kept, name) == getattr(shown, name)
    assert (kept.ended_at, rollout.stages.get().end) == (ended, "turned_back")
    assert before.complete() == 0


def test_what_the_release_before_has_ended_of_ours_ends(there, started):
    Rollout.objects.update(before_phase="done", closed_at=timezone.now())
    before.complete()
    assert Switch.objects.get().phase == "done"
