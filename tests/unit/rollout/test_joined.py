"""A version joins a rollout: what the others have stays theirs, and it begins with nothing known of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.plan import WHOLE, Arm
from registry.errors import BadInput
from releases.rollout.counts import Counts, Spell, Tally
from releases.rollout.designs.design import Mode, moved_back
from releases.rollout.documents.document import MOST_VERSIONS, parse
from releases.rollout.joined import joined
from releases.rollout.strategies import STRATEGIES, steps
from releases.rollout.strategies.base import Standing
from scoring.routing import rendezvous

BOUGHT = {"name": "bought", "kind": "bad_event", "direction": "higher"}


def read(document, baseline="7"):
    return parse({"metrics": [BOUGHT], **document}, challenger="8", baseline=baseline)


def joins(design, standing=None, arm="9", share=None, asks=False, now=100.0):
    return joined(design, standing or Standing(), arm, share=share, asks=asks, now=now)


AB = {"kind": "ab_test", "shadow": False}
FEATURES = {"features": [{"name": "age", "cuts": [30, 50]}]}
BANDIT = {"kind": "bandit", "shadow": False}


def test_it_has_half_of_what_the_live_version_has_and_stands_beside_it():
    made, stands = joins(read(AB))
    assert made.challengers == ("8", "9")
    assert steps.weights_at(made, stands) == (("8", WHOLE // 2), ("9", WHOLE // 4), ("7", WHOLE // 4))
    assert joins(read(AB), share=0.1)[0].stages[0].shares == (("8", 0.5), ("9", 0.1))


@given(
    given_before=st.lists(st.floats(0.01, 0.3), min_size=1, max_size=3),
    removed=st.sets(st.sampled_from(["8", "10", "11"]), max_size=2),
    share=st.none() | st.floats(0.001, 1.0),
)
def test_nobody_is_taken_from_a_version_that_answered_them(given_before, removed, share):
    arms = ["8", "10", "11"][: len(given_before)]
    shares = dict(zip(arms, given_before, strict=True))
    design = read({**AB, "against": [int(arm) for arm in arms[1:]], "shares": shares})
    before = Standing(removed=tuple(arm for arm in arms[:-1] if arm in removed))
    rest = 1 - sum(given_before)
    if share is not None and share >= rest:
        with pytest.raises(BadInput, match="keeps some to be compared with"):
            joins(design, before, share=share)
        return
    made, after = joins(design, before, share=share)
    was, is_now = (dict(steps.weights_at(*each)) for each in ((design, before), (made, after)))
    assert sum(is_now.values()) == WHOLE
    assert all(is_now[arm] == was[arm] for arm in arms)
    assert 0 < is_now["9"] < was["7"]
    assert (
        moved_back((*((arm, was[arm]) for arm in arms), ("9", 0), ("7", was["7"])), tuple(is_now.items()))
        == 0
    )


@given(shares=st.none() | st.tuples(st.integers(1, 40), st.integers(1, 20)))
def test_under_a_bandit_only_those_move_who_come_to_it(shares):
    design = read({**BANDIT, "against": [10]})
    before = Standing()
    if shares:
        before = Standing(
            shares=tuple(zip(("8", "10"), (n / 64 for n in shares), strict=True)), shared_at=1.0
        )
    made, after = joins(design, before)
    assert dict(steps.weights_at(made, after))["9"] == pytest.approx(WHOLE / 4, abs=2)
    assert after.shared_at == (100.0 if shares else 0.0)
    was, is_now = (_picks(*each) for each in ((design, before), (made, after)))
    assert all(new in (old, 9) for old, new in zip(was, is_now, strict=True))


def _picks(design, standing):
    arms = [Arm(int(arm), weight, "") for arm, weight in steps.weights_at(design, standing)]
    place = rendezvous(arms, bytes(16))
    return [arms[place(unit)].version for unit in range(0, 2**64, 2**64 // 300)]


def test_in_a_shadow_it_is_asked_like_the_others_and_then_has_its_share():
    made, stands = joins(read({"kind": "ab_test"}))
    assert steps.mirrors_at(made, stands) == (("8", 1.0), ("9", 1.0))
    assert [stage.shares for stage in made.stages] == [(), (("8", 0.5), ("9", 0.25))]


def test_stages_that_are_over_stay_as_they_were():
    stages = [{"kind": "split", "share": 0.1, "min": "1h"}, {"kind": "split", "share": 0.5, "min": "1h"}]
    design = read({"kind": "ab_test", "stages": stages})
    made, _ = joins(design, Standing(stage=1))
    assert [stage.shares for stage in made.stages] == [(("8", 0.1),), (("8", 0.5), ("9", 0.25))]
    with pytest.raises(BadInput, match="it can join in the last stage"):
        joins(design)


def test_it_begins_at_its_own_prior_and_what_was_seen_of_the_others_stands():
    design = read(AB)
    spell = Spell(0, (("8", WHOLE // 2), ("7", WHOLE // 2)))
    counts = Counts(
        arms={(spell, "8"): Tally(9000, {"errors": 12}), (spell, "7"): Tally(9000, {"errors": 9})}
    )
    decide = STRATEGIES[design.kind].decide
    before = decide(design, counts, Standing(), 10.0)
    made, stands = joins(design, before.standing)
    after = decide(made, counts, stands, 20.0)
    was = {each.key: each.log_e for each in before.evidence if each.arm == "8"}
    assert was == {each.key: each.log_e for each in after.evidence if each.arm == "8"}
    assert all(each.log_e == pytest.approx(0.0, abs=1e-12) for each in after.evidence if each.arm == "9")
    assert all(not each.reached for each in after.evidence if each.arm == "9")


def test_the_chance_to_err_is_shared_among_all_from_then_on():
    design = read(AB)
    thresholds = [
        {
            each.key: each.threshold
            for each in STRATEGIES[of.kind].decide(of, Counts(), Standing(), 1.0).evidence
        }
        for of in (design, joins(design)[0])
    ]
    assert all(thresholds[1][key] > bound for key, bound in thresholds[0].items() if key.endswith("/8"))


def test_one_policy_that_wants_to_be_asked_is_enough():
    assert joins(read(AB), asks=True)[0].mode is Mode.PROPOSE
    assert joins(read({**AB, "mode": "propose"}))[0].mode is Mode.PROPOSE
    assert joins(read(AB))[0].mode is Mode.AUTO


@pytest.mark.parametrize(
    ("document", "standing", "said", "told"),
    [
        (AB, Standing(), {"arm": "8"}, "is in this rollout already"),
        (AB, Standing(), {"arm": "7"}, "is in this rollout already"),
        ({**AB, "against": [9]}, Standing(removed=("9",)), {}, "was taken out of it"),
        ({**AB, "against": list(range(9, 8 + MOST_VERSIONS))}, Standing(), {"arm": "99"}, "At most "),
        (AB, Standing(), {"share": 0.5}, "write a share from 0.001 to less than that"),
        (AB, Standing(), {"share": 0.0}, "The live version has 0.5 of the units to give"),
        (BANDIT, Standing(), {"share": 0.2}, "leave share out"),
        ({"kind": "shadow"}, Standing(), {"share": 0.2}, "leave share out"),
        ({**BANDIT, "play": {"even": 0, "floor": 0.4, "baseline_floor": 0.4}}, Standing(), {}, "floors of 3"),
        ({**BANDIT, "play": FEATURES}, Standing(), {}, "looks at what is asked"),
        ({**AB, "stages": [{"kind": "trial", "units": ["ana"]}]}, Standing(), {}, "nobody joins it"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(document, standing, said, told):
    with pytest.raises(BadInput, match=told):
        joins(read(document), standing, **said)
