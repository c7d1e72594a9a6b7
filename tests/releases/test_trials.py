"""Trials: a version answers those whom somebody names, and nobody else."""

from __future__ import annotations

import base64
import json

import pytest
from django.utils import timezone

from formats.plan import WHOLE
from registry.errors import BadInput
from registry.models import Event
from releases.models import NamedUnits, Proposal, Release
from releases.rollout import gathering, staging, trials
from releases.rollout.counts import Counts, Spell, Tally
from releases.rollout.strategies import judging
from releases.services import opening, rollouts, steering
from scoring import routing
from tests import makers
from tests.releases.rolling import told

pytestmark = pytest.mark.django_db

STAFF = ["ana@example.org", "ben@example.org", "user-17"]
TRIAL = {
    "kind": "canary",
    "stages": [
        {"kind": "trial", "units": STAFF, "min": "10s"},
        {"kind": "split", "share": 0.5, "min": "10s", "max": "1h", "ends": "promotable"},
    ],
}


def answers(entry, unit):
    return entry.arms[routing.chooser(entry)(routing.unit_hasher(entry.salt)(unit))].version


def test_those_who_are_named_are_answered_by_it_and_nobody_else(world):
    world.started(TRIAL)
    entry = world.entry()
    assert [answers(entry, unit) for unit in STAFF] == [2, 2, 2]
    assert {answers(entry, f"user-{n}") for n in range(1000) if n != 17} == {1}
    assert [(arm.version, arm.weight) for arm in entry.arms] == [(2, 0), (1, WHOLE)]
    assert len(base64.b64decode(entry.rollout.trial)) == 8 * len(STAFF)


def test_the_door_is_asked_as_one_of_them(world):
    rollout = world.started(TRIAL)
    assert trials.one_of(rollout.stages.get(place=0)) == STAFF[:1]
    assert trials.one_of(rollout.stages.get(place=1)) == []
    unit = routing.unit_of(world.entry(), 0, STAFF[:1])
    assert unit == STAFF[0]


def test_their_names_are_in_one_place_and_go_when_nobody_needs_them(world):
    rollout = world.started(TRIAL)
    assert NamedUnits.objects.get().units == STAFF
    kept = [rollout.release.strategy, rollout.design, world.entry().to_json()]
    kept += list(Event.objects.values_list("payload", flat=True))
    assert [each for each in kept if "ana@example" in json.dumps(each)] == []
    assert rollout.release.strategy["stages"][0]["units"] == 3
    steering.end_trial(rollout.release, by=world.chloe)
    assert NamedUnits.objects.exists(), "it may be tried again"
    release = Release.objects.get(pk=rollout.release_id)
    rollouts.start_rollout(release, by=world.chloe)
    world.settle(release)
    again = world.entry()
    assert again.salt.hex() != rollout.salt
    assert answers(again, STAFF[0]) == 2
    rollouts.roll_back(Release.objects.get(pk=release.pk), by=world.chloe)
    assert not NamedUnits.objects.exists()


def test_a_person_is_asked_whether_to_go_on(world):
    rollout = world.started(TRIAL)
    assert world.look(rollout).verdict == "hold"
    assert world.look(rollout, later=60).proposed == "move"
    proposal = Proposal.objects.get()
    assert proposal.reason.startswith("The trial has lasted")
    steering.accept_proposal(rollout.release, by=world.chloe)
    world.settle(rollout.release)
    entry = world.entry()
    assert (entry.rollout.trial, [arm.version for arm in entry.arms]) == ("", [2, 1])


def test_a_trial_may_end_by_its_time_alone(world):
    stages = [{**TRIAL["stages"][0], "ends": "clean"}, TRIAL["stages"][1]]
    rollout = world.started({**TRIAL, "stages": stages})
    assert world.look(rollout, later=60).verdict == "move"


def test_those_who_are_named_show_nothing_of_the_others(world):
    rollout = world.started(TRIAL)
    design = staging.design_of(rollout)
    errors = next(metric for metric in design.metrics if metric.name == "errors")
    nobody, half = ((("2", 0), ("1", WHOLE)), (("2", WHOLE // 2), ("1", WHOLE // 2)))
    tried = Counts(arms={(Spell(0, nobody), "2"): Tally(6000)})
    shared = Counts(arms={(Spell(1, half), "2"): Tally(6000)})
    assert judging._negligible(design, tried, "2", errors) == pytest.approx(0.0)
    assert judging._negligible(design, shared, "2", errors) > 4


def test_failures_of_a_trial_are_held_against_the_day_before(world):
    rollout = world.started(TRIAL)
    told(rollout, 0, 2, "seen", 40)
    told(rollout, 0, 2, "errors", 3)
    design = staging.design_of(rollout)
    counts = gathering.counts_of(rollout, [], timezone.now())
    (spell,) = {spell for spell, arm in counts.arms if arm == "2"}
    assert design.uncompared(spell)


@pytest.mark.parametrize(
    ("stage", "field"),
    [
        ({"kind": "trial"}, "strategy.stages[0].units"),
        ({"kind": "trial", "units": 3}, "strategy.stages[0].units"),
        ({"kind": "trial", "units": True}, "strategy.stages[0].units"),
        ({"kind": "trial", "units": ["a", "a"]}, "strategy.stages[0].units"),
        ({"kind": "trial", "units": ["a" * 1025]}, "strategy.stages[0].units"),
        ({"kind": "split", "share": 0.1, "units": ["a"]}, "strategy.stages[0].units"),
        ({"kind": "trial", "units": ["a"], "share": 0.1}, "strategy.stages[0].share"),
    ],
)
def test_what_is_no_trial_is_refused_by_its_name(stage, field):
    with pytest.raises(BadInput) as refused:
        opening.check_strategy({"kind": "canary", "stages": [stage]}, makers.model())
    assert refused.value.facts["field"] == field


def test_a_trial_is_of_one_version(world):
    makers.version(world.first.model)
    strategy = {"kind": "ab_test", "against": [2], "stages": TRIAL["stages"][:1]}
    with pytest.raises(BadInput, match="one version"):
        opening.check_strategy(strategy, world.first.model, 3)
