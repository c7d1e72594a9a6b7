"""Unit -> arm, pure: everything a choice depends on is an argument. Never Python's `hash()`.

The challenger is listed first, so a growing weight only ever adds units to it. Case files for
clients in other languages are in tests/data/routing.
"""

from __future__ import annotations

import sys
from array import array
from base64 import b64decode, b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from itertools import accumulate, chain
from math import inf, log

from msgspec.structs import replace

from formats.plan import PARTS, RENDEZVOUS, WHOLE, Arm, ModelPlan, PlannedRollout, weights

_MOST_TRIED = 100_000
"""A share of 1 in 10,000 is found all but surely; of less, nobody waits for the search."""


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


SAMPLED = b"sampled"
"""Person of the draw by which a rollout's units are told of: below 2**-sample."""
PAIRED = b"paired"
"""Person of the draw by which a unit's requests are asked of other versions too: below the pair share."""
EVEN = b"even"
"""Person of the draw by which all arms play alike for a unit: below the even share."""


def drawer(salt: bytes, person: bytes) -> Callable[[int], int]:
    """64 bits of a unit -> 0 to 2**53 - 1, uniform, and independent of its arm and of each other person."""
    prepared = blake2b(key=salt, person=person, digest_size=8)

    def drawn(hashed: int) -> int:
        hasher = prepared.copy()
        hasher.update(hashed.to_bytes(8, "big"))
        return int.from_bytes(hasher.digest(), "big") >> 11

    return drawn


def draw_even(hashed: int, salt: bytes) -> float:
    """From 0 to 1; below `PlannedRollout.even`, all arms play alike for the unit with these 64 bits."""
    return drawer(salt, EVEN)(hashed) / WHOLE


def unit_of(entry: ModelPlan, arm: int, likely: Iterable[str] = ()) -> str | None:
    """A unit that the entry gives to its arm at this place; None where next to none gets there.

    `likely` are tried first: of a trial's units nobody would find one.
    """
    hashed, choose = unit_hasher(entry.salt), chooser(entry)
    tried = chain(likely, map(str, range(_MOST_TRIED)))
    return next((unit for unit in tried if choose(hashed(unit)) == arm), None)


def chooser(entry: ModelPlan) -> Callable[[int], int]:
    """64 bits of a unit -> index of the arm that answers it, by all that the entry says of units.

    A trial's named units come to the first challenger and those that play evenly to whichever arm draws
    lowest; everybody else goes by the weights. Where what is asked decides, so do all of whom it is not
    known. What can be is done once for all units.
    """
    arms, salt, rollout = entry.arms, entry.salt, entry.rollout
    if by_context(arms):
        return _alike(entry)
    by_weight = rendezvous(arms, salt) if entry.hashing == RENDEZVOUS else splitter(arms)
    if rollout is None or not (rollout.trial or rollout.even):
        return by_weight
    if rollout.trial:
        tried = [arm.version for arm in arms].index(rollout.challengers[0])
        is_named = _membership(rollout.trial)
        return lambda hashed: tried if is_named(hashed) else by_weight(hashed)
    alike, is_even = _alike(entry), evenly(entry)
    return lambda hashed: alike(hashed) if is_even(hashed) else by_weight(hashed)


def _alike(entry: ModelPlan) -> Callable[[int], int]:
    return rendezvous([replace(arm, weight=1) for arm in entry.arms], entry.salt)


def evenly(entry: ModelPlan) -> Callable[[int], bool]:
    """64 bits of a unit -> whether all arms play alike for it."""
    drawn, below = drawer(entry.salt, EVEN), entry.rollout.even * WHOLE if entry.rollout is not None else 0
    return lambda hashed: drawn(hashed) < below


def by_context(arms: Sequence[Arm]) -> bool:
    """Whether what is asked decides who answers, of units that do not play evenly."""
    return any(arm.contexts for arm in arms)


def context_choosers(entry: ModelPlan) -> list[Callable[[int], int]]:
    """By context: 64 bits of a unit -> index of its arm. None where what is asked decides nothing (yet)."""
    arms, told = entry.arms, len(entry.arms[0].contexts) if entry.arms else 0
    return [
        rendezvous([replace(arm, weight=arm.contexts[context]) for arm in arms], entry.salt)
        for context in range(told)
    ]


