from __future__ import annotations

import json
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path

import pytest

from formats.plan import WHOLE, Arm
from scoring.routing import rendezvous, splitter, unit_hasher

CASES = Path(__file__).parents[2] / "data" / "routing"
SALT = bytes(range(16))
HASHES = [unit_hasher(SALT)(f"user-{n}") for n in range(4000)]


def arms(*weights):
    return [Arm(number, weight, f"arm-{number}") for number, weight in enumerate(weights, start=1)]


def cases():
    for path in sorted(CASES.glob("*.json")):
        for case in json.loads(path.read_text()):
            yield pytest.param(case, id=f"{path.stem}: {case['name']}")


@pytest.mark.parametrize("case", list(cases()))
def test_the_choice_is_the_one_in_the_case_file(case):
    salt = bytes.fromhex(case["salt"])
    hashed = int(case["hash"]) if "hash" in case else unit_hasher(salt)(case["unit"])
    arms = [Arm(**arm) for arm in case["arms"]]
    by_draw = case["hashing"] == "rendezvous"
    chosen = arms[rendezvous(arms, hashed, salt) if by_draw else splitter(arms)(hashed)]

    expected = case["expected"]
    assert (chosen.version, chosen.reason, chosen.weight / WHOLE) == (
        expected["version"],
        expected["reason"],
        expected["propensity"],
    )


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
    before = [rendezvous(arms(WHOLE // 2, WHOLE // 4, WHOLE // 4), hashed, SALT) for hashed in HASHES]
    after = [
        rendezvous(arms(WHOLE // 2 - WHOLE // 8, WHOLE // 4 + WHOLE // 8, WHOLE // 4), h, SALT)
        for h in HASHES
    ]

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
        rendezvous([], 0, SALT)
