"""The cohort rule over rows: who counts, when, with what, and that no order of telling changes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from formats.evidence import Fact
from releases.models import CohortSum, Rollout, UnitFact, UnitOutcome, WeighedSum
from releases.rollout.counts import Cohort, Sums, fixed
from releases.rollout.evidence import bounded
from releases.rollout.outcomes import cohorts, sums
from releases.rollout.outcomes.sums import EVERYTHING
from releases.traffic import evidence
from tests.releases.going import BASE, NEW, START, THIRD, after, going, releases
from tests.releases.units import tells

pytestmark = pytest.mark.django_db
SPLIT = {"kind": "ab_test", "shadow": False}
BANDIT = {"kind": "bandit", "shadow": False}
REWARD = {"reward": {"kind": "bounded", "direction": "higher", "window_hours": 2}}
HOUR = int(START.timestamp() // 3600)
CLOSED = after(hours=3, minutes=10)
"""When the first hour's window of two hours has closed, and nothing is under way any more."""


def outcomes(found, arm, metric="bought", changed=False):
    tallies = [tally for (_, name), tally in found.known().arms.items() if name == str(arm)]
    kept = [(tally.changed if changed else tally.outcomes).get(metric, Sums()) for tally in tallies]
    return sum(kept, Sums())


def test_a_unit_enters_when_its_cohort_s_window_has_closed_with_its_value_or_the_default():
    found = going(SPLIT, {"bought": {"kind": "bad_event", "window_hours": 2, "default": 1}})
    found.see("ana", after(minutes=1), NEW)
    found.see("ben", after(minutes=59), NEW)
    found.see("eve", after(minutes=61), NEW)
    found.tell("ana", 0, after(minutes=2))

    assert found.sum(CLOSED - timedelta(seconds=1)) == 0, "an early answer waits like a missing one"
    assert found.known().arms == {}
    assert found.sum(CLOSED) == 1
    assert outcomes(found, NEW) == Sums.of([0, 1])
    assert found.sum(CLOSED) == 0
    assert found.sum(CLOSED + timedelta(hours=1)) == 1
    assert outcomes(found, NEW) == Sums.of([0, 1, 1])


def test_what_comes_late_is_not_used():
    found = going(SPLIT)
    for unit in ("ana", "ben"):
        found.see(unit, after(minutes=1), BASE)
    found.tell("ana", 1, after(minutes=5), came_at=after(hours=3) - timedelta(seconds=1))
    found.tell("ben", 1, after(minutes=5), came_at=after(hours=3))
    found.sum(CLOSED)
    assert outcomes(found, BASE) == Sums.of([1, 0])
    found.see("eve", after(minutes=1), BASE)
    found.sum(CLOSED + timedelta(minutes=59))
    assert outcomes(found, BASE) == Sums.of([1, 0]), "an hour is summed once"


def story(found):
    """Everything there is to tell of forty units over three hours, in some order."""
    first, second = found.revision, found.weigh({NEW: 0.25})
    for n in range(40):
        unit, version, at = f"unit {n}", (NEW, BASE)[n % 2], after(minutes=5 * n)
        facts = {"revision": (first, second)[n % 3 == 0]}
        yield found.see, (unit, at, version), facts
        if n % 4 == 0:
            yield found.differ, (unit, at + timedelta(minutes=n % 7), version), facts
        if n % 3 == 0:
            yield found.tell, (unit, 1, at + timedelta(minutes=90)), {}
        for step in (40, 20, 60) if n % 5 < 3 else ():
            yield found.reward, (unit, step / 100, at + timedelta(minutes=step), version), facts


def test_no_order_and_no_batches_of_telling_change_what_is_counted():
    """The same facts and values, told in five orders and summed at other times: the same counts."""
    results, made = set(), releases()
    for seed in range(5):
        found = going(SPLIT, {**REWARD, "bought": {"kind": "bad_event", "window_hours": 2}}, made)
        told = list(story(found))
        Random(seed).shuffle(told)  # noqa: S311
        for do, arguments, facts in told:
            do(*arguments, **facts)
        for hour in range(seed, 9, 1 + seed % 3):
            found.sum(after(hours=hour))
        found.sum(after(hours=9))
        rows = [
            (row.metric, row.changed, row.version, row.units, sorted(row.sums.items()), str(row.bets))
            for row in WeighedSum.objects.filter(rollout=found.rollout)
        ]
        assert sum(row[3] for row in rows if row[0] == "bought" and not row[1]) == 40
        results.add(str(sorted(rows)))
        Rollout.objects.filter(pk=found.rollout.pk).update(closed_at=START)
    assert len(results) == 1


