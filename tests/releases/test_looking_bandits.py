"""A bandit that looks at what is asked, from its declaration to what it has learnt."""

from __future__ import annotations

import copy
import json
from collections import Counter
from dataclasses import asdict

import pytest

from formats.evidence import FactKind
from formats.plan import RENDEZVOUS, WHOLE
from registry.errors import BadInput
from releases.models import ANY, CohortSum, UnitCount, UnitFact, WeighedSum
from releases.rollout import spells, staging
from releases.rollout.counts import Sums
from releases.rollout.outcomes import exposures, taking
from releases.rollout.outcomes.sums import EVERYTHING
from releases.services import opening, steering
from releases.traffic import evidence
from tests import makers
from tests.releases.going import BASE, NEW, after, going
from tests.releases.rolling import told
from tests.releases.test_bandits import BOUGHT, PLAYS

pytestmark = pytest.mark.django_db
AGE = {"name": "age", "cuts": [30, 50]}
LOOKS = {"kind": "bandit", "stages": PLAYS, "metrics": [BOUGHT], "play": {"features": [AGE]}}
CONTEXT = str(FactKind.CONTEXT)


@pytest.fixture(autouse=True)
def named_columns(monkeypatch):
    signature = copy.deepcopy(makers.SIGNATURE)
    signature["inputs"][0]["features"] = ["age", "height"]
    monkeypatch.setattr(makers, "SIGNATURE", signature)


def brought(rollout, **arms):
    """Of a thousand units of each context so many bought: v2=[60, 10, 10]."""
    for name, each in arms.items():
        for context, good in enumerate(each):
            CohortSum.objects.update_or_create(
                rollout=rollout, metric="bought", changed=False, hour=EVERYTHING, version=int(name[1:]),
                context=context, defaults={"units": 1000, "sums": asdict(Sums.of([1.0] * good))},
            )  # fmt: skip


def parts(entry):
    return {arm.version: list(arm.contexts) for arm in entry.arms}


# ---- what is declared


@pytest.mark.parametrize(
    ("play", "field", "sentence"),
    [
        ({"features": []}, "features", "Name what the bandit looks at"),
        ({"features": [AGE, AGE]}, "features", "each feature once"),
        ({"features": [{"name": "age"}]}, "features[0].values", "either cuts, as a number, or values"),
        ({"features": [{**AGE, "cuts": [50, 30]}]}, "features[0].cuts", "above the one before"),
        ({"features": [{**AGE, "cuts": ["a"]}]}, "features[0].cuts", "as numbers"),
        ({"features": [{**AGE, "values": [1]}]}, "features[0].values", "different names"),
        ({"features": [{"cuts": [1]}]}, "features[0].name", "an input, or one of"),
        ({"features": [{**AGE, "scale": 2}]}, "features[0].scale", "it has cuts, name, values"),
        (
            {"features": [{"name": str(n), "cuts": list(range(9))} for n in range(3)]},
            "features", "1,000 contexts of 28 terms: at most 256 of 50",
        ),
        ({"features": [{**AGE, "cuts": list(range(50))}]}, "features", "51 contexts of 51 terms"),
        ({"features": [AGE], "even": 0.01}, "even", "write at least 0.02"),
        ({"features": [AGE], "even": 0}, "even", "write at least 0.02"),
    ],
)  # fmt: skip
def test_what_nobody_can_look_at_is_refused_by_its_name(play, field, sentence):
    with pytest.raises(BadInput) as refused:
        opening.check_strategy({**LOOKS, "play": play}, makers.model())
    assert sentence in str(refused.value)
    assert refused.value.facts["field"] == f"strategy.play.{field}"


@pytest.mark.parametrize(
    ("more", "field", "sentence"),
    [
        ({"goal": "decide"}, "play.features", "each context has a best one of its own"),
        ({"stages": [], "shares": {"2": 0.2}}, "shares", "all versions begin alike"),
        ({"stages": [{"kind": "bandit", "share": 0.2}]}, "stages[0].shares", "all versions begin alike"),
        ({"stages": [{"kind": "bandit", "pair": 1}]}, "stages[0].pair", "leave pair out"),
    ],
)
def test_what_does_not_go_with_it_is_refused(more, field, sentence):
    with pytest.raises(BadInput) as refused:
        staging.designed({**LOOKS, **more}, "2", "1", catalogue={})
    assert sentence in str(refused.value)
    assert refused.value.facts["field"] == f"strategy.{field}"


