"""Lists of stages in a policy: what may be saved, and what a strategy that names one comes to."""

from __future__ import annotations

import pytest

from registry import model_policy
from registry.errors import BadInput
from releases.rollout.designs.design import Ends, Kind, StageKind
from releases.rollout.documents import document, lists

STAGES = [
    {"kind": "shadow", "min": "30m"},
    {"kind": "split", "share": 0.02, "min": "1h", "max": "1d"},
    {"kind": "split", "share": 0.5, "min": "1h", "max": "2d", "ends": "promotable"},
]
CAREFUL = {"careful": {"kind": "canary", "stages": STAGES}}
BOUGHT = {"bought": {"kind": "bad_event", "direction": "higher"}}


def policy(**said):
    return model_policy.parse({"lists": CAREFUL, **said})


def refusal(call):
    with pytest.raises(BadInput) as caught:
        call()
    return caught.value.facts["field"], str(caught.value)


def test_a_list_says_what_its_stages_are():
    assert model_policy.judge({"lists": CAREFUL}).to_json()["lists"] == CAREFUL
    design = lists.design_of("careful", policy(), "8", "7")
    assert (design.kind, design.baseline, design.challengers) == (Kind.CANARY, "7", ("8",))
    assert [stage.kind for stage in design.stages] == [StageKind.SHADOW, StageKind.SPLIT, StageKind.SPLIT]
    assert [stage.least_seconds for stage in design.stages] == [1800.0, 3600.0, 3600.0]
    assert design.stages[-1].ends is Ends.PROMOTABLE


@pytest.mark.parametrize(
    "strategy",
    [{"list": "careful"}, {"kind": "canary", "list": "careful"}, {"list": "careful", "mode": "propose"}],
)
def test_a_strategy_that_names_a_list_has_its_own_copy(strategy):
    known = policy()
    found = lists.spelled_out(strategy, known)
    assert found == {"kind": "canary", **strategy, "stages": STAGES}
    found["stages"][0]["min"] = "1s"
    assert known.lists["careful"].stages[0]["min"] == "30m"


def test_one_that_names_none_is_left_as_it_is():
    assert lists.spelled_out({"kind": "canary", "pair": 0.5}, policy()) == {"kind": "canary", "pair": 0.5}


@pytest.mark.parametrize(
    ("strategy", "field", "told"),
    [
        ({"list": "carefull"}, "strategy.list", "has no list 'carefull': did you mean careful?"),
        ({"list": "night"}, "strategy.list", "has no list 'night': there are careful."),
        ({"list": ["careful"]}, "strategy.list", "has no list"),
        ({"list": "careful", "stages": STAGES}, "strategy.stages", "leave stages out"),
        ({"list": "careful", "shadow": False}, "strategy.shadow", "leave shadow out"),
        ({"list": "careful", "kind": "blue_green"}, "strategy.kind", "is one of kind canary"),
        ({"list": "careful", "against": [9]}, "strategy.against", "gives a share to one version"),
    ],
)
def test_what_cannot_be_is_named_by_its_member(strategy, field, told):
    where, sentence = refusal(lambda: lists.spelled_out(strategy, policy()))
    assert where == field
    assert told in sentence


def test_where_no_list_is_saved_that_is_said():
    _, sentence = refusal(lambda: lists.spelled_out({"list": "careful"}, model_policy.parse({})))
    assert "nor any other" in sentence


AT = "policy.lists.careful"


@pytest.mark.parametrize(
    ("saved", "field", "told"),
    [
        ({"kind": "single", "stages": STAGES}, f"{AT}.kind", "Write one of shadow, canary"),
        ({"kind": "canarry", "stages": STAGES}, f"{AT}.kind", "Write one of shadow, canary"),
        ({"kind": "canary", "stages": []}, f"{AT}.stages", "Write a list of 1 to 20 stages"),
        ({"kind": "canary", "stages": "shadow"}, f"{AT}.stages", "Write a list of 1 to 20 stages"),
        ({"kind": "canary", "stages": STAGES * 7}, f"{AT}.stages", "Write a list of 1 to 20 stages"),
        ({"kind": "canary", "stages": [{"kind": "split", "sahre": 0.1}]}, f"{AT}.stages[0].sahre",
         "did you mean"),
        ({"kind": "canary", "stages": [{"kind": "split", "share": 7}]}, f"{AT}.stages[0].share",
         "write 0 to 1"),
        ({"kind": "canary", "stages": [{"kind": "split", "shares": {"8": 0.1}}]}, f"{AT}.stages[0].shares",
         "for whichever version comes"),
        ({"kind": "canary", "stages": [{"kind": "trial", "units": ["ana"]}]}, f"{AT}.stages[0].kind",
         "a policy is kept for ever"),
        ({"kind": "canary", "stages": STAGES[:1:-1] + STAGES[1:2]}, f"{AT}.stages[1].shares",
         "take units from"),
        ({"kind": "canary", "stages": [{"kind": "split", "share": 0.1, "metrics": ["bought"]}]},
         f"{AT}.stages[0].metrics", "No metric is called bought"),
        ({"kind": "bandit", "stages": STAGES}, f"{AT}.stages", "The last stage of a bandit"),
        ({"kind": "canary"}, f"{AT}.stages", "Write a list of 1 to 20 stages"),
    ],
)  # fmt: skip
def test_a_list_that_no_rollout_could_go_by_is_not_saved(saved, field, told):
    where, sentence = refusal(lambda: model_policy.judge({"lists": {"careful": saved}}))
    assert where == field
    assert told in sentence


def test_a_stage_may_be_judged_by_a_metric_of_the_same_policy():
    stages = [{"kind": "split", "share": 0.1, "metrics": ["bought"]}]
    document = {"lists": {"careful": {"kind": "canary", "stages": stages}}, "metrics": BOUGHT}
    assert model_policy.judge(document).lists["careful"].stages == tuple(stages)
    where, _ = refusal(lambda: model_policy.judge({**document, "metrics": {}}))
    assert where == f"{AT}.stages[0].metrics"


@pytest.mark.parametrize(("name", "told"), [("Careful", "small letters"), ("a" * 41, "small letters")])
def test_a_name_is_one_that_people_can_write(name, told):
    where, sentence = refusal(lambda: model_policy.judge({"lists": {name: CAREFUL["careful"]}}))
    assert where == "policy.lists"
    assert told in sentence


def test_every_member_that_a_list_may_have_is_shown():
    stage = {
        "kind": "split",
        "share": 0.5,
        "pair": 1,
        "min": "1h",
        "max": "2h",
        "ends": "clean",
        "metrics": ["errors"],
    }
    shuffled = dict(sorted(stage.items()))
    assert model_policy.judge({"lists": {"whole": {"kind": "canary", "stages": [shuffled]}}})
    assert list(lists.in_order(shuffled)) == list(stage)
    assert {*stage, "shares", "units"} == document._STAGE, "a new one is to be shown too"


def test_there_are_so_many_at_most():
    many = {f"list_{n}": CAREFUL["careful"] for n in range(21)}
    assert refusal(lambda: model_policy.judge({"lists": many}))[0] == "policy.lists"
