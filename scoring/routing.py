"""Unit -> arm, pure: everything a choice depends on is an argument. Never Python's `hash()`.

The challenger is listed first, so a growing weight only ever adds units to it. Case files for
clients in other languages are in tests/data/routing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from hashlib import blake2b
from itertools import accumulate
from math import inf, log

from formats.plan import WHOLE, Arm


def unit_hasher(salt: bytes) -> Callable[[str], int]:
    """Unit -> 64 bits under a rollout's salt: its place, and its pseudonym in request ids.

    The key's part is done once for all units.
    """
    prepared = blake2b(key=salt, digest_size=8)

    def hashed(unit: str) -> int:
        hasher = prepared.copy()
        hasher.update(unit.encode())
        return int.from_bytes(hasher.digest(), "big")

    return hashed


def splitter(arms: Sequence[Arm]) -> Callable[[int], int]:
    """64 bits of a unit -> index of the first arm whose cumulative weight exceeds the unit's place.

    arms    at least one, weights summing to 2**53, as a ModelPlan sees to.

    The bits come from `unit_hasher`, or are any uniform ones for a unit that nobody named. The sums are
    done once for all units.
    """
    thresholds = list(accumulate(arm.weight for arm in arms))
    return lambda hashed: bisect_right(thresholds, hashed >> 11)


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