def test_as_a_name_alone_it_plays_all_units_and_pairs_in_its_shadow_alone():
    said = {"kind": "bandit", "metrics": [BOUGHT], "play": {"features": [AGE]}}
    design = staging.designed(said, "2", "1", catalogue={})
    assert [(stage.kind, stage.pair) for stage in design.stages] == [("shadow", 1.0), ("bandit", 0.0)]
    assert (design.play.even, design.play.features[0].told()[1]) == (0.1, "age 30 to 50")


def test_a_feature_that_the_version_has_not_is_refused_when_the_release_is_opened(world):
    play = {"features": [{"name": "weight", "cuts": [1]}]}
    with pytest.raises(
        BadInput, match="Version 2: a request has no single value called 'weight': it has age"
    ):
        opening.open_release(
            makers.version(world.first.model), environment=world.environment.name,
            strategy={**LOOKS, "play": play}, by=makers.person("ci", "contributor"),
        )  # fmt: skip


# ---- how it plays


def test_it_follows_what_units_of_each_context_brought(world):
    rollout = world.playing(LOOKS)
    before = world.entry()
    assert (before.hashing, before.rollout.even, parts(before)) == (RENDEZVOUS, 0.1, {2: [], 1: []})
    assert [feature.name for feature in before.rollout.features] == ["age"]
    brought(rollout, v2=[200, 50, 50], v1=[50, 200, 50])
    made = world.look(rollout, later=120)

    assert made.verdict == "move"
    entry = world.entry()
    assert parts(entry)[2][:2] == [64, 0]
    assert 0 < parts(entry)[2][2] < 64
    assert {arm.weight for arm in entry.arms} == {WHOLE // 2}
    assert (entry.revision, entry.rollout) == (before.revision + 1, before.rollout)
    assert world.look(rollout, later=240).verdict == "hold"


def test_it_goes_out_as_shares_alone(world):
    rollout = world.playing(LOOKS)
    brought(rollout, v2=[200, 50, 50], v1=[50, 200, 50])
    world.look(rollout, later=120)
    newest = rollout.stages.get(place=1).routes.order_by("-revision").first()
    assert newest.changes is not None, "a small document has it all"


def test_units_that_play_evenly_are_what_is_judged_by_chance(world):
    rollout = world.playing(LOOKS)
    brought(rollout, v2=[200, 50, 50], v1=[50, 200, 50])
    world.look(rollout, later=120)
    spell = spells.by_revision(rollout, staging.design_of(rollout))[world.entry().revision]
    assert spell.share("2") == pytest.approx(0.5)


def test_a_fault_takes_it_back_whatever_it_earns(world):
    rollout = world.playing(LOOKS)
    brought(rollout, v2=[200, 200, 200], v1=[50, 50, 50])
    world.look(rollout, later=120)
    for version, bad in ((1, 1), (2, 60)):
        told(rollout, 1, version, "seen", 4000)
        told(rollout, 1, version, "errors", bad)
    assert world.look(rollout, later=122).verdict == "roll_back"
    assert parts(world.entry()) == {1: []}


def test_what_a_version_that_is_taken_out_had_is_the_live_ones(world):
    other = world.approved({"kind": "single"})
    rollout = world.playing({**LOOKS, "against": [other.version.number], "stages": PLAYS[1:]}, number=3)
    brought(rollout, v3=[200, 50, 50], v2=[50, 200, 50], v1=[50, 50, 50])
    world.look(rollout, later=120)
    before = parts(world.entry())
    assert before[2][1] == 64
    steering.end_trial(other, by=world.chloe)
    after_it = parts(world.entry())
    assert set(after_it) == {3, 1}
    assert after_it[3] == before[3]
    assert after_it[1] == [a + b for a, b in zip(before[1], before[2], strict=True)]
    spell = spells.by_revision(rollout, staging.design_of(rollout))[world.entry().revision]
    assert [spell.share(arm) for arm in ("3", "1")] == pytest.approx([0.5, 0.5]), "of those that play evenly"
    made = world.look(rollout, later=240)
    assert (made.verdict, [arm for arm, _ in made.standing.contexts]) == ("move", ["3", "1"])


# ---- what is counted


@pytest.fixture
def found():
    said = {"kind": "bandit", "shadow": False, "play": {"features": [AGE]}}
    return going(said)


def test_what_came_of_a_unit_is_summed_by_what_it_asked_once(found):
    for unit, context, arm, value in (("ana", 0, NEW, 1), ("ben", 2, BASE, None), ("cleo", 0, NEW, None)):
        found.see(unit, after(minutes=1), arm, kind=CONTEXT, value=context)
        if value is not None:
            found.tell(unit, value, after(minutes=5))
    found.see("ben", after(minutes=1), BASE)
    for _ in range(2):
        found.sum(after(hours=3, minutes=10))
    known = found.known()
    assert {
        (context, arm): (each.assigned, each.rewarded.n) for (context, _, arm), each in known.contexts.items()
    } == {(0, "2"): (2, 1), (2, "1"): (1, 0)}
    assert [cohort.assigned for cohort in known.cohorts.values()] == [1], "ben plays by the weights"
    assert WeighedSum.objects.count() == 1
    assert CohortSum.objects.exclude(context=ANY).count() == 2


def test_a_window_of_hours_keeps_the_cohorts_of_each_context_apart():
    said = {"kind": "bandit", "shadow": False, "play": {"features": [AGE], "last_hours": 1}}
    found = going(said)
    for hour in range(3):
        found.see(f"unit {hour}", after(hours=hour, minutes=1), NEW, kind=CONTEXT, value=hour)
    found.sum(after(hours=5, minutes=10))
    rows = CohortSum.objects.filter(context__gte=0)
    assert sorted(rows.values_list("context", "units")) == [(0, 1), (1, 1), (2, 1)]
    assert rows.filter(hour=EVERYTHING).count() == 2


def test_a_warehouse_may_tell_of_a_unit_that_was_chosen(found):
    found.see("ana", after(minutes=1), NEW, kind=CONTEXT, value=0)
    item = {"unit": "ana", "metric": "bought", "value": 1, "at": after(minutes=3).isoformat()}
    judged = taking.take(found.rollout, [item], actor="warehouse", now=after(minutes=4))
    assert [each.status for each in judged] == ["accepted"]


def test_an_export_has_each_unit_once_with_the_chance_of_what_it_asked(found, monkeypatch):
    monkeypatch.setattr(exposures, "AT_ONCE", 3)
    features = [{"name": "age", "cuts": [30.0, 50.0]}]
    found.see("early", after(minutes=1), BASE)
    found.see("early", after(minutes=1), BASE, kind=CONTEXT, value=1)
    parts = {NEW: [48, 0, 32], BASE: [16, 64, 32]}
    found.weigh({NEW: 0.5}, contexts=parts, even=0.1, features=features)
    found.see("early", after(minutes=9), NEW, kind="moved", about=NEW)
    for n in range(5):
        found.see(f"unit {n}", after(minutes=10), NEW, kind=CONTEXT, value=0)
    found.see("unit 0", after(minutes=10), NEW)
    found.see("plain", after(minutes=10), NEW)
    lines = [json.loads(line) for line in exposures.lines(found.rollout)]
    told = {line.pop("unit"): (line["propensity"], line.get("context")) for line in lines}
    assert len(lines) == len(told) == 7
    assert told[f"{found.place_of('early'):016x}"] == (0.5, 1)
    assert told[f"{found.place_of('plain'):016x}"] == (0.5, None)
    assert told[f"{found.place_of('unit 0'):016x}"] == (pytest.approx(0.9 * 0.75 + 0.05), 0)
    assert Counter(context for _, context in told.values()) == {0: 5, 1: 1, None: 1}


def test_what_units_ask_is_counted_in_one_row_however_many_contexts_there_are(found):
    kept = [evidence.Kept(CONTEXT, 0, n, found.revision, NEW, n % 3, "n1") for n in range(1, 31)]
    evidence._add(found.rollout, kept)
    assert [(row.value, row.units) for row in UnitCount.objects.all()] == [(0, 30)]
    evidence._add(found.rollout, [each._replace(value=2, version=BASE) for each in kept])
    assert UnitCount.objects.get().units == UnitFact.objects.count() == 30, "the first word stands"
    evidence._thin(found.rollout)
    assert UnitCount.objects.get().units == UnitFact.objects.count() < 30
