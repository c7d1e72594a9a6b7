from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from formats.plan import INTERVAL, RENDEZVOUS, WHOLE, Arm, ArtifactRef, ModelPlan
from formats.serving import Serving
from formats.types import Signature
from releases import plans

SIGNATURE = {
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
    "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 1]}],
}


def version(number):
    return plans.planned_version(
        number=number,
        digest=f"{number:064x}",
        files={"model": ArtifactRef("a" * 64, 10)},
        signature=SIGNATURE,
        rows="samples",
        batchable=False,
        serving=Serving(),
        answers=None,
    )


@pytest.fixture
def live() -> ModelPlan:
    """Version 1 answers everybody."""
    first = plans.prepared(None, version(1), revision=1, salt=bytes(16))
    return plans.opened_to_all(plans.committed_closed(first, 1, revision=2), 1, revision=3)


def served(entry):
    return {arm.version: arm.weight for arm in entry.arms}


def addressable(entry):
    return {number for number, v in entry.versions.items() if not v.staged}


def test_preparing_changes_nothing_for_clients(live):
    entry = plans.prepared(live, version(2), revision=4, salt=bytes(16))
    assert served(entry) == {1: WHOLE}
    assert addressable(entry) == {1}
    assert entry.versions[2].staged


def test_committing_closed_makes_the_version_answer_by_name_and_to_no_client(live):
    prepared = plans.prepared(live, version(2), revision=4, salt=bytes(16))
    entry = plans.committed_closed(prepared, 2, revision=5)
    assert served(entry) == {1: WHOLE}
    assert addressable(entry) == {1, 2}


def test_opening_moves_all_traffic_and_keeps_the_old_version_warm(live):
    prepared = plans.prepared(live, version(2), revision=4, salt=bytes(16))
    entry = plans.opened_to_all(plans.committed_closed(prepared, 2, revision=5), 2, revision=6)
    assert served(entry) == {2: WHOLE}
    assert addressable(entry) == {2}
    assert set(entry.versions) == {1, 2}
    assert (live.fallback, entry.fallback) == (None, 1)


