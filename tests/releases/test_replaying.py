"""Automatic decisions are made again from the log: what was changed since shows, and people are left out."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from registry.events import record
from registry.transactions import write
from releases.events import Kind as EventKind
from releases.rollout.designs.design import Kind
from releases.rollout.replaying import replay
from releases.rollout.strategies import STRATEGIES
from releases.rollout.switching.switches import ACTOR
from releases.rollout.written import to_json
from tests.unit.rollout.rollouts import NEW, at, design, paired_counts, split_counts

pytestmark = pytest.mark.django_db
PLAN = design(Kind.CANARY)


def facts(counts, standing=None, now=7200.5, **changes):
    """An event as it is recorded of an automatic decision."""
    before = standing or at(2)
    made = STRATEGIES[PLAN.kind].decide(PLAN, counts, before, now)
    told = {
        "rollout": 7,
        "number": 1,
        "verdict": str(made.verdict),
        "arm": made.arm,
        "reason": made.reason,
        "proposed": str(made.proposed or ""),
        "stage": before.stage,
        "design": to_json(PLAN),
        "counts": to_json(counts),
        "standing": to_json(before),
        "now": now,
        "decision": to_json(made),
    }
    return told | changes


def decided(told, by=ACTOR):
    with write():
        return record(EventKind.ROLLOUT_DECIDED, "release/7", actor=by, **told)


FAILING = split_counts(PLAN, 2, 4000, new={"errors": 30}, old={"errors": 9})
CLEAN = paired_counts(PLAN, 20_000)


def found(**asked):
    return {each.seq: each.differences for each in replay(**asked)}


def audit(*said):
    out, err = StringIO(), StringIO()
    call_command("audit", "replay", *said, stdout=out, stderr=err)
    return out.getvalue()


def test_what_was_decided_is_decided_again():
    one = decided(facts(FAILING))
    other = decided(facts(CLEAN, at(0), rollout=8))
    assert found() == {one.seq: (), other.seq: ()}
    assert found(rollout=8) == {other.seq: ()}
    assert "2 automatic decisions were made again" in audit()
    assert "1 automatic decisions" in audit("--rollout", "7")


def test_counts_that_were_edited_show_in_all_that_follows_of_them():
    told = facts(FAILING)
    told["counts"]["arms"][0][1]["units"] -= 1
    decided(told)
    decided(facts(CLEAN, at(0), rollout=8))
    (differences,) = [each for each in found().values() if each]
    assert any(each.startswith("evidence[") for each in differences)
    with pytest.raises(CommandError, match="1 of 2 automatic decisions are not what is decided now"):
        audit()
    assert "none differs" in audit("--rollout", "8")


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"now": 0.0}, "verdict: it was"),
        ({"verdict": "hold"}, 'verdict: the event says "hold", its decision "roll_back"'),
        ({"reason": "for fun"}, 'reason: the event says "for fun"'),
        ({"arm": "9"}, 'arm: the event says "9"'),
        ({"proposed": "promote"}, 'proposed: the event says "promote"'),
        ({"design": {}}, "design lacks 'baseline'"),
        ({"counts": None}, "counts is an object, not None"),
        ({"standing": {"begin": 1}}, "standing has no 'begin': did you mean 'begun'?"),
        ({"now": "noon"}, "now is a number, not 'noon'"),
        ({"decision": None}, "decision is an object, not None"),
    ],
)
def test_whatever_was_changed_is_named(change, difference):
    counts, standing = (CLEAN, at(0)) if change == {"now": 0.0} else (FAILING, at(2))
    decided(facts(counts, standing) | change)
    (differences,) = found().values()
    assert any(difference in each for each in differences), differences


@pytest.mark.parametrize("place", ["weights", "mirrors", "standing", "evidence"])
def test_a_decision_that_was_edited_shows_where(place):
    told = facts(CLEAN, at(0))
    said = told["decision"]
    if place == "standing":
        said["standing"]["stage"] += 1
    elif place == "evidence":
        said["evidence"][0]["log_e"] += 1e-6
    else:
        said[place] = {"weights": [[NEW, 2**53]], "mirrors": []}[place]
    decided(told)
    (differences,) = found().values()
    assert [each for each in differences if each.startswith(place)] == list(differences)


def test_a_reason_in_other_words_is_told_and_is_no_other_decision():
    told = facts(CLEAN, at(0))
    told["decision"]["reason"] = told["reason"] = "As an earlier release put it."
    decided(told)
    decided(facts(FAILING))
    (other, same) = replay()
    assert (other.differences, same.differences, same.reworded) == ((), (), ())
    assert [each.partition(",")[0] for each in other.reworded] == [
        'reason: it was "As an earlier release put it."'
    ]
    assert "none differs.\nOf 1 the reason is worded otherwise now." in audit()


def test_the_last_digits_of_another_machine_are_no_difference():
    told = facts(FAILING)
    for finding in told["decision"]["evidence"]:
        finding["log_e"] *= 1 + 1e-14
    decided(told)
    assert list(found().values()) == [()]


def test_what_people_decided_has_no_rule():
    decided({"rollout": 7, "number": 1, "verdict": "promote", "arm": NEW, "reason": ""}, by="person/ada")
    assert found() == {}
    assert "0 automatic decisions" in audit()
