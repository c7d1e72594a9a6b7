"""Freezes: what they refuse, what goes on none the less, and the one step that two people let through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from registry.errors import BadInput, NotAllowed
from registry.models import Event, Notice, Role
from registry.selectors import access
from releases import actions, selectors
from releases.errors import FreezeKnown, Frozen, NothingOpen, TooManyFreezes
from releases.lifecycle import State
from releases.models import FreezeOverride, FreezeWindow, Proposal, Rollout, Switch
from releases.selectors import turns
from releases.services import freezing, rollouts, steering, telling
from releases.windows import Once, Repeated
from tests import makers
from tests.releases.rolling import SHORT, at_split, several, told

pytestmark = pytest.mark.django_db
WHY = "the year ends and nobody is here"


def freeze(world, times=None, name="year's end", **said):
    now = timezone.now()
    times = times or Once(now - timedelta(minutes=1), now + timedelta(hours=1))
    return freezing.make_freeze(
        world.environment, name=name, times=times, **{"grounds": WHY, "by": world.chloe} | said
    )


def thaw(world):
    """The freezes are over."""
    past = timezone.now() - timedelta(seconds=1)
    FreezeWindow.objects.update(ends_at=past, begins_at=past - timedelta(hours=1))


def overridden(world, release):
    """Asked for by one person and agreed to by another."""
    freezing.override_freeze(release, by=world.chloe, grounds=WHY)
    edda = makers.person("", Role.APPROVER)
    freezing.override_freeze(release, by=edda, grounds=WHY)
    return edda


def open_switches():
    return Switch.objects.filter(ended_at=None)


def asked_to(rollout, verdict, arm=""):
    """It asks a person for this."""
    event = Event.objects.order_by("seq").last()
    stage = rollout.stages.get(place=0)
    return Proposal.objects.create(
        rollout=rollout, stage=stage, verdict=verdict, arm=arm, reason="", evidence=[], event=event
    )


@pytest.mark.parametrize("strategy", [SHORT, {"kind": "single"}])
def test_nothing_starts_in_a_freeze_and_the_sentence_says_what_can_be_done(world, strategy):
    release = world.approved(strategy)
    freeze(world)
    with pytest.raises(Frozen, match=r"Frozen by year's end until .* override.* second person"):
        rollouts.start_rollout(release, by=world.chloe)
    assert not Rollout.objects.filter(release=release).exists()
    thaw(world)
    rollouts.start_rollout(release, by=world.chloe)
    assert open_switches().count() == 1


def test_another_environment_is_not_concerned(world):
    release = world.approved()
    now = timezone.now()
    times = Once(now - timedelta(minutes=1), now + timedelta(hours=1))
    freezing.make_freeze(makers.environment("staging"), name="x", times=times, grounds=WHY, by=world.chloe)
    rollouts.start_rollout(release, by=world.chloe)


def test_no_step_is_taken_in_a_freeze_and_it_goes_on_afterwards(world):
    rollout = at_split(world)
    freeze(world)
    held = world.look(rollout, later=600)
    assert held.verdict == "hold"
    assert held.reason.startswith("frozen by year's end until ")
    assert not open_switches().exists()
    assert rollout.decisions.count() == 1
    thaw(world)
    world.look(rollout, later=600)
    assert open_switches().exists()


def test_a_fault_goes_back_in_a_freeze(world):
    rollout = at_split(world)
    freeze(world)
    told(rollout, 1, 2, "errors", 12)
    world.look(rollout)
    rollout.release.refresh_from_db()
    assert rollout.release.state == State.ROLLED_BACK


def test_people_promote_and_accept_nothing_in_a_freeze(world):
    rollout = world.started()
    world.look(rollout, later=4000)
    assert Proposal.objects.get().verdict == "move"
    freeze(world)
    for deed in (steering.promote, steering.accept_proposal):
        with pytest.raises(Frozen, match="Frozen by year's end"):
            deed(rollout.release, by=world.chloe)
    asker = access(world.chloe, None, rollout.model)
    refused = {row.name: why for row, why in actions.choices(rollout.release, asker)}
    assert "Frozen by" in refused["promote"]
    assert "Frozen by" in refused["accept_proposal"]
    assert [refused[name] for name in ("end_trial", "pause", "roll_back", "dismiss_proposal")] == [""] * 4
    assert Proposal.objects.get().outcome == "open"


def test_what_goes_back_or_stands_still_is_not_asked(world):
    rollout = at_split(world)
    freeze(world)
    steering.pause(rollout.release, by=world.chloe)
    steering.resume(rollout.release, by=world.chloe)
    steering.end_trial(rollout.release, by=world.chloe)
    rollout.release.refresh_from_db()
    assert rollout.release.state == State.APPROVED


def test_somebody_rolls_back_in_a_freeze(world):
    rollout = at_split(world)
    freeze(world)
    rollouts.roll_back(rollout.release, by=world.chloe)
    rollout.release.refresh_from_db()
    assert rollout.release.state == State.ROLLED_BACK


def test_what_is_planned_for_a_time_within_a_freeze_begins_at_its_end(world):
    soon = timezone.now() + timedelta(minutes=10)
    release = world.approved({**SHORT, "start_at": soon.isoformat()})
    freeze(world)
    rollouts.start_rollout(release, by=world.chloe)  # planning brings nothing to anybody
    rollout = Rollout.objects.get(release=release)
    world.look(rollout, later=700)
    assert not Switch.objects.filter(rollout=rollout).exists()
    thaw(world)
    world.look(rollout, later=700)
    assert open_switches().filter(rollout=rollout).exists()


def test_two_people_let_one_release_through_once(world):
    rollout = at_split(world)
    freeze(world)
    release = rollout.release
    freezing.override_freeze(release, by=world.chloe, grounds=WHY)
    world.look(rollout, later=600)
    assert not open_switches().exists(), "one person is not enough"
    with pytest.raises(NotAllowed, match="second person"):
        freezing.override_freeze(release, by=world.chloe, grounds=WHY)
    edda = makers.person("", Role.APPROVER)
    freezing.override_freeze(release, by=edda, grounds=WHY)
    world.look(rollout, later=600)
    assert open_switches().exists()
    world.settle(release)
    rollout.refresh_from_db()
    told(rollout, 2, 2, "seen", 5000)
    told(rollout, 2, 1, "seen", 5000)
    world.look(rollout, later=1200)
    assert not open_switches().exists(), "once"
    kinds = Event.objects.filter(kind__startswith="override.").order_by("seq").values_list("kind", "actor")
    assert list(kinds) == [
        ("override.asked", "person/chloe"),
        ("override.agreed", edda.actor),
        ("override.used", "system/rollouts"),
    ]


def test_an_override_lets_a_start_through(world):
    release = world.approved({"kind": "single"})
    freeze(world)
    overridden(world, release)
    rollouts.start_rollout(release, by=world.chloe)
    assert FreezeOverride.objects.get().used_at is not None
    with pytest.raises(Frozen):
        freezing.go_through([release], by="person/chloe")


def test_an_override_of_one_version_lets_no_other_one_of_its_rollout_through(world):
    _, (first, second) = several(world)
    freeze(world)
    overridden(world, second)
    with pytest.raises(Frozen):
        steering.promote(first, by=world.chloe)
    assert FreezeOverride.objects.get().used_at is None
    steering.promote(second, by=world.chloe)
    assert FreezeOverride.objects.get().used_at is not None
    assert open_switches().get().concludes


def test_a_step_of_several_versions_wants_leave_for_each_of_them(world):
    stages = [
        {"kind": "split", "shares": {"3": 0.1, "2": 0.1}, "min": "0s", "max": "1s"},
        {"kind": "split", "shares": {"3": 0.1, "2": 0.3}, "min": "1h", "max": "1d"},
    ]
    rollout, releases = several(world, stages=stages)
    proposal = asked_to(rollout, "move")
    freeze(world)
    chloe = access(world.chloe, None, rollout.model)
    row = actions.named("accept_proposal")
    for each in releases:
        assert "Frozen by" in row.refuse(chloe, selectors.facts(releases[0]))
        with pytest.raises(Frozen, match=f"Version {each.version.number} takes part and has no leave"):
            steering.accept_proposal(releases[0], by=world.chloe)
        overridden(world, each)
    assert row.refuse(chloe, selectors.facts(releases[0])) == ""
    steering.accept_proposal(releases[0], by=world.chloe)
    proposal.refresh_from_db()
    assert (proposal.outcome, open_switches().count()) == ("accepted", 1)
    assert not FreezeOverride.objects.filter(used_at=None).exists()


def test_what_is_asked_of_one_of_several_versions_wants_leave_for_that_one(world):
    rollout, (first, second) = several(world)
    asked_to(rollout, "promote", "2")
    freeze(world)
    overridden(world, second)
    chloe = access(world.chloe, None, rollout.model)
    assert actions.named("accept_proposal").refuse(chloe, selectors.facts(first)) == ""
    steering.accept_proposal(first, by=world.chloe)
    assert open_switches().get().concludes


def test_an_override_is_over_with_its_freeze(world):
    release = world.approved()
    freeze(world)
    overridden(world, release)
    FreezeOverride.objects.update(until=timezone.now() - timedelta(seconds=1))
    with pytest.raises(Frozen):
        rollouts.start_rollout(release, by=world.chloe)


def test_who_may_override(world):
    release = world.approved()
    with pytest.raises(NothingOpen, match="No freeze"):
        freezing.override_freeze(release, by=world.chloe, grounds=WHY)
    freeze(world)
    edda, vera = makers.person("", Role.APPROVER), makers.person("", Role.VIEWER)
    for person, says in ((edda, "release manager"), (vera, "release manager")):
        with pytest.raises(NotAllowed, match=says):
            freezing.override_freeze(release, by=person, grounds=WHY)
    with pytest.raises(BadInput, match="grounds"):
        freezing.override_freeze(release, by=world.chloe, grounds="ok")
    robot = makers.person("", Role.RELEASE_MANAGER, is_machine=True)
    with pytest.raises(NotAllowed, match="machine"):
        freezing.override_freeze(release, by=robot, grounds=WHY)
    freezing.override_freeze(release, by=world.chloe, grounds=WHY)
    with pytest.raises(NotAllowed):
        freezing.override_freeze(release, by=vera, grounds=WHY)


def test_the_database_wants_two_people_too(world):
    release = world.approved()
    for said in (
        {"agreed_by": world.chloe, "agreed_at": timezone.now()},
        {"used_at": timezone.now()},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            FreezeOverride.objects.create(release=release, until=timezone.now(), asked_by=world.chloe, **said)


def test_the_second_person_finds_it_in_their_inbox_and_the_first_does_not(world):
    release = world.approved()
    freeze(world)
    edda = makers.person("edda", Role.APPROVER)
    freezing.override_freeze(release, by=world.chloe, grounds=WHY)
    (waiting,), _ = turns.awaiting(edda, 10)
    facts = selectors.facts(waiting)
    assert turns.what(facts, access(edda, None, release.model)) == (
        "agree to the override of the freeze that chloe asks for"
    )
    assert turns.what(facts, access(world.chloe, None, release.model)) == ""
    telling.tell(Event.objects.get(kind="override.asked"))
    told_to = {notice.person for notice in Notice.objects.filter(why="waits")}
    assert edda in told_to
    assert world.chloe not in told_to


# ---- making and removing


def test_who_makes_and_removes_freezes(world):
    window = freeze(world)
    for roles in ((Role.CONTRIBUTOR,), (Role.APPROVER,), (Role.AUDITOR,), ()):
        person = makers.person("", *roles)
        with pytest.raises(NotAllowed, match="admin or by a release manager"):
            freeze(world, name="other", by=person)
        with pytest.raises(NotAllowed):
            freezing.remove_freeze(window, grounds=WHY, by=person)
    robot = makers.person("", Role.RELEASE_MANAGER, is_machine=True)
    with pytest.raises(NotAllowed, match="machine"):
        freeze(world, name="other", by=robot)
    freeze(world, name="other", by=makers.person("", admin=True))


def test_removing_a_freeze_that_is_on_ends_it_for_nobody(world):
    release = world.approved()
    window = freeze(world, Repeated("* * * * *", "UTC", 90))
    removed = freezing.remove_freeze(window, grounds=WHY, by=world.chloe)
    assert list(selectors.freeze_windows(world.environment)) == []
    with pytest.raises(Frozen):
        rollouts.start_rollout(release, by=world.chloe)
    assert selectors.frozen(world.environment, removed.lasts_until - timedelta(seconds=1)) is not None
    assert selectors.frozen(world.environment, removed.lasts_until) is None


def test_one_that_is_not_on_is_gone_at_once(world):
    now = timezone.now()
    window = freeze(world, Once(now + timedelta(hours=1), now + timedelta(hours=2)))
    freezing.remove_freeze(window, grounds=WHY, by=world.chloe)
    assert selectors.frozen(world.environment, now + timedelta(minutes=90)) is None


def test_each_change_is_an_event_with_all_that_it_says(world):
    window = freeze(world, Repeated("0  18 * * fri", "Europe/Vienna", 3720), name=" weekend ")
    freezing.remove_freeze(window, grounds=WHY, by=world.chloe)
    made, removed = Event.objects.filter(kind__startswith="freeze.").order_by("seq")
    said = {name: made.facts[name] for name in ("name", "cron", "zone", "minutes", "freeze")}
    assert said == {
        "name": "weekend",
        "cron": "0 18 * * fri",
        "zone": "Europe/Vienna",
        "minutes": 3720,
        "freeze": window.pk,
    }
    assert made.subject == f"environment/{world.environment.name}"
    assert removed.facts["name"] == "weekend"


NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"grounds": "no"}, "grounds"),
        ({"times": Repeated("0 25 * * *", "UTC", 60)}, "cron"),
        ({"times": Repeated("0 5 * * *", "Europe/Atlantis", 60)}, "zone"),
        ({"times": Repeated("0 5 * * *", "UTC", 0)}, "minutes"),
        ({"times": Repeated("0 5 * * *", "UTC", 10_081)}, "minutes"),
        ({"times": Once(NOW - timedelta(hours=2), NOW - timedelta(hours=1))}, "ends_at"),
        ({"times": Once(NOW + timedelta(hours=2), NOW + timedelta(hours=1))}, "ends_at"),
        ({"times": Once(NOW, NOW + timedelta(days=93))}, "ends_at"),
    ],
)
def test_what_is_no_freeze_is_refused_by_its_field(world, said, field):
    with pytest.raises(BadInput) as refused:
        freeze(world, **said)
    assert refused.value.facts["field"] == field
    assert not FreezeWindow.objects.exists()


def test_there_are_so_many_freezes_and_one_of_a_name(world, monkeypatch):
    monkeypatch.setattr(freezing, "MOST_FREEZES", 2)
    freeze(world)
    with pytest.raises(FreezeKnown):
        freeze(world)
    freeze(world, name="another")
    with pytest.raises(TooManyFreezes):
        freeze(world, name="a third")


def test_of_several_the_one_that_lasts_longest_is_told(world):
    now = timezone.now()
    freeze(world, Once(now, now + timedelta(days=2)), name="long")
    freeze(world, Once(now, now + timedelta(hours=2)), name="a short one")
    assert selectors.frozen(world.environment, now + timedelta(minutes=1)).name == "long"
