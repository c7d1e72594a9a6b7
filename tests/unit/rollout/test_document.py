"""A strategy's document: the name alone is enough, and every refusal names its field and what to write."""

from __future__ import annotations

import pytest

from registry.errors import BadInput
from registry.model_policy import parse as parse_policy
from releases.rollout.designs.design import OFFERED, Ends, Goal, Kind, Mode, StageKind
from releases.rollout.designs.metrics import GUARDRAILS, Action, MetricKind
from releases.rollout.documents.document import parse


def read(document, **changes):
    return parse(document, **{"challenger": "8", "baseline": "7", **changes})


@pytest.mark.parametrize("kind", sorted(OFFERED))
def test_a_preset_alone_is_enough(kind):
    made = read({"kind": str(kind)})
    assert (made.kind, made.baseline, made.challengers) == (kind, "7", ("8",))
    assert made.metrics == GUARDRAILS
    assert (made.stages[0].kind is StageKind.SHADOW) == (kind is not Kind.SINGLE), "nobody meets it unseen"


def test_a_canary_ramps_up_and_ends_on_evidence():
    made = read({"kind": "canary"})
    assert [stage.shares for stage in made.stages] == [(), *((("8", w),) for w in (0.01, 0.05, 0.25, 0.5))]
    assert [stage.ends for stage in made.stages] == [Ends.PAIRED, *[Ends.CLEAN] * 3, Ends.PROMOTABLE]
    assert read({"kind": "canary", "shadow": False}).stages == made.stages[1:]


def test_everything_that_can_be_said_is_read():
    made = read(
        {
            "kind": "ab_test",
            "against": [9],
            "mode": "propose",
            "goal": "decide",
            "delta": 0.01,
            "expires_after": "7d",
            "start_at": "2026-12-01T06:00:00+00:00",
            "metrics": [
                {"name": "errors", "margin": 0.2, "limit": 0.05},
                {"name": "bought", "direction": "higher", "weight": 3, "action": "tell"},
                {"name": "score", "kind": "bounded", "low": -1, "high": 1, "margin": 0.1},
            ],
            "stages": [
                {"kind": "shadow", "pair": 0.5},
                {
                    "kind": "split",
                    "shares": {"8": 0.2, 9: 0.2},
                    "min": "10m",
                    "max": "1.5h",
                    "metrics": ["bought"],
                },
            ],
        }
    )
    shadow, split = made.stages
    assert (made.challengers, made.mode, made.goal, made.delta) == (
        ("8", "9"),
        Mode.PROPOSE,
        Goal.DECIDE,
        0.01,
    )
    assert (made.expires_seconds, made.start_at) == (7 * 86_400, 1_796_104_800)
    assert (shadow.pair, shadow.ends, shadow.shares) == (0.5, Ends.PAIRED, ())
    assert (split.shares, split.most_seconds, split.metrics) == ((("8", 0.2), ("9", 0.2)), 5400, ("bought",))
    errors, bought, score = made.metrics[0], *made.metrics[4:]
    assert (errors.margin, errors.limit, errors.guardrail) == (0.2, 0.05, True)
    assert (bought.weight, bought.action) == (3, Action.TELL)
    assert (score.kind, score.low, score.relative, score.margin) == (MetricKind.BOUNDED, -1, False, 0.1)


def test_a_trial_names_its_units_and_serves_one_version_alone():
    stages = [{"kind": "trial", "units": ["ana", "ben"], "min": "90s"}]
    (trial,) = read({"kind": "canary", "stages": stages}).stages
    assert (trial.units, trial.least_seconds, trial.ends) == (("ana", "ben"), 90, Ends.PERSON)
    kept = read({"kind": "single", "stages": [{"kind": "trial", "units": 3}]}).stages[0]
    assert (kept.units, kept.named) == ((), 3), "of a strategy that is kept"
    with pytest.raises(BadInput, match="A trial serves one version") as refused:
        read({"kind": "ab_test", "against": [9], "stages": stages})
    assert refused.value.facts["field"] == "strategy.against"


def test_shares_and_holdback_reach_the_presets():
    assert read({"kind": "ab_test", "shares": {"8": 0.3}}).stages[-1].shares == (("8", 0.3),)
    assert read({"kind": "ab_test"}).stages[-1].shares == (("8", 0.5),)
    assert read({"kind": "blue_green", "holdback": 0.01}).stages[-1].shares == (("8", 0.99),)


def catalogued(**metrics):
    return parse_policy({"metrics": metrics}).metrics


