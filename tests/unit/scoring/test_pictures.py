"""What a worker's picture says of a model while its versions are compared."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from formats.documents import Hex
from formats.plan import (
    WHOLE,
    Arm,
    ArtifactRef,
    ModelPlan,
    PlannedRollout,
    PlannedToken,
    PlannedVersion,
    RoutingPlan,
)
from formats.types import Signature, TensorSpec
from scoring.telemetry import Meters
from scoring.worker.mirrors import Mirrors
from scoring.worker.switch import Maker

X, WIDER = TensorSpec("x", "FP32", (-1, 2)), TensorSpec("x", "FP32", (-1, 3))
Y = TensorSpec("y", "FP32", (-1, 1), tolerance=None)
HALVES = (Arm(2, WHOLE // 2, "canary:0.5"), Arm(1, WHOLE // 2, "champion"))
PATH = b"/v2/models/m/infer"


def version(number, spec=X):
    ref = ArtifactRef("0" * 64, 1)
    return PlannedVersion(number, f"{number}" * 64, ref, Signature((spec,), (Y,)))


def picture(*, arms=HALVES, mirrors=(), second=X, broken=None, pairs="pairs", fallback=None, **rollout):
    versions = {1: version(1), 2: version(2, second)}
    told = PlannedRollout(**{"id": 9, "baseline": 1, "challengers": (2,), **rollout}) if rollout else None
    entry = ModelPlan(5, Hex(b"salt"), arms, versions, mirrors=mirrors, fallback=fallback, rollout=told)
    loaded = {
        key: SimpleNamespace(number=number, signature=versions[number].signature, follow=lambda planned: None)
        for number, key in entry.keys("m").items()
    }
    keys = entry.keys("m")
    maker = Maker(loaded, bytes(32), Meters(), Mirrors(1), pairs=pairs)
    given_up = {keys[broken]: "it killed"} if broken else {}
    fallbacks = [keys[fallback]] if fallback else []
    plan = RoutingPlan("production", 1, 0.0, {"m": entry})
    return maker, maker.picture(plan, broken=given_up, fallbacks=fallbacks)


def targets(**more):
    return picture(**more)[1].endpoints[PATH].targets


def test_each_arm_is_listened_to_and_asks_the_others():
    second, first = targets(pair=0.5, mirrors=(1, 2))
    assert second.told
    assert first.told
    pairing = first.witness._pairing
    assert (pairing.version, pairing.baseline, pairing.most) == (1, 1, WHOLE // 2)
    assert list(pairing.comparisons) == [2]
    assert {number: mirror.alike for number, mirror in pairing.mirrors.items()} == {1: True, 2: True}
    assert all(mirror.target.told and mirror.target.arm == "mirror" for mirror in pairing.mirrors.values())
    assert second.witness._pairing.version == 2


def test_a_version_that_takes_other_tensors_reads_for_itself():
    second, first = targets(pair=1.0, mirrors=(1, 2), second=WIDER)
    assert not first.witness._pairing.mirrors[2].alike
    assert not second.witness._pairing.mirrors[1].alike


def test_what_the_plan_mirrors_while_versions_are_compared_is_asked_by_draw_alone():
    _, made = picture(pair=1.0, mirrors=(2,), arms=(Arm(1, WHOLE, "champion"),))
    assert made.endpoints[PATH].mirrors == []
    _, made = picture(mirrors=(2,), arms=(Arm(1, WHOLE, "champion"),))
    assert [mirror.target.version.number for mirror in made.endpoints[PATH].mirrors] == [2]


def test_an_arm_that_another_version_answers_for_is_told_of_and_asks_nobody():
    second, first = targets(pair=1.0, mirrors=(1, 2), broken=2, fallback=1)
    assert (second.version.number, second.told, second.witness.pairs) == (1, False, False)
    assert (first.told, first.witness.pairs) == (True, True)


@pytest.mark.parametrize(
    "more",
    [
        {"counted": False},
        {"counted": False, "pair": 1.0},
        {"counted": False, "pair": 1.0, "mirrors": (1,), "arms": (Arm(1, WHOLE, "champion"),)},
        {"counted": False, "pair": 1.0, "mirrors": (2,), "arms": (Arm(2, WHOLE, "champion"),)},
        {"counted": False, "pair": 1.0, "mirrors": (1, 2), "pairs": None},
        {},
    ],
)
def test_where_nothing_is_compared_nobody_listens(more):
    assert [
        (target.witness, target.told) for target in targets(**more) if target.witness or target.told
    ] == []


def test_our_own_calls_and_calls_by_name_are_heard_by_nobody():
    _, made = picture(pair=1.0, mirrors=(1, 2))
    endpoint = made.endpoints[PATH]
    others = [*endpoint.internal, *made.endpoints[b"/v2/models/m/versions/2/infer"].targets]
    assert [(target.witness, target.told) for target in others] == [(None, False)] * 3


def test_what_was_said_of_a_rollout_is_forgotten_with_it():
    maker, _ = picture(pair=1.0, mirrors=(1, 2))
    assert maker.witnesses.known
    maker.picture(RoutingPlan("production", 2, 0.0, {}))
    assert maker.witnesses.known == {}


def two_models():
    """A picture of `m` and `n`, and what makes the next one."""
    versions = {number: version(number) for number in (1, 2)}
    entries = {name: ModelPlan(5, Hex(b"salt"), HALVES, versions) for name in "mn"}
    loaded = {
        key: SimpleNamespace(number=number, signature=versions[number].signature, follow=lambda planned: None)
        for name, entry in entries.items()
        for number, key in entry.keys(name).items()
    }
    maker = Maker(loaded, bytes(32), Meters(), Mirrors(1))
    token = PlannedToken("t", "0" * 64, frozenset({"score"}), frozenset({"*"}))
    return maker, maker.picture(RoutingPlan("production", 1, 0.0, entries, (token,)))


def test_a_model_that_changes_leaves_the_others_as_they_are():
    maker, before = two_models()
    fewer = ModelPlan(6, Hex(b"salt"), (Arm(1, WHOLE, "champion"),), {1: version(1)})
    after = maker.picture(RoutingPlan("production", 2, 0.0, {"m": fewer}), before=before, callers=False)

    others = [door for door, way in before.endpoints.items() if way.model == "n"]
    assert others
    assert all(after.endpoints[door] is before.endpoints[door] for door in others)
    assert after.models["n"] is before.models["n"]
    assert after.access is before.access
    assert len(after.endpoints[PATH].targets) == 1
    assert b"/v2/models/m/versions/2/infer" not in after.endpoints
    assert b"/v2/models/m/versions/2/infer" in before.endpoints, "a request under way has the one before"


def test_a_model_that_is_gone_leaves_no_door_and_one_that_waits_is_told_apart():
    maker, before = two_models()
    after = maker.picture(RoutingPlan("production", 2, 0.0, {}), before=before, gone=["m"], waiting=["w"])
    assert {way.model for way in after.endpoints.values()} == {"n"}
    assert after.models["w"].waiting
    assert after.access is not before.access

    assert set(maker.picture(RoutingPlan("production", 3, 0.0, {}), before=after).models) == {"n"}