def test_the_fallback_is_what_answered_most_and_never_the_new_version_itself(live):
    both = plans.committed_closed(plans.prepared(live, version(2), revision=4, salt=b""), 2, revision=5)
    arms = (Arm(2, WHOLE // 4, "canary:0.25"), Arm(1, WHOLE - WHOLE // 4, "champion"))
    split = replace(both, arms=arms)

    assert plans.opened_to_all(split, 2, revision=6).fallback == 1
    three = plans.committed_closed(plans.prepared(split, version(3), revision=6, salt=b""), 3, revision=7)
    assert plans.opened_to_all(three, 3, revision=8).fallback == 1


def test_a_fallback_goes_with_the_version_that_it_stood_behind(live):
    both = plans.committed_closed(plans.prepared(live, version(2), revision=4, salt=b""), 2, revision=5)
    entry = plans.opened_to_all(both, 2, revision=6)

    assert plans.returned_to(version(1), entry, revision=7).fallback is None
    assert plans.taken_offline(entry, revision=7).fallback is None
    assert plans.reverted(None, entry, revision=7).fallback is None


def test_reverting_brings_back_what_answered_before_under_a_higher_revision(live):
    prepared = plans.prepared(live, version(2), revision=4, salt=bytes(16))
    entry = plans.reverted(live, prepared, revision=7)
    assert served(entry) == served(live)
    assert set(entry.versions) == set(live.versions)
    assert entry.revision == 7


def test_reverting_a_first_release_leaves_nothing():
    prepared = plans.prepared(None, version(1), revision=1, salt=bytes(16))
    entry = plans.reverted(None, prepared, revision=2)
    assert entry.arms == ()
    assert not entry.versions


def test_a_rollback_serves_the_earlier_version_alone(live):
    entry = plans.returned_to(version(0), live, revision=9)
    assert served(entry) == {0: WHOLE}
    assert set(entry.versions) == {0}


def test_every_entry_survives_its_json_form(live):
    both = plans.committed_closed(plans.prepared(live, version(2), revision=4, salt=b""), 2, revision=5)
    for entry in (live, both, plans.opened_to_all(both, 2, revision=6)):
        assert ModelPlan.from_json(entry.to_json()) == entry


def test_what_the_manifest_calls_sensitive_travels_with_the_signature():
    spec = {"datatype": "FP32", "shape": [-1, 2], "features": [], "optional": False}
    signature = {"inputs": [{"name": n, **spec} for n in "abcd"], "outputs": [{"name": "a", **spec}]}
    facts = {"a": {"sensitive": True}, "b": {"sensitive": "hash"}, "c": {"sensitive": False}}
    told = plans.with_sensitivity(signature, {"signature": {"inputs": facts}})

    found = Signature.from_json(told)
    assert [each.sensitive for each in found.inputs] == ["omit", "hash", "", ""]
    assert [each.sensitive for each in found.outputs] == [""]
    assert Signature.from_json(found.to_json()) == found
    assert plans.with_sensitivity(signature, {})["inputs"][0]["sensitive"] == ""


def test_shares_are_parts_of_the_whole():
    entry = plans.routing(
        revision=1,
        salt=bytes(16),
        arms=[Arm(1, WHOLE // 4, "canary:0.25"), Arm(2, WHOLE - WHOLE // 4, "champion")],
        mirrors=(),
        hashing=INTERVAL,
        by_name=(),
        loaded={1: version(1), 2: version(2)},
        fallback=None,
    )
    assert plans.shares(entry) == {1: 0.25, 2: 0.75}


@st.composite
def entries(draw: st.DrawFn) -> ModelPlan:
    """Whatever may stand: arms with shares, mirrors among them or not, versions that are warm, a fallback."""
    numbers = draw(st.lists(st.integers(1, 6), unique=True))
    some = st.lists(st.sampled_from(numbers), unique=True) if numbers else st.just([])
    armed = draw(some)
    cuts = sorted(draw(st.integers(0, WHOLE)) for _ in armed[1:])
    weights = [upper - lower for lower, upper in pairwise([0, *cuts, WHOLE])]
    return plans.routing(
        revision=7,
        salt=bytes(16),
        arms=[Arm(number, weight, "some") for number, weight in zip(armed, weights, strict=False)],
        mirrors=draw(some),
        hashing=draw(st.sampled_from([INTERVAL, RENDEZVOUS])),
        by_name=draw(some),
        loaded={number: version(number) for number in numbers},
        fallback=draw(st.sampled_from([None, *numbers])),
    )


def is_one_version_alone(entry, number):
    return (
        served(entry) == {number: WHOLE}
        and addressable(entry) == {number}
        and (entry.mirrors, entry.hashing) == ((), INTERVAL)
        and ModelPlan.from_json(entry.to_json()) == entry
    )


@given(entries(), st.integers(1, 7))
def test_returning_works_from_wherever_one_is_and_leaves_nothing_behind(entry, number):
    back = plans.returned_to(version(number), entry, revision=8)
    assert is_one_version_alone(back, number)
    assert (set(back.versions), back.fallback) == ({number}, None)
    assert plans.taken_offline(entry, revision=8) == plans.nothing(revision=8, salt=entry.salt)


@given(entries(), st.integers(1, 7))
def test_a_release_goes_through_from_wherever_one_is(entry, number):
    prepared = plans.prepared(entry, version(number), revision=8, salt=bytes(16))
    assert (prepared.arms, prepared.mirrors, prepared.hashing) == (entry.arms, entry.mirrors, entry.hashing)
    assert addressable(prepared) - {number} == addressable(entry) - {number}
    asked = {*served(entry), *entry.mirrors}
    assert (number in addressable(prepared)) == (number in asked)

    closed = plans.committed_closed(prepared, number, revision=9)
    assert closed.arms == entry.arms
    assert addressable(closed) == addressable(entry) | {number}

    opened = plans.opened_to_all(closed, number, revision=10)
    assert is_one_version_alone(opened, number)
    assert set(opened.versions) == {number, *served(entry)}

    for turned in (prepared, closed, opened):
        assert plans.reverted(entry, turned, revision=11) == replace(entry, revision=11)
