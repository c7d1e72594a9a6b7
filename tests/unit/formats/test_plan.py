from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from formats.plan import (
    WHOLE,
    Arm,
    ArtifactRef,
    BadPlan,
    ModelPlan,
    PlannedToken,
    PlannedVersion,
    RoutingPlan,
    key_id,
    parse,
    serialise,
    sign,
    unsigned,
    verify,
)
from formats.types import Signature, TensorSpec

SIGNATURE = Signature((TensorSpec("x", "FP32", (-1, 2)),), (TensorSpec("y", "FP32", (-1, 1)),))


def version(number, **more):
    return PlannedVersion(number, "cd" * 32, ArtifactRef("ab" * 32, 10), SIGNATURE, **more)


def plan(**more):
    model = ModelPlan(
        revision=5,
        salt=bytes(16),
        arms=(Arm(3, WHOLE // 20, "canary:0.05"), Arm(2, WHOLE - WHOLE // 20, "champion")),
        versions={
            2: version(2),
            3: version(3, answers=ArtifactRef("ef" * 32, 3)),
            4: version(4, staged=True),
        },
    )
    token = PlannedToken("k3f9", "00" * 32, frozenset({"score"}), frozenset({"*"}), expires=1.5)
    return RoutingPlan("production", 412, 1790000000.1, {"digits": model}, (token,), **more)


@pytest.fixture(scope="module")
def key():
    return Ed25519PrivateKey.generate()


def test_a_plan_survives_the_way_through_its_payload():
    assert parse(serialise(plan(public=True))) == plan(public=True)


def test_the_payload_is_canonical():
    payload = serialise(plan())

    assert payload == json.dumps(json.loads(payload), sort_keys=True, separators=(",", ":"))


def test_a_signed_plan_is_accepted_by_who_trusts_the_key(key):
    envelope = sign(serialise(plan()), key)
    public = key.public_key()

    assert parse(verify(envelope, {key_id(public): public})) == plan()
    assert parse(unsigned(envelope)) == plan()


def test_a_stranger_and_a_changed_payload_are_refused(key):
    public = key.public_key()
    trusted = {key_id(public): public}
    envelope = json.loads(sign(serialise(plan()), key))

    with pytest.raises(BadPlan, match="does not trust"):
        verify(sign(serialise(plan()), Ed25519PrivateKey.generate()), trusted)
    with pytest.raises(BadPlan, match="does not match"):
        verify(json.dumps(envelope | {"payload": envelope["payload"].replace("412", "413")}), trusted)
    with pytest.raises(BadPlan, match="malformed"):
        verify(json.dumps(envelope | {"signature": "no base64!"}), trusted)


@pytest.mark.parametrize("envelope", ["", "[]", "{}", '{"payload": 1}', "nonsense"])
def test_what_is_no_envelope_is_refused(envelope):
    with pytest.raises(BadPlan, match="envelope"):
        unsigned(envelope)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d | {"format": 2}, "format 2"),
        (lambda d: {k: v for k, v in d.items() if k != "sequence"}, "malformed"),
        (lambda d: d | {"models": []}, "malformed"),
        (lambda d: _arms(d, [{"version": 2, "weight": WHOLE - 1, "reason": "champion"}]), "2\\*\\*53"),
        (lambda d: _arms(d, [{"version": 4, "weight": WHOLE, "reason": "champion"}]), "version 4"),
        (lambda d: _arms(d, [{"version": 9, "weight": WHOLE, "reason": "champion"}]), "version 9"),
        (
            lambda d: _arms(
                d,
                [
                    {"version": 2, "weight": WHOLE + 1, "reason": "a"},
                    {"version": 3, "weight": -1, "reason": "b"},
                ],
            ),
            "negative",
        ),
    ],
)
def test_a_plan_that_would_mislead_traffic_is_refused(change, words):
    with pytest.raises(BadPlan, match=words):
        parse(json.dumps(change(plan().to_json())))


def _arms(document, arms):
    document["models"]["digits"]["arms"] = arms
    return document
