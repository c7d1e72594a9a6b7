from __future__ import annotations

import base64
import json
from collections import Counter
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from formats.documents import Hex
from formats.plan import (
    INTERVAL,
    RENDEZVOUS,
    WHOLE,
    Arm,
    ArtifactRef,
    ModelPlan,
    PlannedRollout,
    PlannedVersion,
)
from formats.types import Signature
from scoring.routing import (
    EVEN,
    PAIRED,
    SAMPLED,
    chooser,
    draw_even,
    drawer,
    named,
    propensities,
    propensity,
    rendezvous,
    splitter,
    unit_hasher,
    unit_of,
)

CHOICES = ("interval", "rendezvous", "weights_change", "even", "trial")
CASES = Path(__file__).parents[2] / "data" / "routing"
SALT = bytes(range(16))
HASHES = [unit_hasher(SALT)(f"user-{n}") for n in range(4000)]


def arms(*weights):
    return [Arm(number, weight, f"arm-{number}") for number, weight in enumerate(weights, start=1)]


def cases(*names):
    for name in names:
        for case in json.loads((CASES / f"{name}.json").read_text()):
            yield pytest.param(case, id=f"{name}: {case['name']}")


def test_every_case_file_is_read():
    assert {path.stem for path in CASES.glob("*.json")} == {*CHOICES, "draws", "assignments"}


@pytest.mark.parametrize("case", list(cases("draws")))
def test_the_draw_is_the_one_in_the_case_file(case):
    salt = bytes.fromhex(case["salt"])
    hashed = int(case["hash"]) if "hash" in case else unit_hasher(salt)(case["unit"])
    assert drawer(salt, case["person"].encode())(hashed) == case["expected"]


def test_draws_say_nothing_about_the_arm_nor_about_each_other():
    drawn = [drawer(SALT, person) for person in (SAMPLED, PAIRED, EVEN)]
    halves = Counter((hashed >> 63, *(draw(hashed) >> 52 for draw in drawn)) for hashed in HASHES)
    assert drawer(SALT, EVEN)(HASHES[0]) != drawer(b"another", EVEN)(HASHES[0])
    assert len(halves) == 16
    assert all(abs(count - len(HASHES) / 16) < 80 for count in halves.values())


def entry(arms, *, salt=SALT, hashing=INTERVAL, **rollout):
    """What a plan says of a model with these arms, of which the last is the baseline."""
    *challengers, baseline = [arm.version for arm in arms]
    told = PlannedRollout(1, baseline, tuple(challengers), **rollout)
    ref = ArtifactRef("ab" * 32, 1)
    versions = {arm.version: PlannedVersion(arm.version, "cd" * 32, ref, Signature((), ())) for arm in arms}
    return ModelPlan(1, Hex(salt), tuple(arms), versions, hashing=hashing, rollout=told)


@pytest.mark.parametrize("case", list(cases(*CHOICES)))
def test_the_choice_is_the_one_in_the_case_file(case):
    salt = bytes.fromhex(case["salt"])
    hashed = int(case["hash"]) if "hash" in case else unit_hasher(salt)(case["unit"])
    ways = {name: case[name] for name in ("even", "trial") if name in case}
    told = entry([Arm(**arm) for arm in case["arms"]], salt=salt, hashing=case["hashing"], **ways)
    chosen = told.arms[chooser(told)(hashed)]

    expected = case["expected"]
    assert (chosen.version, chosen.reason, propensity(told, hashed, chosen.version)) == (
        expected["version"],
        expected["reason"],
        expected["propensity"],
    )


