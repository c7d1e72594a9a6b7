"""Labels of disagreements: which are offered, what is told of them, what they come to."""

from __future__ import annotations

import pytest

from registry.errors import BadInput, NotAllowed, NotFound
from registry.models import Event, Role
from releases.errors import NothingOpen
from releases.models import Judgement, PredictionSegment
from releases.rollout.labelling import cases, counted
from releases.services import labelling, steering
from releases.web.labelling import nothing
from tests import makers
from tests.releases.labelled import keep
from tests.releases.rolling import told

pytestmark = pytest.mark.django_db
UNITS = [f"user-{number}" for number in range(40)]


@pytest.fixture
def boris(world):
    return makers.person("boris", Role.TECHNICAL)


def judge(rollout, by, right_is_new=True, times=1):
    """So many cases, by somebody who knows which answer is 2.0, the new version's."""
    for case in labelling.cases_for(rollout, by)[:times]:
        shown = cases.shown(case)
        new_first = shown.first["y"].item() == 2.0
        right = "first" if new_first is right_is_new else "second"
        labelling.give(rollout, case=case.key, right=right, by=by)


def test_what_was_answered_differently_is_offered_once_a_unit_and_in_no_order_of_ours(world, boris):
    rollout = world.started()
    keep(rollout, [*UNITS, *UNITS[:5]])
    keep(rollout, ["the same"], unheard=1.4)  # within the tolerance of a half
    keep(rollout, ["many"], rows=2)
    found = labelling.cases_for(rollout, boris)
    assert len(found) == len(UNITS)
    assert len({case.unit for case in found}) == len(UNITS)
    asked = [cases.shown(case).inputs["x"][0, 0].item() for case in found]
    assert asked != sorted(asked)
    assert 5 < sum(case.new_first for case in found) < 35
    assert found == labelling.cases_for(rollout, boris)


def test_a_case_tells_nothing_of_whose_an_answer_is(world, boris):
    rollout = world.started()
    keep(rollout, UNITS[:8])
    keep(rollout, UNITS[8:16], client=2.0, unheard=1.0, versions=(2, 1))
    found = labelling.cases_for(rollout, boris)
    assert len(found) == 16
    for case in found:
        shown = cases.shown(case)
        assert {shown.first["y"].item(), shown.second["y"].item()} == {1.0, 2.0}
        assert shown.inputs["x"].shape == (1, 2)
        assert case.request not in case.key


def test_labels_decide_which_is_right_more_often_and_are_counted_with_what_pairs_showed(world, boris):
    rollout = world.started()
    keep(rollout, UNITS)
    judge(rollout, boris, times=5)
    (said,) = counted.standings(rollout)
    assert (said.version, said.new, said.old, said.verdict) == (2, 5, 0, "")
    judge(rollout, boris, times=15)
    (said,) = counted.standings(rollout)
    assert (said.new, said.verdict) == (20, "better")
    counts = world.counted(rollout)
    ((_, pairs),) = [each for each in counts.pairs.items() if counted.WRONG in each[1].bad]
    assert (pairs.bad[counted.WRONG].only_old, pairs.bad[counted.WRONG].only_new) == (20, 0)
    told(rollout, 0, 1, "paired", 6000, about=2)
    assert (
        world.look(rollout, later=5).verdict == "move"
    )  # with the labels in the log: the fixture replays it
    assert "labelled" in str(Event.objects.filter(kind="rollout.decided").get().facts["counts"])


def test_a_worse_version_is_told_of(world, boris):
    rollout = world.started()
    keep(rollout, UNITS)
    judge(rollout, boris, right_is_new=False, times=20)
    assert counted.standings(rollout)[0].verdict == "worse"


def test_both_and_neither_say_nothing(world, boris):
    rollout = world.started()
    keep(rollout, UNITS)
    for case, right in zip(labelling.cases_for(rollout, boris), ("both", "neither"), strict=False):
        labelling.give(rollout, case=case.key, right=right, by=boris)
    (said,) = counted.standings(rollout)
    assert (said.new, said.old, said.both, said.neither) == (0, 0, 1, 1)
    assert not any(counted.WRONG in pairs.bad for pairs in world.counted(rollout).pairs.values())


def test_a_label_is_an_event_and_may_be_taken_back_by_whoever_gave_it(world, boris):
    rollout = world.started()
    keep(rollout, UNITS[:2])
    before = labelling.cases_for(rollout, boris)
    judge(rollout, boris)
    assert len(labelling.cases_for(rollout, boris)) == 1
    with pytest.raises(NothingOpen, match="no label of yours"):
        labelling.undo(rollout, by=world.chloe)
    labelling.undo(rollout, by=boris)
    assert labelling.cases_for(rollout, boris) == before
    assert counted.standings(rollout) == []
    kinds = Event.objects.filter(kind__startswith="label.").order_by("seq").values_list("kind", "actor")
    assert list(kinds) == [("label.given", "person/boris"), ("label.undone", "person/boris")]
    judge(rollout, boris)
    assert Judgement.objects.filter(undone_at=None).count() == 1


def test_what_is_no_case_or_no_answer_is_refused(world, boris):
    rollout = world.started()
    keep(rollout, UNITS[:2])
    (case, _) = labelling.cases_for(rollout, boris)
    with pytest.raises(BadInput, match="first, second"):
        labelling.give(rollout, case=case.key, right="new", by=boris)
    with pytest.raises(NotFound):
        labelling.give(rollout, case="nothing", right="first", by=boris)
    labelling.give(rollout, case=case.key, right="first", by=boris)
    with pytest.raises(NotFound):
        labelling.give(rollout, case=case.key, right="first", by=world.chloe)


def test_who_may_label(world, boris):
    rollout = world.started()
    keep(rollout, UNITS[:2])
    for roles in ((Role.CONTRIBUTOR,), (Role.VIEWER,), (Role.AUDITOR,), (Role.APPROVER,), (Role.SECURITY,)):
        person = makers.person("", *roles)
        for deed in (
            lambda: labelling.cases_for(rollout, person),  # noqa: B023
            lambda: labelling.give(rollout, case="x", right="first", by=person),  # noqa: B023
            lambda: labelling.undo(rollout, by=person),  # noqa: B023
        ):
            with pytest.raises(NotAllowed, match="technical reviewer"):
                deed()
    for person in (boris, world.chloe, makers.person("", Role.PRIVACY)):
        assert len(labelling.cases_for(rollout, person)) == 2


def test_where_there_is_nothing_it_says_what_to_switch_on(world, boris):
    rollout = world.started()
    assert "log_share" in nothing(rollout)
    for arm in rollout.arms.all():
        policy = arm.release.policy | {"serving": {"log_share": 1.0}}
        with makers.unguarded("releases_release"):
            type(arm.release).objects.filter(pk=arm.release.pk).update(policy=policy)
    assert "No answers have been kept yet" in nothing(rollout)
    keep(rollout, UNITS[:1], unheard=1.0)
    assert "differently" in nothing(rollout)
    steering.end_trial(rollout.release, by=world.chloe)
    rollout.refresh_from_db()
    assert nothing(rollout) == labelling.OVER
    assert labelling.cases_for(rollout, boris) == []


def test_no_more_is_read_than_there_is_room_for(world, boris, monkeypatch):
    rollout = world.started()
    keep(rollout, UNITS[:3])
    size = PredictionSegment.objects.order_by("-pk").first().size
    monkeypatch.setattr(cases, "MOST_BYTES", size)
    assert labelling.cases_for(rollout, boris) == []
