"""A strategy's document: the name alone is enough, and every refusal names its field and what to write."""

from __future__ import annotations

import pytest

from registry.errors import BadInput
from releases.rollout.design import Ends, Goal, Kind, Mode, StageKind
from releases.rollout.document import parse
from releases.rollout.metrics import GUARDRAILS, Action, MetricKind
from releases.rollout.strategies import STRATEGIES


def read(document, **changes):
    return parse(document, **{"challenger": "8", "baseline": "7", **changes})


@pytest.mark.parametrize("kind", sorted(STRATEGIES))
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
                {"kind": "trial", "units": ["ana", "ben"], "min": "90s"},
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
    trial, shadow, split = made.stages
    assert (made.challengers, made.mode, made.goal, made.delta) == (
        ("8", "9"),
        Mode.PROPOSE,
        Goal.DECIDE,
        0.01,
    )
    assert (made.expires_seconds, made.start_at) == (7 * 86_400, 1_796_104_800)
    assert (trial.units, trial.least_seconds, trial.ends) == (("ana", "ben"), 90, Ends.PERSON)
    assert (shadow.pair, shadow.ends, shadow.shares) == (0.5, Ends.PAIRED, ())
    assert (split.shares, split.most_seconds, split.metrics) == ((("8", 0.2), ("9", 0.2)), 5400, ("bought",))
    errors, bought, score = made.metrics[0], *made.metrics[4:]
    assert (errors.margin, errors.limit, errors.guardrail) == (0.2, 0.05, True)
    assert (bought.weight, bought.action) == (3, Action.TELL)
    assert (score.kind, score.low, score.relative, score.margin) == (MetricKind.BOUNDED, -1, False, 0.1)


def test_shares_and_holdback_reach_the_presets():
    assert read({"kind": "ab_test", "shares": {"8": 0.3}}).stages[-1].shares == (("8", 0.3),)
    assert read({"kind": "ab_test"}).stages[-1].shares == (("8", 0.5),)
    assert read({"kind": "blue_green", "holdback": 0.01}).stages[-1].shares == (("8", 0.99),)


def test_the_policy_says_whether_a_person_is_asked():
    assert read({"kind": "canary"}, mode=Mode.PROPOSE).mode is Mode.PROPOSE
    assert read({"kind": "canary", "mode": "auto"}, mode=Mode.PROPOSE).mode is Mode.AUTO


def test_the_first_version_is_released_alone():
    assert read({"kind": "single"}, baseline="").arms == ("8",)


def split(*shares, **more):
    return {"stages": [{"kind": "split", "share": share, **more} for share in shares]}


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
    ({"kind": "ab_test", "against": list(range(10, 40))}, "against", "At most 20"),
    ({"kind": "ab_test", "against": 9}, "against", "as a list"),
    ({"kind": "ab_test", "shares": [0.5]}, "shares", 'such as {"8": 0.2}'),
    ({"kind": "ab_test", "shares": {"5": 0.5}}, "shares", "Version 5 is not among"),
    ({"kind": "ab_test", "shares": {"8": 1.5}}, "shares.8", "write 0 to 1"),
    ({"kind": "ab_test", "against": [9], "shares": {"8": 0.7, "9": 0.7}}, "shares", "more than 1"),
    ({"kind": "canary", "expires_after": "21"}, "expires_after", 'such as "10m"'),
    ({"kind": "canary", "expires_after": "0d"}, "expires_after", "more than nothing"),
    ({"kind": "canary", "start_at": "soon"}, "start_at", "not 'soon'"),
    ({"kind": "canary", "start_at": "2026-12-01T06:00:00"}, "start_at", "with its zone"),
    (metric({}), "metrics[0].name", "a name of its own"),
    (metric({"name": "a"}, {"name": "a"}), "metrics[1].name", "of its own"),
    (metric({"name": "errors", "kind": "real"}), "metrics[0].kind", "guardrail"),
    (metric({"name": "errors", "action": "tell"}), "metrics[0].action", "at least"),
    (metric({"name": "errors", "margin": 9}), "metrics[0].margin", "at most 0.5"),
    (metric({"name": "x", "kind": "latency"}), "metrics[0].kind", "every rollout"),
    (metric({"name": "x", "relative": False}), "metrics[0].relative", "relative"),
    (metric({"name": "x", "kind": "bounded", "low": 2}), "metrics[0].high", "above"),
    ({"kind": "canary", **split(0.5, min="2h", max="1h")}, "stages[0].max", "shorter than min"),
    ({"kind": "canary", **split(0.5, metrics=["x"])}, "stages[0].metrics", "No metric is called x"),
    ({"kind": "canary", **split(0.5, metrics=["errors", 1])}, "stages[0].metrics", "different names"),
    ({"kind": "canary", **split(0.5, 0.25)}, "stages[1].shares", "grow"),
    ({"kind": "canary", **split(0.5, shares={"8": 0.5})}, "stages[0].share", "Write shares"),
    ({"kind": "canary", **split(0.5, units=["ana"])}, "stages[0].units", "nothing but a trial"),
    (stage({"kind": "split"}), "stages[0].share", "which share"),
    (stage({"kind": "trial"}), "stages[0].units", "names the units"),
    (stage({"kind": "shadow", "share": 0.1}), "stages[0].share", "leave share out"),
    (stage({"kind": "shadow", "pair": 0}), "stages[0].pair", "above 0"),
    ({"kind": "shadow", **split(0.5)}, "stages", "its own kind"),
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
