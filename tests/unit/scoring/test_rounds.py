"""What a worker is told of a new round: what it changes, and no more."""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from formats.documents import Hex
from formats.plan import WHOLE, Arm, ModelPlan, PlannedToken, RoutingPlan, parse
from scoring.node.plans.rounds import Round
from tests.unit.scoring.test_pictures import version


def entry(revision, *numbers):
    arms = (Arm(numbers[0], WHOLE, "champion"),)
    return ModelPlan(revision, Hex(b"salt"), arms, {number: version(number) for number in numbers})


TOKEN = PlannedToken("t", "0" * 64, frozenset({"score"}), frozenset({"*"}))
PLAN = RoutingPlan("production", 4, 0.0, {"m": entry(1, 1, 2), "n": entry(3, 7)}, (TOKEN,))
FIRST = Round(0, 0, PLAN, (), ready=True, broken=(), fallbacks=())


def told(now, before):
    order = now.order(before)
    plan = parse(order.payload)
    return set(plan.models), order.gone, order.callers, len(plan.tokens)


def with_models(**models):
    return replace(FIRST, number=1, plan=structs.replace(PLAN, sequence=5, models=models))


def test_a_worker_that_has_nothing_is_told_all():
    assert told(FIRST, None) == ({"m", "n"}, [], True, 1)


def test_afterwards_what_is_another_by_value_and_what_is_gone():
    newer = entry(2, 1, 2)
    assert told(with_models(m=newer, n=entry(3, 7)), FIRST) == ({"m"}, [], False, 0)
    assert told(with_models(n=entry(3, 7)), FIRST) == (set(), ["m"], False, 0)


def test_other_callers_are_told_whole():
    for other in (structs.replace(PLAN, tokens=()), structs.replace(PLAN, public=True)):
        names, _, callers, tokens = told(replace(FIRST, number=1, plan=other), FIRST)
        assert (names, callers, tokens) == (set(), True, len(other.tokens))


def test_a_model_is_told_again_when_another_of_its_versions_is_broken_or_stands_in():
    key = PLAN.models["m"].keys("m")[1]
    broken = replace(FIRST, number=1, broken=((key, "it killed"),))
    assert told(broken, FIRST)[0] == told(FIRST, broken)[0] == {"m"}
    assert told(replace(broken, number=2, fallbacks=(key,)), broken)[0] == {"m"}