def test_a_unit_counts_once_with_its_earliest_answer_s_reward():
    found = going(BANDIT, REWARD)
    found.see("bot", after(minutes=1), NEW)
    for second in range(300):
        found.reward("bot", 0.25 if second == 7 else 1.0, after(minutes=1, seconds=(second - 7) % 300), NEW)
    found.sum(CLOSED)
    assert outcomes(found, NEW, "reward") == Sums.of([0.25])
    assert found.known().cohorts == {(EVERYTHING, str(NEW)): Cohort(1, Sums.of([0.25]))}


def test_a_reward_by_the_unit_and_one_by_request_id_are_one():
    found = going(BANDIT, REWARD)
    for unit in ("ana", "ben"):
        found.see(unit, after(minutes=1), NEW)
    found.tell("ana", 0.5, after(minutes=9), "reward")
    found.reward("ana", 1.0, after(minutes=8), NEW)
    found.tell("ben", 0.5, after(minutes=7), "reward")
    found.reward("ben", 1.0, after(minutes=8), NEW)
    found.sum(CLOSED)
    assert outcomes(found, NEW, "reward") == Sums.of([1.0, 0.5])


def test_a_reward_that_comes_before_it_is_known_of_its_unit_counts():
    found = going(BANDIT, REWARD)
    found.reward("ana", 0.5, after(seconds=1), NEW)
    found.see("ana", after(seconds=30), NEW)
    found.sum(CLOSED)
    assert outcomes(found, NEW, "reward") == Sums.of([0.5])


def test_what_a_unit_earned_before_it_was_given_its_version_is_not_the_version_s():
    found = going({"kind": "ab_test"}, REWARD)
    shadow = found.revision
    found.reward("ana", 1.0, after(minutes=1), BASE)
    split = found.weigh({NEW: 0.5}, stage=1)
    found.see("ana", after(minutes=20), NEW)
    found.reward("ana", 0.25, after(minutes=21), NEW)
    assert shadow < split
    found.sum(CLOSED)
    assert outcomes(found, NEW, "reward") == Sums.of([0.25])


def test_a_value_that_the_metric_rules_out_is_no_value():
    found = going(BANDIT, REWARD)
    for unit, value in (("ana", 1.5), ("ben", -0.1), ("eve", 1.0)):
        found.see(unit, after(minutes=1), NEW)
        found.reward(unit, value, after(minutes=2), NEW)
    found.sum(CLOSED)
    assert found.known().cohorts == {(EVERYTHING, str(NEW)): Cohort(3, Sums.of([1.0]))}


def test_weights_that_change_count_what_was_given_by_them():
    """The weights of a unit's assignment count, not those under which its value came."""
    found = going(SPLIT)
    found.see("ana", after(minutes=1), NEW)
    found.weigh({NEW: 0.25})
    found.see("ben", after(minutes=2), NEW)
    found.weigh({NEW: 0.5})
    found.see("eve", after(minutes=3), NEW)
    for unit in ("ana", "ben", "eve"):
        found.tell(unit, 1, after(minutes=30))
    found.sum(CLOSED)
    known = {
        spell.share(str(NEW)): tally.outcomes["bought"].n for (spell, _), tally in found.known().arms.items()
    }
    assert known == {0.5: 2, 0.25: 1}


def test_changed_answers_count_from_the_first_difference_on():
    found = going(SPLIT, {"reward": {"kind": "bounded", "direction": "higher", "window_hours": 2}})
    for unit in ("ana", "ben", "eve"):
        found.see(unit, after(minutes=1), NEW)
    found.reward("ana", 1.0, after(minutes=2), NEW)
    found.differ("ana", after(minutes=30), NEW)
    found.reward("ana", 0.25, after(minutes=29), NEW)
    found.reward("ben", 1.0, after(minutes=2), NEW)
    found.differ("eve", after(minutes=70), NEW)
    found.sum(CLOSED)
    assert outcomes(found, NEW, "reward") == Sums.of([1.0, 1.0, 0.0])
    assert outcomes(found, NEW, "reward", changed=True) == Sums.of([0.25])
    found.sum(CLOSED + timedelta(hours=1))
    assert outcomes(found, NEW, "reward", changed=True) == Sums.of([0.25, 0.0]), "its own window"


