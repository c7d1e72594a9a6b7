"""What went to everybody at once is held against the day before, for a day, with the way back open."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from formats.evidence import BAD
from registry.models import Event, Notice
from releases import selectors, tasks
from releases.lifecycle import State
from releases.models import Decision, Release, Rollout, Stage, StageTraffic, Traffic, UnitCount
from releases.rollout import publishing, replaying, staging
from releases.rollout.counts import Seen
from releases.selectors import turns
from releases.services import rollouts, telling, watching
from tests import makers

pytestmark = pytest.mark.django_db
SINGLE = {"kind": "single"}


def asked_before(world, requests=100_000, failed=10):
    Traffic.objects.create(
        environment=world.environment,
        model=world.first.model,
        version=1,
        arm="champion",
        at=timezone.now() - timedelta(hours=2),
        span=3600,
        requests=requests,
        codes={"inference_failed": failed},
    )


def switched(world, mode="auto"):
    """Everybody is answered by version 2, of which nothing has been told yet. `mode` as the policy has it."""
    asked_before(world)
    release = world.approved(SINGLE)
    rollouts.start_rollout(release, by=world.chloe)
    world.settle(release)
    rollout = Rollout.objects.get(release=release)
    rollout.design["mode"] = mode
    rollout.save(update_fields=["design"])
    return rollout


def met(rollout, requests, errors):
    """So many requests, of which so many units met an error."""
    stage = Stage.objects.get(rollout=rollout)
    revision = stage.routes.get().revision
    StageTraffic.objects.update_or_create(
        stage=stage, revision=revision, version=2, arm="champion", defaults={"requests": requests}
    )
    UnitCount.objects.update_or_create(
        stage=stage, revision=revision, version=2, kind="errors", node="n1", defaults={"units": errors}
    )


def look(world, rollout, later=0.0):
    now = timezone.now() + timedelta(seconds=later)
    return watching.look(rollout.pk, publishing.heartbeats(world.environment), now)


def states(world):
    return [each.state for each in Release.objects.filter(model=world.first.model).order_by("pk")]


def test_a_release_that_went_out_at_once_is_live_and_watched(world):
    rollout = switched(world)
    assert states(world) == [State.SUPERSEDED, State.LIVE]
    assert not rollout.is_over
    assert rollout.watched_until - rollout.closed_at > timedelta(hours=23, minutes=59)
    told = world.entry().rollout
    assert (told.id, told.baseline, told.challengers, told.counted, told.pair) == (
        rollout.pk,
        1,
        (2,),
        True,
        0,
    )
    design = staging.design_of(rollout)
    assert [metric.name for metric in design.metrics] == list(BAD)
    assert design.metrics[0].before == Seen(100_000, 10)
    met(rollout, 20_000, 4)
    assert look(world, rollout).verdict == "hold"
    assert states(world) == [State.SUPERSEDED, State.LIVE]


def test_it_goes_back_by_itself_for_failures_of_its_own(world):
    rollout = switched(world)
    met(rollout, 2_000, 2)
    look(world, rollout)
    met(rollout, 4_000, 90)
    assert look(world, rollout, 5).verdict == "roll_back"
    assert states(world) == [State.LIVE, State.ROLLED_BACK]
    rollout.refresh_from_db()
    assert rollout.is_over
    assert (world.entry().arms[0].version, world.entry().rollout) == (1, None)
    decision = Decision.objects.get(rollout=rollout)
    assert "than what was live before it" in decision.reason
    assert [each.differences for each in replaying.replay(rollout.pk)] == [()]
    assert look(world, rollout, 7) is None, "it does so once"


def test_a_policy_that_wants_to_be_asked_is_asked_once_and_in_writing(world):
    rollout = switched(world, mode="propose")
    met(rollout, 4_000, 90)
    for later in (0, 5):
        assert look(world, rollout, later).verdict == "propose"
    assert Decision.objects.filter(rollout=rollout).count() == 1
    assert states(world) == [State.SUPERSEDED, State.LIVE]
    event = Event.objects.get(kind="rollout.decided")
    assert telling.concerns(event)
    assert telling.tell(event) == 1
    assert Notice.objects.get().person == world.chloe
    live = selectors.release(rollout.release_id, world.chloe)
    assert [row.pk for row in turns.awaiting(world.chloe, 9)[0]] == [live.pk]
    rollouts.roll_back(live, by=world.chloe)
    assert states(world) == [State.LIVE, State.ROLLED_BACK]
    assert look(world, rollout, 9) is None
    rollout.refresh_from_db()
    assert rollout.is_over


def test_when_the_day_is_over_nodes_tell_of_units_no_more(world):
    rollout = switched(world)
    revision = world.entry().revision
    assert look(world, rollout, 86_401) is None
    assert (world.entry().rollout, world.entry().revision) == (None, revision + 1)
    assert [arm.version for arm in world.entry().arms] == [2]
    rollout.refresh_from_db()
    assert rollout.is_over


def test_another_rollout_may_start_and_ends_the_watch(world):
    rollout = switched(world)
    met(rollout, 4_000, 90)
    other = world.approved(SINGLE)
    rollouts.start_rollout(other, by=world.chloe)
    assert look(world, rollout).verdict == "roll_back"
    assert states(world)[:2] == [State.SUPERSEDED, State.LIVE], "two ways at once would undo each other"
    world.settle(other)
    assert look(world, rollout, 5) is None
    assert world.entry().rollout.id == Rollout.objects.get(release=other).pk


def test_a_first_version_has_no_time_before_to_be_held_against(world):
    other = makers.release(
        makers.version(makers.model("other")), State.APPROVED, environment=world.environment.name
    )
    rollouts.start_rollout(other, by=world.chloe)
    assert Rollout.objects.get(release=other).design == {}


def test_every_tick_looks(world, monkeypatch):
    rollout = switched(world)
    met(rollout, 4_000, 90)
    for _ in range(2):
        monkeypatch.setattr(watching.deciding, "EVERY_S", 1)
        tasks.tick()
    assert states(world) == [State.LIVE, State.ROLLED_BACK]


def test_its_page_says_what_it_is_held_against(world, client):
    rollout = switched(world)
    met(rollout, 4_000, 0)
    client.force_login(world.chloe)
    shown = client.get(reverse("rollout", args=[rollout.pk])).content.decode()
    assert "Version 2 has all traffic. It is watched until" in shown
    assert "held against the last day of version 1" in shown
    assert "Errors are more frequent than before the rollout" in shown
    assert "more frequent than with version 1" not in shown, "there is nobody left to compare with"
    assert "roll_back" in shown