STARS = {"kind": "bounded", "direction": "higher", "low": 1, "high": 5, "default": 2, "window_hours": 48}


def test_the_policy_s_metrics_come_with_every_rollout():
    found = catalogued(stars={**STARS, "margin": 0.2}, errors={"margin": 0.8, "action": "hold"})
    made = read({"kind": "canary", "metrics": [{"name": "own", "kind": "real"}]}, catalogue=found)
    assert [metric.name for metric in made.metrics] == [*(m.name for m in GUARDRAILS), "stars", "own"]
    errors, stars = made.metrics[0], made.metrics[4]
    assert (errors.margin, errors.action, errors.guardrail, errors.own) == (0.8, Action.HOLD, True, True)
    assert (stars.range, stars.default, stars.window_hours, stars.relative) == ((1, 5), 2, 48, False)
    assert (stars.action, stars.guardrail) == (Action.HOLD, False)


def test_a_strategy_is_stricter_than_the_policy_and_no_less():
    found = catalogued(stars={**STARS, "margin": 0.2}, errors={"margin": 0.8})
    stricter = [{"name": "stars", "margin": 0.1, "action": "roll_back"}, {"name": "errors", "margin": 0.7}]
    made = read({"kind": "canary", "metrics": stricter}, catalogue=found)
    assert [(m.margin, m.action) for m in (made.metrics[4], made.metrics[0])] == [
        (0.1, Action.ROLL_BACK),
        (0.7, Action.ROLL_BACK),
    ]
    for change, field, sentence in (
        ({"margin": 0.3}, "margin", "stars is in the policy: its margin is at most 0.2."),
        ({"action": "tell"}, "action", "stars is in the policy: write at least hold."),
        ({"high": 50}, "high", "stars is in the policy: its high stands"),
        ({"window_hours": 1}, "window_hours", "its window_hours stands"),
    ):
        with pytest.raises(BadInput, match=sentence) as refused:
            read({"kind": "canary", "metrics": [{"name": "stars", **change}]}, catalogue=found)
        assert refused.value.facts["field"] == f"strategy.metrics[0].{field}"


def test_a_bandit_follows_the_reward_else_the_first_metric_of_its_own():
    found = catalogued(stars=STARS, reward={"kind": "bounded", "direction": "higher", "window_hours": 2})
    assert read({"kind": "bandit"}, catalogue=found).play.reward == "reward"
    assert read({"kind": "bandit"}, catalogue=found).play.resolution.window_hours == 2
    made = read({"kind": "bandit"}, catalogue=catalogued(stars=STARS))
    assert (made.play.reward, made.play.resolution.default) == ("stars", 2)
    assert read({"kind": "bandit"}).play.reward == "reward"


def test_the_policy_says_whether_a_person_is_asked():
    assert read({"kind": "canary"}, mode=Mode.PROPOSE).mode is Mode.PROPOSE
    assert read({"kind": "canary", "mode": "auto"}, mode=Mode.PROPOSE).mode is Mode.PROPOSE


def test_the_first_version_is_released_alone():
    assert read({"kind": "single"}, baseline="").arms == ("8",)


def split(*shares, **more):
    return {"stages": [{"kind": "split", "share": share, **more} for share in shares]}


LOOKS = {"play": {"features": [{"name": "age", "cuts": [30]}]}}


def metric(*values):
    return {"kind": "canary", "metrics": list(values)}


def stage(*values):
    return {"kind": "canary", "stages": list(values)}


