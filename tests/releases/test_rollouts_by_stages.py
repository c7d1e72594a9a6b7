"""Rollouts that are judged on their way: what starts them, moves them, and takes them back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from formats.plan import WHOLE
from registry.errors import BadInput
from registry.models import Event, Job
from registry.services import jobs
from releases import tasks
from releases.lifecycle import State
from releases.models import Arm, Decision, Rollout, Stage, Switch, Traffic
from releases.rollout import before, earlier, publishing, staging
from releases.rollout.counts import Seen
from releases.services import advancing, deciding, opening, rollouts, steering
from scoring import errors
from scoring.worker import witnesses
from tests import makers
from tests.releases.rolling import SHORT, at_split, told

pytestmark = pytest.mark.django_db


# ---- how it starts


def test_a_canary_begins_unseen(world):
    rollout = world.started({"kind": "canary"})
    assert [stage.kind for stage in rollout.stages.all()] == ["shadow", "split", "split", "split", "split"]
    entry = world.entry()
    assert [(arm.version, arm.weight) for arm in entry.arms] == [(1, WHOLE)]
    assert (entry.mirrors, entry.fallback) == ((2,), 1)
    assert entry.rollout is not None
    told = entry.rollout
    assert (told.id, told.baseline, told.challengers, told.counted) == (rollout.pk, 1, (2,), False)
    assert (told.pair, told.tolerances) == (1.0, {"atol": 0.5, "rtol": 0.0})
    assert rollout.release.state == State.ROLLING_OUT
    assert Arm.objects.filter(rollout=rollout, left_at=None).count() == 2
    (stage,) = Stage.objects.filter(begun_at__isnull=False)
    assert stage.place == 0
    assert Event.objects.filter(kind="rollout.stage_begun").count() == 1


def test_the_first_version_of_a_model_has_nobody_to_be_compared_with(world):
    other = makers.release(
        makers.version(makers.model("other")),
        state=State.APPROVED,
        environment=world.environment.name,
        strategy={"kind": "canary"},
    )
    rollouts.start_rollout(other, by=world.chloe)
    rollout = Rollout.objects.get(release=other)
    assert (rollout.by_stages, [stage.kind for stage in rollout.stages.all()]) == (False, ["split"])


def test_latency_is_held_against_the_last_day_of_the_live_version(world):
    Traffic.objects.create(
        environment=world.environment,
        model=world.first.model,
        version=1,
        arm="champion",
        at=timezone.now() - timedelta(hours=2),
        span=3600,
        requests=2000,
        buckets=[[100, 1990], [200, 10]],
    )
    found = earlier.thresholds(world.first, timezone.now())
    assert [each.name for each in found] == ["p50", "p90", "p99"]
    assert [round(each.expected, 2) for each in found] == [0.5, 0.1, 0.01]
    rollout = world.started()
    assert (len(world.entry().rollout.slow_ms), world.entry().rollout.slack_ms) == (3, staging.SLACK_MS)
    assert staging.design_of(rollout).metrics[-1].thresholds == found


def test_failures_are_held_against_the_last_day_of_the_live_version_too(world):
    for arm, asked, codes in (
        ("champion", 3000, {"inference_failed": 2, "deadline_exceeded": 1, "bad_tensor": 40}),
        ("canary", 1000, {"overloaded": 4}),
        ("named", 50, {"inference_failed": 50}),
        ("internal", 9, {"inference_failed": 9}),
    ):
        Traffic.objects.create(
            environment=world.environment,
            model=world.first.model,
            version=1,
            arm=arm,
            at=timezone.now() - timedelta(hours=2),
            span=3600,
            requests=asked,
            codes=codes,
        )
    told = {each.name: each.before for each in staging.design_of(world.started()).metrics}
    assert (told["errors"], told["timeouts"], told["invalid_outputs"]) == (
        Seen(4000, 6),
        Seen(4000, 1),
        Seen(4000, 2),
    )


def test_each_failure_of_a_version_is_known_by_its_code():
    """Counters know codes, nodes know errors: what nodes tell as bad is what counters are read for."""
    for error in errors.ScoringError.__subclasses__() + errors.InferenceFailed.__subclasses__():
        metric = witnesses.bad_metric(error("why"))
        known = {name for name, codes in earlier.CODES.items() if error.code in codes}
        assert (metric in known) if metric else not known, error


@pytest.mark.parametrize(
    ("strategy", "field"),
    [
        ({}, "strategy.kind"),
        ({"kind": "bandit"}, "strategy.metrics"),
        ({"kind": ["canary"]}, "strategy.kind"),
        ({"kind": "canary", "start_at": "2030-01-01T00:00:00"}, "strategy.start_at"),
        ({"kind": "canary", "against": [7]}, "strategy.against"),
        ({"kind": "ab_test"}, "strategy.metrics"),
        ({"kind": "ab_test", "metrics": [{"name": "basket", "kind": "real"}]}, "strategy.metrics"),
        ({"kind": "canary", "stages": [{"kind": "trial"}]}, "strategy.stages[0].units"),
        ({"kind": "canary", "speed": 1}, "strategy.speed"),
        ({"kind": "canary", "stages": [{"kind": "split"}]}, "strategy.stages[0].share"),
    ],
)
def test_what_nothing_acts_on_is_refused_by_its_name(db, strategy, field):
    with pytest.raises(BadInput) as refused:
        opening.check_strategy(strategy, makers.model())
    assert refused.value.facts["field"] == field


def test_answers_are_compared_in_outputs_that_the_version_gives(world):
    version = makers.version(world.first.model)
    outputs = [spec["name"] for spec in version.signature["outputs"]]
    asked = {"environment": world.environment.name, "by": version.uploaded_by}
    with pytest.raises(BadInput, match="no output 'color' to compare: it gives") as refused:
        opening.open_release(version, strategy={**SHORT, "compare": [outputs[0], "color"]}, **asked)
    assert refused.value.facts["field"] == "strategy.compare"
    world.started({**SHORT, "compare": outputs[:1]})
    assert world.entry().rollout.compare == (outputs[0],)


def test_what_is_to_start_later_waits_and_starts_by_itself(world):
    at = timezone.now() + timedelta(hours=2)
    rollout = world.started({**SHORT, "start_at": at.isoformat()})
    standing = world.entry()
    assert (standing.rollout, [arm.version for arm in standing.arms]) == (None, [1])
    decision = world.look(rollout, later=60)
    assert (decision.verdict, decision.reason) == (
        "hold",
        f"The rollout begins on {at:%Y-%m-%d} at {at:%H:%M} UTC.",
    )
    assert not Switch.objects.filter(rollout=rollout).exists()
    assert world.look(rollout, later=7300) is None
    assert Event.objects.filter(kind="rollout.begun").count() == 1
    world.settle(rollout.release)
    assert world.entry().mirrors == (2,)
    world.look(rollout, later=7310)
    assert Switch.objects.filter(rollout=rollout).count() == 1


def test_nothing_takes_up_what_waits_for_its_time(world):
    """Neither the job that follows its start, nor what completes rollouts of the release before."""
    at = timezone.now() + timedelta(hours=2)
    rollout = world.started({**SHORT, "start_at": at.isoformat()})
    advancing.advance_rollout(rollout.release_id)
    assert before.complete() == 0
    assert advancing.give_up(rollout.release_id, "nobody knows")
    rollout.refresh_from_db()
    assert (rollout.has_begun, rollout.closed_at, rollout.phase) == (False, None, "waiting")
    assert rollout.stages.count() == 3


def test_what_waits_for_its_time_can_be_called_off_and_nobody_notices(world):
    at = timezone.now() + timedelta(hours=2)
    rollout = world.started({**SHORT, "start_at": at.isoformat()})
    steering.end_trial(rollout.release, by=world.chloe)
    rollout.release.refresh_from_db()
    assert rollout.release.state == State.APPROVED
    assert [(arm.version, arm.weight) for arm in world.entry().arms] == [(1, WHOLE)]
    assert world.look(rollout, later=7300) is None


# ---- how it goes on


def test_pairs_that_show_nothing_lead_to_the_first_share(world):
    rollout = world.started()
    assert world.look(rollout).verdict == "hold"
    told(rollout, 0, 1, "paired", 6000, about=2)
    decision = world.look(rollout, later=5)
    assert (decision.verdict, decision.standing.stage) == ("move", 1)
    world.settle(rollout.release)
    entry = world.entry()
    assert [arm.version for arm in entry.arms] == [2, 1]
    assert entry.arms[0].weight == round(0.05 * WHOLE)
    assert entry.rollout.counted
    assert entry.salt.hex() == rollout.salt
    first, second, _ = rollout.stages.all()
    assert (first.end, second.begun_at is None, second.ended_at) == ("passed", False, None)
    row = Decision.objects.get()
    assert (row.number, row.verdict, row.decided_by) == (1, "move", "system/rollouts")
    facts = row.event.facts
    assert {"design", "counts", "standing", "now", "decision"} <= facts.keys()


def test_only_the_shares_move_from_split_to_split(world):
    rollout = at_split(world)
    world.look(rollout, later=60)
    switch = Switch.objects.filter(rollout=rollout).first()
    assert (switch.phase, switch.stage.place, switch.concludes) == ("opening", 2, False)
    world.settle(rollout.release)
    assert world.entry().arms[0].weight == WHOLE // 2


def test_evidence_promotes_it_and_the_one_before_stays_loaded(world):
    rollout = at_split(world)
    world.look(rollout, later=60)
    world.settle(rollout.release)
    told(rollout, 2, 2, "seen", 6000)
    told(rollout, 2, 1, "seen", 6000)
    assert world.look(rollout, later=120).verdict == "promote"
    world.settle(rollout.release)
    rollout.release.refresh_from_db()
    world.first.refresh_from_db()
    assert (rollout.release.state, world.first.state) == (State.LIVE, State.SUPERSEDED)
    entry = world.entry()
    assert [arm.version for arm in entry.arms] == [2]
    assert (entry.rollout, entry.mirrors, entry.fallback) == (None, (), 1)
    rollout.refresh_from_db()
    assert rollout.closed_at is not None
    assert [row.verdict for row in rollout.decisions.all()] == ["move", "move", "promote"]


def test_a_version_that_errs_goes_back_at_once_and_by_itself(world):
    rollout = at_split(world)
    told(rollout, 1, 2, "seen", 100)
    told(rollout, 1, 1, "seen", 1900)
    told(rollout, 1, 2, "errors", 12)
    assert world.look(rollout).verdict == "roll_back"
    rollout.release.refresh_from_db()
    assert rollout.release.state == State.ROLLED_BACK
    entry = world.entry()
    assert [(arm.version, arm.weight) for arm in entry.arms] == [(1, WHOLE)]
    assert (entry.rollout, entry.mirrors) == (None, ())
    assert not Switch.objects.filter(ended_at=None).exists()
    assert Job.objects.filter(kind="publish_plan").exists() or Event.objects.filter(
        kind="route.revised"
    ).latest("seq").facts["why"].startswith("Version 2")
    assert world.look(rollout) is None


def test_going_back_does_not_wait_for_shares_that_move(world):
    rollout = at_split(world)
    world.look(rollout, later=60)
    assert Switch.objects.filter(ended_at=None).exists()
    told(rollout, 1, 2, "errors", 12)
    assert world.look(rollout).verdict == "roll_back"
    assert not Switch.objects.filter(ended_at=None).exists()
    world.follow()
    advancing.advance_rollout(rollout.release_id)
    assert [arm.version for arm in world.entry().arms] == [1]


def test_nothing_else_is_decided_while_shares_move(world):
    rollout = at_split(world)
    world.look(rollout, later=60)
    before = Rollout.objects.get(pk=rollout.pk).decisions.count()
    world.look(rollout, later=600)
    assert Decision.objects.filter(rollout=rollout).count() == before


def test_nodes_that_do_not_follow_take_it_back_to_what_answered_before_it(world):
    rollout = at_split(world)
    world.look(rollout, later=60)
    with pytest.raises(jobs.NotYet):
        advancing.advance_rollout(rollout.release_id)
    Switch.objects.filter(ended_at=None).update(due=timezone.now())
    with pytest.raises(jobs.NotYet):
        advancing.advance_rollout(rollout.release_id)
    world.settle(rollout.release)
    rollout.release.refresh_from_db()
    assert rollout.release.state == State.ROLLED_BACK
    assert [arm.version for arm in world.entry().arms] == [1]


def test_of_two_who_look_at_once_one_does_nothing(world):
    rollout = world.started()
    told(rollout, 0, 1, "paired", 6000, about=2)
    stale = deciding.opened(rollout.pk)
    look = deciding.looked(stale, publishing.heartbeats(world.environment), timezone.now())
    assert world.look(rollout).verdict == "move"
    assert deciding._carry_out(stale, look) is None
    assert Decision.objects.count() == 1


def test_one_rollout_in_trouble_keeps_a_tick_from_nothing_else(world, monkeypatch, caplog):
    bad, fed = world.started(), []
    Rollout.objects.filter(pk=bad.pk).update(design={"kind": "nonsense"})
    monkeypatch.setattr(deciding, "EVERY_S", 1)
    monkeypatch.setattr(tasks, "WATCHED", (fed.append,))
    tasks.tick()
    assert f"rollout {bad.pk} could not be looked at" in caplog.text
    assert world.environment in fed


def test_nodes_are_told_of_a_smaller_sample_and_nothing_else_changes(world):
    rollout = at_split(world)
    told(rollout, 1, 2, "seen", 100)
    before, seen = world.entry(), world.counted(rollout)
    Rollout.objects.filter(pk=rollout.pk).update(sample=1)
    world.look(rollout)
    after = world.entry()
    assert (after.rollout.sample, after.arms, after.salt) == (1, before.arms, before.salt)
    assert world.counted(rollout).arms == seen.arms
    world.look(rollout, later=1)
    assert world.entry() == after
