"""A bandit from its shadow to its end: what moves its shares, what keeps them, and what it costs to look."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from formats.plan import RENDEZVOUS, WHOLE
from registry.errors import BadInput
from registry.models import Event
from releases.lifecycle import State
from releases.models import CohortSum, Route, Switch, WeighedSum
from releases.rollout import replaying, spells, staging
from releases.rollout.counts import Sums
from releases.rollout.evidence.cohorts import span_of
from releases.rollout.outcomes import cohorts
from releases.rollout.outcomes.sums import EVERYTHING
from releases.services import freezing, opening, steering
from releases.windows import Once
from scoring.routing import draw_even
from tests import makers
from tests.releases.going import BASE, NEW, START, after, going
from tests.releases.rolling import told

pytestmark = pytest.mark.django_db
BOUGHT = {"name": "bought", "kind": "bad_event", "direction": "higher", "window_hours": 1}
PLAYS = [{"kind": "shadow", "min": "0s"}, {"kind": "bandit"}]
EARN = {"kind": "bandit", "stages": PLAYS, "metrics": [BOUGHT]}
DECIDE = {**EARN, "goal": "decide"}


def brought(rollout, **arms):
    """Of so many units of each version so many bought: v2=(1000, 60)."""
    for name, (units, good) in arms.items():
        sums = asdict(Sums.of([1.0] * good))
        row, made = CohortSum.objects.get_or_create(
            rollout=rollout, metric="bought", changed=False, hour=EVERYTHING, version=int(name[1:]),
            defaults={"units": units, "sums": sums},
        )  # fmt: skip
        if not made:
            row.units, row.sums = units, sums
            row.save()


def weighed(rollout, revision, version, good):
    """The same by the weights that gave them: what evidence is made of."""
    sums = asdict(Sums.of([1.0] * good))
    WeighedSum.objects.create(
        rollout=rollout, metric="bought", changed=False, revision=revision, version=version, units=9000,
        sums=sums,
    )  # fmt: skip


def parts(entry):
    return {arm.version: arm.weight * 64 // WHOLE for arm in entry.arms}


# ---- how it plays


def test_it_begins_unseen_and_then_plays_alike(world):
    rollout = world.playing(EARN)
    entry = world.entry()
    assert parts(entry) == {2: 32, 1: 32}
    assert (entry.hashing, entry.rollout.even) == (RENDEZVOUS, 0.05)
    assert [stage.kind for stage in rollout.stages.filter(begun_at__isnull=False)] == ["shadow", "bandit"]


def test_shares_move_at_once_with_one_event_that_is_replayed(world):
    rollout = world.playing(EARN)
    before, switches = world.entry().revision, Switch.objects.count()
    brought(rollout, v2=(2000, 200), v1=(2000, 120))
    made = world.look(rollout, later=120)

    assert made.verdict == "move"
    entry = world.entry()
    assert (entry.revision, Switch.objects.count()) == (before + 1, switches)
    assert parts(entry)[2] > 60
    newest = Route.objects.get(revision=entry.revision, model=rollout.model)
    assert newest.stage.place == 1
    assert (rollout.decisions.last().verdict, rollout.decisions.last().decided_by) == (
        "move",
        "system/rollouts",
    )
    assert not any(each.differences for each in replaying.replay(rollout.pk))
    assert world.look(rollout, later=240).verdict == "hold", "nothing more is known"


def test_shares_move_when_a_tenth_more_is_known_and_no_sooner(world):
    rollout = world.playing(EARN)
    brought(rollout, v2=(2000, 120), v1=(2000, 120))
    world.look(rollout, later=120)
    brought(rollout, v2=(2199, 300), v1=(2200, 120))
    assert world.look(rollout, later=240).verdict == "hold"
    brought(rollout, v2=(2250, 300), v1=(2250, 120))
    assert world.look(rollout, later=360).verdict == "move"


def test_who_pauses_it_keeps_its_shares(world):
    rollout = world.playing(EARN)
    steering.pause(rollout.release, by=world.chloe)
    before = world.entry().revision
    brought(rollout, v2=(2000, 200), v1=(2000, 120))
    world.look(rollout, later=120)
    assert world.entry().revision == before
    steering.resume(rollout.release, by=world.chloe)
    world.look(rollout, later=122)
    assert world.entry().revision == before + 1


def test_a_freeze_keeps_stages_where_they_are_and_no_shares(world):
    """Nobody meets a version who would not have met it anyhow."""
    rollout = world.playing(EARN)
    freezing.make_freeze(
        world.environment,
        name="year's end",
        times=Once(timezone.now() - timedelta(minutes=1), timezone.now() + timedelta(hours=1)),
        grounds="the year ends and nobody is here",
        by=world.chloe,
    )
    before = world.entry().revision
    brought(rollout, v2=(2000, 200), v1=(2000, 120))
    assert world.look(rollout, later=120).verdict == "move"
    assert world.entry().revision == before + 1


def test_of_three_versions_the_best_is_promoted_and_the_other_stays_approved(world):
    other = world.approved({"kind": "single"})
    assert other.version.number == 2
    rollout = world.playing({**DECIDE, "against": [2], "stages": PLAYS[1:]}, number=3)
    assert set(parts(world.entry())) == {1, 2, 3}
    first = world.entry().revision
    for version in (1, 2, 3):
        told(rollout, 0, version, "seen", 20_000, revision=first)
        weighed(rollout, first, version, good=300 * version)
    brought(rollout, v3=(9000, 900), v2=(9000, 500), v1=(9000, 450))
    made = world.look(rollout, later=120)
    assert (made.verdict, made.arm) == ("promote", "3")
    world.settle(rollout.release)
    rollout.release.refresh_from_db()
    other.refresh_from_db()
    assert (rollout.release.state, other.state) == (State.LIVE, State.APPROVED)


def test_a_fault_takes_it_back_whatever_it_earns(world):
    rollout = world.playing(EARN)
    brought(rollout, v2=(9000, 2000), v1=(9000, 400))
    for version, bad in ((1, 1), (2, 60)):
        told(rollout, 1, version, "seen", 4000)
        told(rollout, 1, version, "errors", bad)
    assert world.look(rollout, later=122).verdict == "roll_back"
    rollout.release.refresh_from_db()
    assert rollout.release.state == State.ROLLED_BACK


def test_whoever_decides_promotes_on_a_certificate(world):
    rollout = world.playing(DECIDE)
    assert world.entry().rollout.even == 0
    brought(rollout, v2=(9000, 900), v1=(9000, 450))
    first = world.entry().revision
    assert world.look(rollout, later=120).verdict == "move", "it is the best, and not yet shown to be safe"
    for version in (1, 2):
        told(rollout, 1, version, "seen", 20_000, revision=first)
        weighed(rollout, first, version, good=450 * version)
    made = world.look(rollout, later=122)
    assert (made.verdict, made.arm) == ("promote", "2")
    world.settle(rollout.release)
    rollout.release.refresh_from_db()
    assert rollout.release.state == State.LIVE


def test_whoever_earns_goes_on_until_a_person_ends_it(world):
    rollout = world.playing(EARN)
    for version in (1, 2):
        told(rollout, 1, version, "seen", 20_000)
    brought(rollout, v2=(90_000, 9000), v1=(90_000, 450))
    assert world.look(rollout, later=120).verdict == "move"
    assert world.look(rollout, later=20 * 86_400).verdict == "hold"
    steering.end_trial(rollout.release, by=world.chloe)
    assert parts(world.entry()) == {1: 64}
    rollout.release.refresh_from_db()
    assert rollout.release.state == State.APPROVED


def test_a_trial_that_the_baseline_wins_ends_without_fault(world):
    rollout = world.playing(DECIDE)
    brought(rollout, v2=(9000, 450), v1=(9000, 900))
    assert world.look(rollout, later=120).verdict == "end_trial"
    rollout.release.refresh_from_db()
    assert rollout.release.state == State.APPROVED


def test_being_worse_in_what_is_followed_stops_no_shares(world):
    """That is what they follow."""
    rollout = world.playing(EARN)
    brought(rollout, v2=(9000, 90), v1=(9000, 900))
    for version, good in ((1, 900), (2, 90)):
        weighed(rollout, world.entry().revision, version, good)
    made = world.look(rollout, later=120)
    assert any(f.aim == "worse" and f.metric == "bought" and f.reached for f in made.evidence)
    assert made.verdict == "move"


# ---- what is refused


@pytest.mark.parametrize(
    ("strategy", "field", "sentence"),
    [
        ({"kind": "bandit"}, "metrics", "A bandit follows a metric of kind bad_event or bounded"),
        ({**EARN, "metrics": [{"name": "basket", "kind": "real"}]}, "metrics", "bad_event or bounded"),
        ({**EARN, "play": {"reward": "sales"}}, "play.reward", "There is bought."),
        ({**EARN, "play": {"reward": "errors"}}, "play.reward", "metric of units"),
        ({"kind": "canary", "play": {}}, "play", "Only a bandit plays"),
        ({"kind": "canary", "stages": PLAYS}, "stages", "The last stage of a bandit"),
        ({**EARN, "stages": PLAYS[:1]}, "stages", "The last stage of a bandit"),
        ({**EARN, "play": {"cap": 0.4}}, "play.cap", "leave units to nobody"),
        ({**EARN, "play": {"even": 0, "floor": 0.6, "baseline_floor": 0.6}}, "play.floor", "more than 1"),
        ({**EARN, "play": {"even": 0, "floor": 0.6, "cap": 0.55}}, "play.cap", "below a floor"),
        ({**EARN, "play": {"floor": 0.1}}, "play.floor", "write even: 0"),
        ({**EARN, "play": {"tick": "1s"}}, "play.tick", '"2s" to "1d"'),
        ({**EARN, "play": {"burn_in": 0.5}}, "play.burn_in", "write 1 to"),
        ({**EARN, "play": {"burn_in": 1.5}}, "play.burn_in", "a whole number"),
        ({**EARN, "play": {"last_hours": 0}}, "play.last_hours", "write 1 to"),
        ({**DECIDE, "play": {"last_hours": 24}}, "play.last_hours", "everything that was seen"),
        ({**DECIDE, "play": {"even": 0.1}}, "play.even", "leave even out"),
        ({**EARN, "play": {"speed": 1}}, "play.speed", "it has baseline_floor"),
    ],
)
def test_what_no_bandit_can_do_is_refused_by_its_name(db, strategy, field, sentence):
    with pytest.raises(BadInput, match=sentence) as refused:
        opening.check_strategy(strategy, makers.model())
    assert refused.value.facts["field"] == f"strategy.{field}"


def test_what_it_is_told_is_how_it_plays(db):
    said = {"reward": "bought", "floor": 0.1, "baseline_floor": 0.2, "cap": 0.8, "even": 0}
    said |= {"burn_in": 50, "tick": "5m", "last_hours": 48}
    play = staging.designed({**EARN, "play": said}, "2", "1", catalogue={}).play
    assert (play.reward, play.floor, play.baseline_floor, play.cap, play.even) == ("bought", 0.1, 0.2, 0.8, 0)
    assert (play.burn_in, play.tick_seconds, play.last_hours, play.last_spans) == (50, 300, 48, 48)


# ---- units that play evenly


def test_the_chance_of_a_unit_counts_those_that_play_evenly(world):
    """What is judged by the weights alone would take the even ones for too many."""
    rollout = world.playing(EARN)
    brought(rollout, v2=(9000, 2000), v1=(9000, 400))
    world.look(rollout, later=120)
    design = staging.design_of(rollout)
    spell = spells.by_revision(rollout, design)[world.entry().revision]
    assert parts(world.entry()) == {2: 64, 1: 0}
    assert spell.share("1") == pytest.approx(0.025)
    assert sum(weight for _, weight in spell.weights) == WHOLE


def test_even_units_are_summed_by_themselves():
    found = going({"kind": "bandit", "shadow": False})
    found.weigh({NEW: 0.5}, even=0.3)
    salt, drawn = bytes.fromhex(found.rollout.salt), Counter()
    for n in range(60):
        unit = f"unit {n}"
        found.see(unit, after(minutes=1), (BASE, NEW)[n % 2])
        found.tell(unit, 1, after(minutes=2))
        drawn[(BASE, NEW)[n % 2]] += draw_even(found.place_of(unit), salt) < 0.3
    found.sum(after(hours=3, minutes=10))
    known = found.known()
    assert sum(drawn.values()) not in (0, 60)
    assert {arm: cohort.assigned for (_, arm), cohort in known.even.items()} == {
        str(arm): units for arm, units in drawn.items()
    }
    assert sum(cohort.assigned for cohort in known.cohorts.values()) == 60


# ---- what accumulates


def test_only_cohorts_that_a_look_tells_apart_are_kept_apart():
    found = going({"kind": "bandit", "shadow": False, "play": {"last_hours": 2}})

    for hour in range(5):
        found.see(f"unit {hour}", after(hours=hour, minutes=1), NEW)
        found.tell(f"unit {hour}", 1, after(hours=hour, minutes=2))
    found.sum(after(hours=7, minutes=10))
    first = int(START.timestamp() // 3600)
    rows = {row.hour: (row.units, Sums(**row.sums).n) for row in CohortSum.objects.filter(changed=False)}
    assert rows == {EVERYTHING: (3, 3), first + 3: (1, 1), first + 4: (1, 1)}


def test_a_look_asks_as_much_after_hundred_moves_as_after_one(world):
    rollout = world.playing(EARN)
    asked = []
    for turn in range(6):
        units = 1000 + 200 * 2**turn
        brought(rollout, v2=(units, units // 10 + 30 * (turn % 2)), v1=(units, units // 10))
        with CaptureQueriesContext(connection) as queries:
            world.look(rollout, later=120 * (turn + 1))
        asked.append(len(queries))
    assert max(asked[1:]) - min(asked[1:]) <= 15, asked
    assert Event.objects.filter(kind="rollout.decided").count() == rollout.decisions.count()


def test_a_cohort_is_as_long_as_its_window_and_an_hour_at_most():
    assert [span_of(hours) for hours in (24, 1, 0.5, 0.01, 0)] == [3600, 3600, 1800, 36, 5]


def test_units_of_a_short_window_enter_soon_after_it():
    bought = {"kind": "bad_event", "direction": "higher", "window_hours": 10 / 3600}
    found = going({"kind": "ab_test", "shadow": False}, {"bought": bought})
    found.see("ana", after(seconds=9), NEW)
    found.see("ben", after(seconds=11), NEW)
    found.tell("ana", 1, after(seconds=19))
    closes = after(seconds=30)
    assert found.sum(closes - timedelta(seconds=1)) == 0
    assert found.sum(closes) == 1
    (tally,) = found.known().arms.values()
    assert tally.outcomes["bought"] == Sums.of([1])
    assert found.sum(closes + timedelta(seconds=10)) == 1
    (tally,) = found.known().arms.values()
    assert tally.outcomes["bought"] == Sums.of([1, 0])


def test_spans_of_an_hour_wait_for_the_minute_s_turn():
    found = going({"kind": "ab_test", "shadow": False})
    found.see("ana", after(minutes=1), NEW)
    late = after(hours=9)
    assert cohorts.sum_of(found.rollout, late, cohorts.AT_EACH_LOOK_S) == 0
    assert cohorts.sum_of(found.rollout, late) > 0