REFUSED = [
    ("canary", "", "as an object"),
    ({}, "kind", "is missing: write single or shadow"),
    ({"kind": "rolling"}, "kind", "is 'rolling': write single"),
    ({"kind": "canary", "shadw": False}, "shadw", "did you mean 'shadow'"),
    ({"kind": "canary", "colour": 1}, "colour", "it has against,"),
    ({"kind": "canary", "shadow": "no"}, "shadow", "true or false, not 'no'"),
    ({"kind": "canary", "pair": 2}, "pair", "write 0 to 1"),
    ({"kind": "canary", "pair": True}, "pair", "as a number"),
    ({"kind": "canary", "against": [9]}, "against", "takes one version"),
    ({"kind": "ab_test", "against": ["x"]}, "against", "by their number"),
    ({"kind": "ab_test", "against": [True]}, "against", "by their number"),
    ({"kind": "ab_test", "against": [7]}, "against", "other versions than 8"),
    ({"kind": "ab_test", "against": list(range(10, 29))}, "against", "At most 19"),
    ({"kind": "ab_test", "against": 9}, "against", "as a list"),
    ({"kind": "ab_test", "shares": [0.5]}, "shares", 'such as {"8": 0.2}'),
    ({"kind": "ab_test", "shares": {"5": 0.5}}, "shares", "Version 5 is not among"),
    ({"kind": "ab_test", "shares": {"8": 1.5}}, "shares.8", "write 0 to 1"),
    ({"kind": "ab_test", "against": [9], "shares": {"8": 0.7, "9": 0.7}}, "shares", "more than 1"),
    ({"kind": "canary", "expires_after": "21"}, "expires_after", 'such as "10m"'),
    ({"kind": "canary", "expires_after": "0d"}, "expires_after", "more than nothing"),
    ({"kind": "canary", "start_at": "soon"}, "start_at", "not 'soon'"),
    ({"kind": "canary", "start_at": "2026-12-01T06:00:00"}, "start_at", "with its zone"),
    ({"kind": "canary", "start_at": "0001-01-01T00:00:00+23:59"}, "start_at", "such as 2026"),
    (metric({}), "metrics[0].name", "a name of its own"),
    (metric({"name": "<b>"}), "metrics[0].name", "such as conversion"),
    (metric({"name": "x" * 41}), "metrics[0].name", "such as conversion"),
    (metric(*[{"name": f"m{n}"} for n in range(21)]), "metrics", "at most 20"),
    (metric({"name": "a"}, {"name": "a"}), "metrics[1].name", "of its own"),
    (metric({"name": "errors", "kind": "real"}), "metrics[0].kind", "guardrail"),
    (metric({"name": "errors", "action": "tell"}), "metrics[0].action", "at least"),
    (metric({"name": "errors", "margin": 9}), "metrics[0].margin", "at most 0.5"),
    (metric({"name": "x", "kind": "latency"}), "metrics[0].kind", "every rollout"),
    (metric({"name": "x", "relative": False}), "metrics[0].relative", "relative"),
    (metric({"name": "x", "kind": "bounded", "low": 2}), "metrics[0].high", "above"),
    (metric({"name": "x", "kind": "bounded", "low": 2, "high": 5}), "metrics[0].default", "write 2 to 5"),
    (metric({"name": "x", "window_hours": -1}), "metrics[0].window_hours", "write 0 to 2160"),
    ({"kind": "canary", **split(0.5, min="2h", max="1h")}, "stages[0].max", "shorter than min"),
    ({"kind": "canary", **split(0.5, metrics=["x"])}, "stages[0].metrics", "No metric is called x"),
    ({"kind": "canary", **split(0.5, metrics=["errors", 1])}, "stages[0].metrics", "different names"),
    ({"kind": "canary", **split(0.5, 0.25)}, "stages[1].shares", "grow"),
    ({"kind": "canary", **split(0.5, shares={"8": 0.5})}, "stages[0].share", "Write shares"),
    ({"kind": "canary", **split(0.5, units=["ana"])}, "stages[0].units", "nothing but a trial"),
    (stage({"kind": "split"}), "stages[0].share", "which share"),
    (stage(*[{"kind": "shadow"}] * 21), "stages", "at most 20"),
    (stage({"kind": "trial"}), "stages[0].units", "names the units"),
    (stage({"kind": "shadow", "share": 0.1}), "stages[0].share", "leave share out"),
    (stage({"kind": "shadow", "pair": 0}), "stages[0].pair", "above 0"),
    ({"kind": "shadow", **split(0.5)}, "stages", "its own kind"),
    ({"kind": "canary", "list": "careful"}, "list", "in the policy of a model"),
    ({"kind": "bandit", "shares": {"8": 0.5}, **LOOKS}, "shares", "begin alike"),
    (stage({"kind": "trial", "units": ["u" * 1025]}), "stages[0].units", "at most 1,024 characters"),
    (
        stage({"kind": "trial", "units": [str(n) for n in range(100_001)]}),
        "stages[0].units",
        "100,000",
    ),
]


@pytest.mark.parametrize(("document", "field", "sentence"), REFUSED, ids=[field for _, field, _ in REFUSED])
def test_a_refusal_names_the_field_and_what_to_write(document, field, sentence):
    with pytest.raises(BadInput) as refused:
        read(document)
    assert refused.value.facts["field"] == f"strategy.{field}".rstrip(".")
    assert sentence in str(refused.value)


def test_nothing_can_be_compared_where_nothing_is_live():
    with pytest.raises(BadInput, match="write single"):
        read({"kind": "canary"}, baseline="")
