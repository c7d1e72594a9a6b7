"""A version joins a rollout that is under way: what it is given, what stays, and who may let it in."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from django.utils import timezone

from formats.plan import WHOLE
from registry.errors import BadInput, NotAllowed
from registry.models import Event, Role
from registry.selectors import access
from registry.services import jobs
from registry.services.dispatching import Wanted
from releases import actions, selectors
from releases.errors import Frozen, IllegalTransition, NothingOpen
from releases.lifecycle import State
from releases.models import Arm, Release, Rollout, UnitFact
from releases.rollout import staging
from releases.services import advancing, freezing, joining, moving, rollouts, steering
from releases.tasks import REACTIONS
from releases.windows import Once
from tests import makers
from tests.releases.rolling import BOUGHT, several, told

pytestmark = pytest.mark.django_db
WHY = "The auditors are here until tomorrow."
AB = {"kind": "ab_test", "shadow": False, "metrics": [BOUGHT]}


def join(world, rollout, **said):
    """Another approved version joins, and the nodes have followed."""
    release = world.approved({"kind": "canary"})
    joining.join_rollout(release, by=world.chloe, **said)
    world.settle(rollout.release)
    rollout.refresh_from_db()
    return release


def states(*releases):
    return [Release.objects.get(pk=each.pk).state for each in releases]


def given(world):
    return [(arm.version, round(arm.weight / WHOLE, 3)) for arm in world.entry().arms]


def test_it_has_units_of_the_live_version_and_nobody_else_is_moved(world):
    rollout = world.started(AB)
    salt, origin = world.entry().salt, rollout.origin
    third = join(world, rollout, grounds="the night's model is ready")
    assert given(world) == [(2, 0.5), (3, 0.25), (1, 0.25)]
    assert (world.entry().salt, rollout.origin) == (salt, origin)
    assert world.entry().rollout.challengers == (2, 3)
    assert states(rollout.release, third) == [State.ROLLING_OUT] * 2
    assert [arm.release for arm in selectors.playing(rollout)] == [rollout.release, third]
    assert rollout.stages.get().shares == {"2": 0.5, "3": 0.25}
    joined = Event.objects.get(kind="rollout.joined")
    assert Wanted("advance_rollout", rollout.release.subject) in REACTIONS[joined.kind](joined)
    event = joined.facts
    assert (event["version"], event["shares"], event["stage"]) == (3, {"2": 0.5, "3": 0.25}, 0)
    began = Event.objects.get(kind="release.rolling_out", subject=third.subject).facts
    assert (began["rollout"], began["beside"], began["grounds"]) == (rollout.pk, 2, event["grounds"])


def test_until_every_node_has_it_everybody_is_answered_as_before(world):
    rollout = world.started(AB)
    third = world.approved({"kind": "canary"})
    joining.join_rollout(third, by=world.chloe)
    assert given(world) == [(2, 0.5), (1, 0.5)]
    assert world.look(rollout, later=9).verdict == "hold"
    with pytest.raises(NothingOpen, match="Shares are moving"):
        joining.join_rollout(world.approved({"kind": "canary"}), by=world.chloe)


def test_a_node_that_cannot_run_it_keeps_it_out_and_the_others_go_on(world):
    rollout = world.started(AB)
    third = world.approved({"kind": "canary"})
    joining.join_rollout(third, by=world.chloe)
    world.follow(failed={"3": "out of memory"}, ready=[1, 2])
    with suppress(jobs.NotYet):
        advancing.advance_rollout(rollout.release.pk)
    world.settle(rollout.release)
    assert states(rollout.release, third) == [State.ROLLING_OUT, State.ROLLED_BACK]
    assert [number for number, _ in given(world)] == [2, 1]


def test_what_was_counted_before_stands_and_says_nothing_of_it(world):
    rollout = world.started({**AB, "pair": 1.0})
    for kind, units in (("paired", 900), ("differed", 90)):
        told(rollout, 0, 1, kind, units, about=2)
        UnitFact.objects.create(
            rollout=rollout, kind=kind, about=2, unit=7, revision=1, version=1, node="n1", at=timezone.now()
        )
    told(rollout, 0, 2, "seen", 800)
    before = world.counted(rollout)
    join(world, rollout)
    after = world.counted(rollout)
    for field in ("units", "paired", "triggered"):
        was, is_now = (
            {arm: getattr(tally, field) for (_, arm), tally in each.arms.items()} for each in (before, after)
        )
        assert was == is_now, field
    assert {spell.share("3") for spell, _ in after.arms} == {0.0}
    assert sorted(UnitFact.objects.filter(kind="differed").values_list("about", flat=True)) == [0, 2]


def test_in_a_shadow_it_is_asked_unseen_with_the_others(world):
    rollout = world.started({"kind": "ab_test", "metrics": [BOUGHT]})
    join(world, rollout)
    assert (given(world), world.entry().mirrors) == ([(1, 1.0)], (2, 3))
    told(rollout, 0, 1, "paired", 20_000, about=2)
    assert world.look(rollout, later=700).verdict == "hold", "it waits for what pairs show of the other too"


def test_a_bandit_gives_it_an_equal_share(world):
    rollout = world.started({"kind": "bandit", "shadow": False, "metrics": [BOUGHT]})
    join(world, rollout)
    assert given(world) == [(2, 0.333), (3, 0.333), (1, 0.333)]


def test_it_may_leave_again_or_win(world):
    rollout, (first, second) = several(world)
    fourth = join(world, rollout, share=0.1)
    rollouts.roll_back(fourth, by=world.chloe)
    assert states(first, second, fourth) == [State.ROLLING_OUT, State.ROLLING_OUT, State.ROLLED_BACK]
    assert given(world) == [(3, 0.333), (2, 0.333), (1, 0.333)]
    fifth = join(world, rollout, share=0.1)
    steering.promote(fifth, by=world.chloe)
    world.settle(first)
    assert states(first, second, fifth, world.first) == [
        State.APPROVED, State.APPROVED, State.LIVE, State.SUPERSEDED,
    ]  # fmt: skip
    assert given(world) == [(5, 1.0)]


def test_a_failure_on_the_way_leaves_everything_as_it_was(world, monkeypatch):
    rollout = world.started(AB)
    third, was = world.approved({"kind": "canary"}), (rollout.design, rollout.standing)

    def killed(*args, **said):
        raise RuntimeError("killed")

    monkeypatch.setattr(moving, "lead_into", killed)
    with pytest.raises(RuntimeError):
        joining.join_rollout(third, by=world.chloe)
    rollout.refresh_from_db()
    assert (rollout.design, rollout.standing) == was
    assert states(third) == [State.APPROVED]
    assert not Arm.objects.filter(release=third).exists()
    assert not Event.objects.filter(kind="rollout.joined").exists()


def choice(world, release, person=None):
    """The reason why this person may not let it in; None: it is not what comes next."""
    found = selectors.release(release.pk, world.chloe)
    asked = actions.choices(found, access(person or world.chloe, None, release.model))
    return next((reason for row, reason in asked if row.name == "join_rollout"), None)


def test_it_comes_next_where_a_rollout_takes_more_versions(world):
    alone = world.approved({"kind": "canary"})
    assert choice(world, alone) is None, "none is open"
    rollout = world.started(AB)
    assert choice(world, alone) == ""
    vera = makers.person("vera", Role.VIEWER)
    assert "release manager" in choice(world, alone, vera)
    with pytest.raises(NotAllowed):
        joining.join_rollout(alone, by=vera)
    steering.pause(rollout.release, by=world.chloe)
    assert choice(world, alone) is None
    with pytest.raises(NothingOpen, match="No rollout is open here that it could join"):
        joining.join_rollout(alone, by=world.chloe)
    assert choice(world, rollout.release) is None, "it is in it"


def test_one_version_at_a_time_is_what_a_canary_takes(world):
    world.started()
    with pytest.raises(NothingOpen, match="a shadow, an A/B test or a bandit"):
        joining.join_rollout(world.approved(), by=world.chloe)


def test_only_what_is_approved_joins(world):
    world.started(AB)
    review = world._release(makers.version(world.first.model), State.IN_REVIEW)
    with pytest.raises(IllegalTransition):
        joining.join_rollout(review, by=world.chloe)


def test_a_freeze_keeps_it_out(world):
    world.started(AB)
    third, now = world.approved({"kind": "canary"}), timezone.now()
    freezing.make_freeze(
        world.environment,
        name="audit",
        times=Once(now, now + timedelta(hours=1)),
        grounds=WHY,
        by=world.chloe,
    )
    with pytest.raises(Frozen):
        joining.join_rollout(third, by=world.chloe)


def test_a_policy_that_wants_to_be_asked_is_enough(world):
    rollout = world.started(AB)
    third = world.approved({"kind": "canary"})
    asks = {**third.policy, "mode": "propose"}
    for changes in ({"state": "draft"}, {"policy": asks}, {"state": "validating"}, {"state": "approved"}):
        Release.objects.filter(pk=third.pk).update(**changes)
    joining.join_rollout(third, by=world.chloe)
    rollout.refresh_from_db()
    assert staging.design_of(rollout).mode == "propose"


def test_a_share_is_for_who_joins(world):
    rollout = world.started(AB)
    with pytest.raises(BadInput, match="leave share out"):
        actions.perform(actions.named("pause"), rollout.release, by=world.chloe, share=0.2)
    third = world.approved({"kind": "canary"})
    actions.perform(actions.named("join_rollout"), third, by=world.chloe, share=0.2, grounds="")
    world.settle(rollout.release)
    assert given(world) == [(2, 0.5), (3, 0.2), (1, 0.3)]
    assert Rollout.objects.count() == 1