def test_whose_turn_is_even_is_by_a_draw_of_its_own_and_all_arms_play_alike_for_them():
    told = entry(arms(0, WHOLE // 64, WHOLE - WHOLE // 64), hashing=RENDEZVOUS, even=0.25)
    choose, plain = chooser(told), rendezvous(told.arms, SALT)
    even = [hashed for hashed in HASHES if draw_even(hashed, SALT) < 0.25]

    assert 0.22 < len(even) / len(HASHES) < 0.28
    shares = Counter(map(choose, even))
    assert all(abs(shares[index] - len(even) / 3) < 60 for index in range(3))
    others = set(HASHES) - set(even)
    assert [choose(hashed) for hashed in others] == [plain(hashed) for hashed in others]


def test_who_plays_evenly_stays_where_it_is_while_weights_move_and_arms_stand():
    before = entry(arms(WHOLE // 2, 0, WHOLE - WHOLE // 2), even=1.0)
    after = entry(arms(0, WHOLE // 3, WHOLE - WHOLE // 3), even=1.0, hashing=RENDEZVOUS)
    joined = entry([*arms(0, WHOLE // 3), Arm(9, 0, "joins"), Arm(3, WHOLE - WHOLE // 3, "")], even=1.0)

    assert list(map(chooser(before), HASHES)) == list(map(chooser(after), HASHES))
    moved = [(chooser(after)(hashed), joined.arms[chooser(joined)(hashed)].version) for hashed in HASHES]
    assert {new for old, new in moved if new != old + 1} == {9}


@given(
    st.lists(st.integers(0, 64), min_size=2, max_size=6).filter(any),
    st.sampled_from([INTERVAL, RENDEZVOUS]),
    st.one_of(
        st.builds(dict),
        st.builds(dict, even=st.floats(0, 1)),
        st.just({"trial": named(["user-1"], SALT)}),
    ),
)
def test_the_chances_of_a_unit_sum_to_one_and_whoever_answers_had_one(parts, hashing, ways):
    weights = [WHOLE * part // sum(parts) for part in parts[:-1]]
    if "trial" in ways:
        weights = [0 for _ in weights]
    told = entry(arms(*weights, WHOLE - sum(weights)), hashing=hashing, **ways)
    choose, chance = chooser(told), propensities(told.arms, told.rollout)

    for hashed in HASHES[:50]:
        assert sum(chance(hashed, arm.version) for arm in told.arms) == pytest.approx(1)
        assert chance(hashed, told.arms[choose(hashed)].version) > 0
        assert chance(hashed, 99) == 0


def test_the_share_of_units_that_come_to_an_arm_is_its_propensity():
    told = entry(arms(0, WHOLE // 4, WHOLE - WHOLE // 4), hashing=RENDEZVOUS, even=0.3)
    found = Counter(map(chooser(told), HASHES))

    for index, chance in enumerate((0.1, 0.275, 0.625)):
        assert propensity(told, HASHES[0], index + 1) == pytest.approx(chance)
        assert found[index] / len(HASHES) == pytest.approx(chance, abs=0.025)


def test_a_trial_is_for_those_who_are_named_and_nobody_else():
    people = [f"user-{n}" for n in range(0, 4000, 7)]
    told = entry(arms(0, 0, WHOLE), trial=named(people, SALT))
    tried = {n for n, hashed in enumerate(HASHES) if chooser(told)(hashed) == 0}

    assert tried == set(range(0, 4000, 7))
    assert {chooser(told)(hashed) for hashed in HASHES} == {0, 2}
    assert len(people) * 8 == len(base64.b64decode(told.rollout.trial))
    assert named([*people, *reversed(people)], SALT) == told.rollout.trial


@pytest.mark.parametrize("hashing", [INTERVAL, RENDEZVOUS])
def test_who_does_not_know_of_a_trial_brings_nobody_to_it(hashing):
    """A node of the release before knows the weights alone."""
    told = entry(arms(0, WHOLE), trial=named(["user-1"], SALT), hashing=hashing)
    before = replace(told, rollout=None)

    assert {chooser(before)(hashed) for hashed in HASHES} == {1}


def test_somebody_for_each_arm_is_found_also_among_those_who_are_named():
    told = entry(arms(0, WHOLE), trial=named(["edda", "boris"], SALT))

    assert unit_of(told, 0, ["amina", "edda"]) == "edda"
    assert chooser(told)(unit_hasher(SALT)(unit_of(told, 1))) == 1


def test_in_the_cases_of_moving_weights_units_go_only_where_more_was_gained():
    """Each unit's cases are one story: whom it leaves has gained less, in proportion, than whom it joins."""
    told = json.loads((CASES / "weights_change.json").read_text())
    moves = 0
    for before, after in pairwise(told):
        left, joined = before["expected"]["version"], after["expected"]["version"]
        if before["unit"] != after["unit"] or before["hashing"] != after["hashing"] or left == joined:
            continue
        old, new = ({arm["version"]: arm["weight"] for arm in case["arms"]} for case in (before, after))
        assert new[left] * old[joined] < new[joined] * old[left]
        moves += 1
    assert moves > 5


def unit_hash(unit):
    """The rule in one line."""
    return int.from_bytes(blake2b(unit.encode(), key=SALT, digest_size=8).digest(), "big")


def split(several, hashed):
    """The rule, arm by arm."""
    return next(
        index
        for index in range(len(several))
        if hashed >> 11 < sum(arm.weight for arm in several[: index + 1])
    )


def test_what_is_prepared_once_says_the_same():
    several = arms(WHOLE // 20, 0, WHOLE // 3, WHOLE - WHOLE // 20 - WHOLE // 3)
    prepared, hasher = splitter(several), unit_hasher(SALT)

    assert [hasher(f"user-{n}") for n in range(4000)] == [unit_hash(f"user-{n}") for n in range(4000)]
    edges = [0, WHOLE // 20 - 1, WHOLE // 20, WHOLE - 1]
    for hashed in (*HASHES, *(place << 11 for place in edges), (1 << 64) - 1):
        assert prepared(hashed) == split(several, hashed)


def test_raising_the_challengers_weight_only_ever_adds_units():
    small = [split(arms(WHOLE // 20, WHOLE - WHOLE // 20), hashed) for hashed in HASHES]
    large = [split(arms(WHOLE // 4, WHOLE - WHOLE // 4), hashed) for hashed in HASHES]

    assert all(after == 0 for before, after in zip(small, large, strict=True) if before == 0)
    assert 0.03 < small.count(0) / len(small) < 0.07
    assert 0.22 < large.count(0) / len(large) < 0.28


def test_under_rendezvous_only_the_mass_that_changed_moves():
    before = list(map(rendezvous(arms(WHOLE // 2, WHOLE // 4, WHOLE // 4), SALT), HASHES))
    after = list(map(rendezvous(arms(WHOLE // 2 - WHOLE // 8, 3 * WHOLE // 8, WHOLE // 4), SALT), HASHES))

    moved = sum(one != other for one, other in zip(before, after, strict=True)) / len(HASHES)
    assert moved < 0.2
    assert 0.46 < before.count(0) / len(before) < 0.54


def test_two_salts_do_not_share_their_unlucky_units():
    unlucky = {n for n in range(4000) if split(arms(WHOLE // 20, WHOLE - WHOLE // 20), HASHES[n]) == 0}
    other = {
        n
        for n in range(4000)
        if split(arms(WHOLE // 20, WHOLE - WHOLE // 20), unit_hasher(b"other")(f"user-{n}")) == 0
    }

    assert len(unlucky & other) < len(unlucky) / 3


def test_nothing_open_is_an_error_not_a_guess():
    with pytest.raises(ValueError, match="arm"):
        rendezvous([], SALT)