def test_a_difference_that_a_shadow_showed_counts_from_the_unit_s_first_answer():
    found = going({"kind": "ab_test"})
    found.differ("ana", after(minutes=1), BASE)
    found.differ("ben", after(minutes=1), BASE)
    split = found.weigh({NEW: 0.5}, stage=1)
    found.see("ana", after(hours=1, minutes=1), NEW)
    found.tell("ana", 1, after(hours=2))
    found.sum(after(hours=6))
    assert outcomes(found, NEW, changed=True) == outcomes(found, NEW) == Sums.of([1])
    assert outcomes(found, BASE, changed=True) == Sums(), "ben was never answered by weights"
    assert {row.revision for row in WeighedSum.objects.all()} == {split}


def test_of_several_challengers_any_difference_changes_a_unit():
    made = releases((BASE, NEW, THIRD))
    found = going({**SPLIT, "against": [THIRD]}, None, made, {NEW: 0.25, THIRD: 0.25})
    found.see("ana", after(minutes=1), THIRD)
    found.differ("ana", after(minutes=2), THIRD, about=NEW)
    found.differ("ana", after(minutes=2), THIRD, about=0)
    found.sum(CLOSED)
    assert outcomes(found, THIRD, changed=True).n == 1


def test_bets_are_those_of_each_unit_about_each_challenger():
    stars = {"kind": "bounded", "direction": "higher", "low": 1, "high": 5, "default": 2, "window_hours": 2}
    made = releases((BASE, NEW, THIRD))
    found = going({**SPLIT, "against": [THIRD]}, {"stars": stars}, made, {NEW: 0.25, THIRD: 0.125})
    for unit, version in (("ana", BASE), ("ben", NEW), ("eve", THIRD), ("ida", BASE)):
        found.see(unit, after(minutes=1), version)
    found.tell("ana", 5, after(minutes=2), "stars")
    found.tell("ben", 1, after(minutes=2), "stars")
    found.sum(CLOSED)
    placed = {arm: tally.bets for (_, arm), tally in found.known().arms.items()}
    about = {"new": False, "centre": 0.5, "margin": 0.05 / 4}
    assert placed[str(BASE)] == {
        ("stars", str(NEW)): bounded.bets([0, 0.75], share=0.25 / 0.875, **about),
        ("stars", str(THIRD)): bounded.bets([0, 0.75], share=0.125 / 0.75, **about),
    }
    about["new"] = True
    assert placed[str(NEW)] == {("stars", str(NEW)): bounded.bets([1], share=0.25 / 0.875, **about)}
    assert placed[str(THIRD)] == {("stars", str(THIRD)): bounded.bets([0.75], share=0.125 / 0.75, **about)}


def test_bets_are_around_what_the_live_version_came_to_before():
    """Which no value of the units that are bet on can have moved."""
    score = {"kind": "bounded", "direction": "higher", "window_hours": 1}
    found = going(SPLIT, {"score": score}, weights={NEW: 0.5})
    for unit, value in (("ana", 1), ("ben", 0.9), ("eve", 0.8)):
        found.see(unit, after(minutes=1), BASE)
        found.tell(unit, value, after(minutes=2), "score")
    found.see("ida", after(minutes=3), NEW)
    found.sum(after(hours=2, minutes=10))
    first = found.known().arms
    found.see("kim", after(minutes=61), NEW)
    found.tell("kim", 0.2, after(minutes=62), "score")
    found.sum(after(hours=3, minutes=10))
    key = ("score", str(NEW))
    (both,) = (tally.bets[key] for (_, arm), tally in found.known().arms.items() if arm == str(NEW))
    (one,) = (tally.bets[key] for (_, arm), tally in first.items() if arm == str(NEW))
    expected = bounded.bets([0.8], new=True, share=0.5, centre=(0.3 + 0.5) / 4, margin=0.05)
    assert [a - b for a, b in zip(both, one, strict=True)] == pytest.approx(expected, abs=2)


def test_shares_of_0_and_1_bet_nothing():
    found = going(BANDIT, REWARD, weights={NEW: 1.0})
    found.see("ana", after(minutes=1), NEW)
    found.sum(CLOSED)
    assert WeighedSum.objects.get(metric="reward", changed=False).bets == {}


