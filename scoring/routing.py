"""Unit -> arm, pure: everything a choice depends on is an argument. Never Python's `hash()`.

The challenger is listed first, so a growing weight only ever adds units to it. Case files for
clients in other languages are in tests/data/routing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from math import inf, log

WHOLE = 1 << 53
"""What a model's integer weights sum to. Dividing 64 bits by 2**64 would round the topmost to 1.0."""

INTERVAL = "interval"
"""Hashing by which each arm has a stretch of the places, as `split` reads them."""
RENDEZVOUS = "rendezvous"
"""Hashing by which each arm draws for each unit, as `rendezvous` does."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One choosable version. `reason` says why it has its weight (`champion`, `canary:0.05`)."""

    version: int
    weight: int
    reason: str


def unit_hash(unit: str, salt: bytes) -> int:
    """64 bits of a unit under a rollout's salt: the unit's place, and its pseudonym in request ids."""
    return int.from_bytes(blake2b(unit.encode(), key=salt, digest_size=8).digest(), "big")


def unit_hasher(salt: bytes) -> Callable[[str], int]:
    """`unit_hash` for one salt, with the key's part done once."""
    prepared = blake2b(key=salt, digest_size=8)

    def hashed(unit: str) -> int:
        hasher = prepared.copy()
        hasher.update(unit.encode())
        return int.from_bytes(hasher.digest(), "big")

    return hashed


def splitter(arms: Sequence[Arm]) -> Callable[[int], int]:
    """`split` for one list of arms, with the sums done once."""
    thresholds = list(accumulate(arm.weight for arm in arms))
    return lambda hashed: bisect_right(thresholds, hashed >> 11)


def split(arms: Sequence[Arm], hashed: int) -> int:
    """Index of the first arm whose cumulative weight exceeds the unit's place.

    arms    at least one, weights summing to 2**53.
    hashed  64 bits from `unit_hash`, or any uniform 64 bits for a unit that nobody named.
    """
    place = hashed >> 11
    threshold = 0
    for index, arm in enumerate(arms):
        threshold += arm.weight
        if place < threshold:
            return index
    raise ValueError("the weights of the arms sum to less than 2**53")


def rendezvous(arms: Sequence[Arm], hashed: int, salt: bytes) -> int:
    """Index of the arm with the lowest weighted draw: a change of weights moves only what changed."""
    best, lowest = -1, inf
    for index, arm in enumerate(arms):
        if arm.weight == 0:
            continue
        text = b"%d:%d" % (hashed, arm.version)
        bits = int.from_bytes(blake2b(text, key=salt, digest_size=8).digest(), "big") >> 11
        draw = -log((bits + 0.5) / WHOLE) / arm.weight
        if draw < lowest:
            best, lowest = index, draw
    if best < 0:
        raise ValueError("no arm has a weight")
    return best
