from __future__ import annotations

import base64
import json
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from formats.documents import Hex
from formats.plan import (
    MOST_NAMED,
    RENDEZVOUS,
    WHOLE,
    Arm,
    ArtifactRef,
    BadPlan,
    ModelPlan,
    PlannedRollout,
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
from formats.serving import MOST_CACHE_MB, Serving
from formats.types import Signature, TensorSpec
from scoring.routing import chooser

BEFORE = (Path(__file__).parents[2] / "data/plan_of_the_release_before.json").read_text()
SIGNATURE = Signature((TensorSpec("x", "FP32", (-1, 2)),), (TensorSpec("y", "FP32", (-1, 1)),))


def version(number, **more):
    return PlannedVersion(number, "cd" * 32, ArtifactRef("ab" * 32, 10), SIGNATURE, **more)


def plan(**more):
    model = ModelPlan(
        revision=5,
        salt=Hex(bytes(16)),
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
        (lambda d: {k: v for k, v in d.items() if k != "format"}, "malformed"),
        (lambda d: d | {"models": []}, "malformed"),
        (lambda d: d | {"sequence": "412"}, "sequence"),
        (lambda d: d | {"issued_at": float("nan")}, "malformed"),
        (lambda d: d | {"environment": "half \ud800"}, "malformed"),
        (lambda d: d | {"public": 1}, "public"),
        (lambda d: _version(d, number=3), "another number"),
        (lambda d: _version(d, digest="../../etc"), "digest"),
        (lambda d: _version(d, model={"sha256": "ab" * 32 + "\n", "size": 1}), "sha256"),
        (lambda d: _version(d, model={"sha256": "ab" * 32, "size": -1}), "size"),
        (lambda d: _version(d, weights={"../x": {"sha256": "ab" * 32, "size": 1}}), "malformed"),
        (lambda d: _version(d, serving={"cache_mb": MOST_CACHE_MB + 1}), "cache_mb"),
        (lambda d: _version(d, serving={"log_share": 1.5}), "log_share"),
        (lambda d: _version(d, serving=[]), "serving"),
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
        (lambda d: _rollout(d, pair=1.5), "pair share"),
        (lambda d: _rollout(d, even=-0.1), "even share"),
        (lambda d: _rollout(d, even=float("nan")), "malformed"),
        (lambda d: _rollout(d, trial="AAAA"), "8 bytes"),
        (lambda d: _rollout(d, trial="AAAAAAAAAA=\n"), "8 bytes"),
        (lambda d: _rollout(d, trial=base64.b64encode(bytes(8 * MOST_NAMED + 8)).decode()), "100,000"),
        (lambda d: _rollout(d, trial="AAAAAAAAAAA="), "has all the weight"),
        (lambda d: _rollout(d, trial="AAAAAAAAAAA=", challengers=[4]), "not among the arms"),
    ],
)
def test_a_plan_that_would_mislead_traffic_is_refused(change, words):
    with pytest.raises(BadPlan, match=words):
        parse(json.dumps(change(plan().to_json())))


def _version(document, **facts):
    document["models"]["digits"]["versions"]["2"] |= facts
    return document


def _arms(document, arms):
    document["models"]["digits"]["arms"] = arms
    return document


def _rollout(document, **facts):
    document["models"]["digits"]["rollout"] = {"id": 1, "baseline": 2, "challengers": [3], **facts}
    return document


@pytest.mark.parametrize("read", [parse, unsigned, lambda text: verify(text, {})])
def test_a_plan_beyond_all_measure_is_not_even_read(read, monkeypatch):
    monkeypatch.setattr("formats.plan.MOST_BYTES", 9)
    with pytest.raises(BadPlan, match="10 bytes, this node reads 9 at most"):
        read("x" * 10)


# --- between two releases that run at once: docs/scoring.md says what is promised -----------------


def _contains(whole, part):
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(k in whole and _contains(whole[k], v) for k, v in part.items())
    return whole == part and type(whole) is type(part)


def test_a_plan_of_the_release_before_is_read_as_it_was_meant():
    digits = parse(BEFORE).models["digits"]
    meant = {
        2: (True, Serving(cache_mb=64, log_share=0.25)),
        3: (False, Serving(prepack=False)),
        10: (False, Serving()),
    }

    assert {n: (v.batchable, v.serving) for n, v in digits.versions.items()} == meant
    assert [v.number for v in digits.versions.values()] == list(digits.versions)
    assert digits.versions[2].batching
    assert (digits.salt, digits.hashing, digits.mirrors, digits.fallback) == (
        bytes(range(16)),
        RENDEZVOUS,
        (2,),
        2,
    )


def test_whatever_the_release_before_finds_in_its_own_plan_it_finds_in_ours():
    assert _contains(json.loads(serialise(parse(BEFORE))), json.loads(BEFORE))


def test_a_stored_entry_of_the_release_before_is_read_and_written_back_for_both():
    stored = json.loads(BEFORE)["models"]["digits"]

    entry = ModelPlan.from_json(stored)

    assert _contains(entry.to_json(), stored)
    assert ModelPlan.from_json(entry.to_json()) == entry


@pytest.mark.parametrize(("wish", "proof"), [(True, False), (False, True), (False, False), (True, True)])
def test_nodes_of_the_release_before_join_requests_only_where_policy_and_proof_allow_it(wish, proof):
    made = version(2, batchable=proof, serving=Serving(batching=wish))
    told = ModelPlan(1, Hex(b""), (), {2: made}).to_json()["versions"]["2"]

    assert told["batching"] is (wish and proof) is made.batching


def test_who_does_not_know_which_units_are_named_or_play_evenly_goes_by_the_weights():
    """As a node of the release before: what it does not know it leaves alone, and reads the rest."""
    known = {name for name in PlannedRollout.__struct_fields__ if name not in ("even", "trial")}
    told = _rollout(plan().to_json(), trial="AAAAAAAAAAA=", even=0.05)["models"]["digits"]
    told["arms"] = [
        {"version": 3, "weight": 0, "reason": "trial"},
        {"version": 2, "weight": WHOLE, "reason": "champion"},
    ]
    read = msgspec.convert(
        told["rollout"], msgspec.defstruct("Before", sorted(known & told["rollout"].keys()))
    )

    assert (read.id, read.baseline, read.challengers) == (1, 2, [3])
    entry = ModelPlan.from_json({**told, "rollout": msgspec.to_builtins(read)})
    assert (entry.rollout.trial, entry.rollout.even) == ("", 0.0)
    assert {chooser(entry)(hashed) for hashed in (0, 1, 1 << 63, (1 << 64) - 1)} == {1}
    assert chooser(ModelPlan.from_json(told))(0) == 0


def test_a_switch_that_only_a_later_release_has_is_left_to_it():
    document = _version(plan().to_json(), serving={"prepack": False, "warm_rows": 7}, later={"a": 1})

    assert parse(json.dumps(document)).models["digits"].versions[2].serving == Serving(prepack=False)