Chances = Callable[[int, int], float]
"""(64 bits of a unit, version) -> the chance with which it had this version."""


def propensity(entry: ModelPlan, hashed: int, version: int) -> float:
    """The chance with which the entry gives the unit with these 64 bits to the version."""
    return propensities(entry.arms, entry.rollout)(hashed, version)


def propensities(arms: Sequence[Arm], rollout: PlannedRollout | None) -> Chances:
    """The `propensity` of any unit and version. What can be is done once for all units.

    Whether a unit plays evenly is part of the chance, so with an even share no arm's is nought. A trial
    leaves nothing to chance: its units are named. Where what is asked decides, this is the chance of a unit
    of whom it is not known; of all others see `context_chance`.
    """
    shares = {of: weight / WHOLE for of, weight in weights(arms).items()}
    if by_context(arms):
        return lambda hashed, version: 1 / len(shares) if version in shares else 0.0
    even = rollout.even if rollout is not None and not rollout.trial else 0.0
    if even:
        shares = {version: (1 - even) * share + even / len(shares) for version, share in shares.items()}
    if rollout is None or not rollout.trial:
        return lambda hashed, version: shares.get(version, 0.0)
    is_named, tried = _membership(rollout.trial), rollout.challengers[0]
    return lambda hashed, version: float(version == tried) if is_named(hashed) else shares.get(version, 0.0)


def context_chance(arms: Sequence[Arm], rollout: PlannedRollout, context: int, version: int) -> float:
    """The chance with which a unit that asks that has the version: by the parts, or as it plays evenly."""
    parts = sum(arm.contexts[context] for arm in arms if arm.version == version)
    alike = 1 / len({arm.version for arm in arms})
    return (1 - rollout.even) * parts / PARTS + rollout.even * alike


def named(units: Iterable[str], salt: bytes) -> str:
    """The units of a trial as its plan has them: no text that names anybody, 8 bytes for each."""
    hashed = unit_hasher(salt)
    hashes = array("Q", sorted({hashed(unit) for unit in units}))
    return b64encode(_big_endian(hashes).tobytes()).decode()


def _membership(trial: str) -> Callable[[int], bool]:
    """Whether 64 bits are among them: 8 bytes for each in each worker, where a set would take eighty."""
    hashes = array("Q")
    hashes.frombytes(b64decode(trial))
    _big_endian(hashes)

    def known(hashed: int) -> bool:
        place = bisect_left(hashes, hashed)
        return place < len(hashes) and hashes[place] == hashed

    return known


def _big_endian(hashes: array[int]) -> array[int]:
    if sys.byteorder == "little":
        hashes.byteswap()
    return hashes


def splitter(arms: Sequence[Arm]) -> Callable[[int], int]:
    """64 bits of a unit -> index of the first arm whose cumulative weight exceeds the unit's place.

    arms    at least one, weights summing to 2**53, as a ModelPlan sees to.

    The bits come from `unit_hasher`, or are any uniform ones for a unit that nobody named. The sums are
    done once for all units.
    """
    thresholds = list(accumulate(arm.weight for arm in arms))
    return lambda hashed: bisect_right(thresholds, hashed >> 11)


def rendezvous(arms: Sequence[Arm], salt: bytes) -> Callable[[int], int]:
    """64 bits of a unit -> index of the arm with the lowest weighted draw: a change of weights moves only
    what changed. Raises ValueError where no arm has a weight."""
    playing = [(index, b":%d" % arm.version, arm.weight) for index, arm in enumerate(arms) if arm.weight]
    if not playing:
        raise ValueError("no arm has a weight")
    prepared = blake2b(key=salt, digest_size=8)

    def chosen(hashed: int) -> int:
        best, lowest, text = -1, inf, b"%d" % hashed
        for index, version, weight in playing:
            hasher = prepared.copy()
            hasher.update(text + version)
            bits = int.from_bytes(hasher.digest(), "big") >> 11
            draw = -log((bits + 0.5) / WHOLE) / weight
            if draw < lowest:
                best, lowest = index, draw
        return best

    return chosen