def test_a_ratio_keeps_what_is_below_the_line():
    found = going(SPLIT, {"spent": {"kind": "ratio", "window_hours": 2}})
    for unit in ("ana", "ben"):
        found.see(unit, after(minutes=1), NEW)
    found.tell("ana", 12.5, after(minutes=2), "spent", per=3)
    found.sum(CLOSED)
    assert outcomes(found, NEW, "spent") == Sums.of([12.5, 0], [3, 0])


def test_every_metric_has_a_window_of_its_own():
    found = going(SPLIT, {"bought": {"kind": "bad_event", "window_hours": 2}, "kept": {"kind": "bad_event"}})
    found.see("ana", after(minutes=1), NEW)
    found.sum(CLOSED)
    assert (outcomes(found, NEW).n, outcomes(found, NEW, "kept").n) == (1, 0)
    found.sum(after(hours=25, minutes=10))
    assert outcomes(found, NEW, "kept").n == 1


def test_a_rollout_that_is_over_is_summed_to_its_end_and_no_further():
    found = going(SPLIT)
    found.see("ana", after(minutes=1), NEW)
    Rollout.objects.filter(pk=found.rollout.pk).update(closed_at=after(minutes=30))
    assert cohorts.sum_closed(after(days=2)) == 1
    assert cohorts.sum_closed(after(days=3)) == 0
    assert outcomes(found, NEW).n == 1


def test_one_rollout_that_cannot_be_summed_holds_up_no_other(caplog):
    made = releases()
    broken = going(SPLIT, None, made)
    Rollout.objects.filter(pk=broken.rollout.pk).update(closed_at=after(hours=1), design={"kind": "none"})
    found = going(SPLIT, None, made)
    found.see("ana", after(minutes=1), NEW)
    assert cohorts.sum_closed(CLOSED) == 1
    assert f"{broken.rollout} cannot be summed" in caplog.text


def test_two_that_sum_the_same_hour_count_it_once():
    found = going(BANDIT, REWARD)
    found.see("ana", after(minutes=1), NEW)
    question = sums.Question(found.rollout, found.design, cohorts.measured(found.design)["reward"])
    once = cohorts._summed(question, HOUR)
    found.sum(CLOSED)
    assert not sums.keep(question, HOUR, once)
    assert outcomes(found, NEW, "reward").n == CohortSum.objects.get(changed=False).units == 1


def test_a_look_reads_sums_however_many_units_there_are():
    found = going(BANDIT, REWARD)
    for n in range(50):
        found.see(f"unit {n}", after(minutes=n), (BASE, NEW)[n % 2])
    found.sum(CLOSED)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        found.known()
    told = " ".join(query["sql"] for query in asked)
    assert len(asked) == 3
    for table in (UnitFact, UnitOutcome):
        assert table._meta.db_table not in told
    with CaptureQueriesContext(connection) as asked:
        found.sum(CLOSED)
    assert UnitFact._meta.db_table not in " ".join(query["sql"] for query in asked), "nothing is walked again"


def test_sums_are_exact_however_large():
    found = going(SPLIT, {"revenue": {"kind": "real", "window_hours": 2}})
    for n in range(3):
        found.see(f"unit {n}", after(minutes=n), NEW)
        found.tell(f"unit {n}", 1e9, after(minutes=30), "revenue")
    found.sum(CLOSED)
    kept = outcomes(found, NEW, "revenue")
    assert (kept.y, kept.yy) == (3 * fixed(1e9), 3 * fixed(1e18))
    assert replace(kept, n=0) != kept


def test_a_unit_stays_in_its_hour_when_an_earlier_revision_is_told_of_later():
    """Another node was away. By which weights the unit was given changes; its hour may be summed by now."""
    found = going(SPLIT)
    first, place = found.revision, found.place_of("ana")
    later = found.weigh({NEW: 0.25})
    evidence.take(found.rollout.environment, [tells(found.rollout, Fact("seen", later, NEW, 0, place))])
    UnitFact.objects.update(at=START)
    evidence.take(
        found.rollout.environment, [tells(found.rollout, Fact("seen", first, BASE, 0, place), node="n2")]
    )
    seen = UnitFact.objects.get(kind="seen")
    assert (seen.revision, seen.version, seen.at) == (first, BASE, START)
