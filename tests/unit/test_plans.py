from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from formats.plan import INTERVAL, RENDEZVOUS, WHOLE, Arm, ArtifactRef, ModelPlan, PlannedRollout
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
    return plans.opened(to(None, 1), revision=3)


def to(before, number):
    """Where version `number` goes all at once."""
    return plans.opened_to_all(before, version(number), salt=b"r" * 16)


def closed(before, number):
    aim = to(before, number)
    return plans.committed_closed(plans.prepared(before, aim, revision=4), aim, revision=5)


def served(entry):
    return {arm.version: arm.weight for arm in entry.arms}


def addressable(entry):
    return {number for number, v in entry.versions.items() if not v.staged}


def test_preparing_changes_nothing_for_clients(live):
    entry = plans.prepared(live, to(live, 2), revision=4)
    assert served(entry) == {1: WHOLE}
    assert addressable(entry) == {1}
    assert entry.versions[2].staged


def test_committing_closed_makes_the_version_answer_by_name_and_to_no_client(live):
    entry = closed(live, 2)
    assert served(entry) == {1: WHOLE}
    assert addressable(entry) == {1, 2}


def test_opening_moves_all_traffic_and_keeps_the_old_version_warm(live):
    entry = plans.opened(to(live, 2), revision=6)
    assert served(entry) == {2: WHOLE}
    assert addressable(entry) == {2}
    assert set(entry.versions) == {1, 2}
    assert (live.fallback, entry.fallback) == (None, 1)


def test_the_salt_is_the_one_of_the_rollout_from_when_it_opens(live):
    before = replace(live, salt=b"b" * 16)
    assert closed(before, 2).salt == b"b" * 16
    assert plans.opened(to(before, 2), revision=6).salt == b"r" * 16


def test_the_fallback_is_what_answered_most_and_never_the_new_version_itself(live):
    arms = (Arm(2, WHOLE // 4, "canary:0.25"), Arm(1, WHOLE - WHOLE // 4, "champion"))
    split = replace(closed(live, 2), arms=arms)

    assert to(split, 2).fallback == 1
    assert to(split, 3).fallback == 1


def test_a_fallback_goes_with_the_version_that_it_stood_behind(live):
    entry = plans.opened(to(live, 2), revision=6)

    assert plans.returned_to(version(1), entry, revision=7).fallback is None
    assert plans.taken_offline(entry, revision=7).fallback is None
    assert plans.reverted(None, entry, revision=7).fallback is None


def test_reverting_brings_back_what_answered_before_under_a_higher_revision(live):
    entry = plans.reverted(live, plans.prepared(live, to(live, 2), revision=4), revision=7)
    assert served(entry) == served(live)
    assert set(entry.versions) == set(live.versions)
    assert entry.revision == 7


def test_reverting_a_first_release_leaves_nothing():
    entry = plans.reverted(None, plans.prepared(None, to(None, 1), revision=1), revision=2)
    assert entry.arms == ()
    assert not entry.versions


def test_a_rollback_serves_the_earlier_version_alone(live):
    entry = plans.returned_to(version(0), live, revision=9)
    assert served(entry) == {0: WHOLE}
    assert set(entry.versions) == {0}


def test_every_entry_survives_its_json_form(live):
    for entry in (live, closed(live, 2), plans.opened(to(live, 2), revision=6)):
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
        rollout=None,
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
        rollout=draw(st.none() | st.just(PlannedRollout(id=1, baseline=1, challengers=(2,), pair=0.5))),
    )


@st.composite
def stages(draw: st.DrawFn) -> ModelPlan:
    """A stage of a rollout of 2 beside 1: who has which share, and who is asked unseen."""
    share = draw(st.integers(0, WHOLE))
    return plans.shared_out(
        {1: version(1), 2: version(2)},
        [Arm(2, share, "canary:0.1"), Arm(1, WHOLE - share, "champion")],
        mirrors=draw(st.lists(st.sampled_from([1, 2]), unique=True)),
        rollout=PlannedRollout(id=3, baseline=1, challengers=(2,), pair=draw(st.floats(0, 1))),
        salt=b"salt",
    )


@given(entries(), stages(), stages())
def test_a_rollout_goes_from_stage_to_stage_and_back_to_what_answered_before_it(before, first, second):
    begun = goes_through(before, first)
    assert sum(served(begun).values()) == WHOLE
    assert (begun.fallback, begun.hashing) == (1, INTERVAL)
    fewer = plans.sampled(goes_through(begun, second), 3, revision=12)
    assert (fewer.rollout.sample, fewer.arms, fewer.mirrors) == (3, second.arms, second.mirrors)
    assert plans.reverted(before, fewer, revision=13) == replace(before, revision=13)


@given(stages())
def test_whatever_ends_a_rollout_leaves_no_mirror_and_tells_of_no_unit(entry):
    for over in (to(entry, 2), plans.returned_to(version(1), entry, revision=8)):
        assert (over.mirrors, over.rollout) == ((), None)
    assert plans.sampled(to(entry, 2), 3, revision=9).rollout is None


def is_one_version_alone(entry, number):
    return (
        served(entry) == {number: WHOLE}
        and entry.rollout is None
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
    opened = goes_through(entry, to(entry, number))
    assert is_one_version_alone(opened, number)
    assert set(opened.versions) == {number, *served(entry)}


@given(entries(), entries())
def test_any_entry_is_reached_from_any_other(entry, aim):
    assert goes_through(entry, aim) == replace(aim, revision=10)


def goes_through(entry, aim):
    """What every switch keeps to; where it ends."""
    prepared = plans.prepared(entry, aim, revision=8)
    assert (prepared.arms, prepared.mirrors, prepared.hashing) == (entry.arms, entry.mirrors, entry.hashing)
    assert set(prepared.versions) == {*entry.versions, *aim.versions}
    asked = {*served(entry), *entry.mirrors}
    new = set(aim.versions) - asked
    assert addressable(prepared) == addressable(entry) - new

    closed = plans.committed_closed(prepared, aim, revision=9)
    assert (closed.arms, closed.mirrors) == (entry.arms, entry.mirrors)
    assert addressable(closed) == (addressable(entry) - new) | addressable(aim)

    opened = plans.opened(aim, revision=10)
    for turned in (prepared, closed, opened):
        assert plans.reverted(entry, turned, revision=11) == replace(entry, revision=11)
    return opened
