"""Rows 17 and 31: arms that do not have the units they should, and why."""

from __future__ import annotations

import numpy as np

from benchmarks.decisions.rows import Dice, Found, Row, median, percent, shares_of
from benchmarks.decisions.streams import holds
from releases.rollout.counts import Counts, Spell, Tally
from releases.rollout.designs.design import weights
from releases.rollout.evidence import diagnosis
from releases.rollout.evidence.balance import log_unbalanced
from releases.rollout.evidence.diagnosis import EXTRA, MISSING
from releases.rollout.evidence.mixture import Array, threshold

SHARE, BLOCK, LOOKS = 0.05, 100, 10_000
BAR = threshold(0.001)
_CHI_SQUARE = 10.83
NEW, OLD = "8", "7"
ARMS = (NEW, OLD)


def ratio(rng: Dice, quick: bool) -> Found:
    """Row 17: a million units looked at after every hundred."""
    runs = 100 if quick else 3000
    false = usual = 0
    times: list[Array] = []
    for _ in range(runs // 50):
        fair, skewed = (rng.binomial(BLOCK, share, (50, LOOKS)).cumsum(axis=1) for share in (SHARE, 0.045))
        seen = BLOCK * np.arange(1.0, LOOKS + 1)
        false += int((_evidence(fair, seen) >= BAR).any(axis=1).sum())
        square = (fair - SHARE * seen) ** 2 / (seen * SHARE * (1 - SHARE))
        usual += int((square >= _CHI_SQUARE).any(axis=1).sum())
        over = _evidence(skewed[:, :2000], seen[:2000]) >= BAR
        times.append(np.where(over.any(axis=1), seen[over.argmax(axis=1)], np.inf))
    middle = median(np.concatenate(times))
    return Found(
        f"{shares_of(false, runs)}; median {middle:,.0f}; chi-square at every look {percent(usual / runs)}",
        holds(false, runs, 0.001) and middle <= 33_000,
        {"false": false, "runs": runs, "median": middle, "chi_square": usual / runs},
    )


def _evidence(new: Array, seen: Array) -> Array:
    return log_unbalanced(np.stack([new, seen - new], axis=-1), [SHARE, 1 - SHARE])


# --- what is planted --------------------------------------------------------------------------------

_NODES, _CLIENTS, _UNITS = 6, 5, 60_000


def explained(rng: Dice, quick: bool) -> Found:
    """Row 31: each of ten causes planted many times; which is named first?"""
    runs = 20 if quick else 200
    named = {}
    for mark in (*MISSING, *EXTRA, diagnosis.NODE, diagnosis.CLIENT):
        named[mark] = sum(_named(rng, mark) for _ in range(runs)) / runs
    right = sum(share >= 0.9 for share in named.values())
    worst = min(named, key=lambda mark: named[mark])
    return Found(
        f"{right} of {len(named)} named first in at least 90 % of {runs} runs; least often:"
        f" {worst}, {percent(named[worst])}",
        right >= 9,
        {"named": named, "runs": runs},
    )


def _named(rng: Dice, mark: str) -> bool:
    """Units of both arms over nodes and clients, the noise of every mark, and one cause among them."""
    spell = Spell(1, weights(((NEW, 0.5),), ARMS))
    tallies = {arm: _ordinary(rng) for arm in ARMS}
    lost = int(rng.integers(1500, 6000))
    place = ""
    if mark in (diagnosis.NODE, diagnosis.CLIENT):
        number = _NODES if mark == diagnosis.NODE else _CLIENTS
        place = f"{mark}{rng.integers(number)}"
        tallies[NEW] = _without(rng, tallies[NEW], lost, (mark, place))
    elif mark in MISSING:
        tallies[NEW] = _without(rng, tallies[NEW], lost, None) + Tally(marks={(mark, ""): lost})
    else:
        tallies[NEW] = tallies[NEW] + _spread(rng, lost) + Tally(marks={(mark, ""): lost})
    counts = Counts(arms={(spell, arm): tally for arm, tally in tallies.items()})
    found = diagnosis.causes(counts, ARMS)
    return bool(found) and (found[0].mark, found[0].place) == (mark, place)


def _ordinary(rng: Dice) -> Tally:
    """What goes on anyway: a little of every mark, alike in both arms."""
    noise = {(mark, ""): int(rng.poisson(0.004 * _UNITS)) for mark in (*MISSING, *EXTRA)}
    return _spread(rng, int(rng.poisson(_UNITS))) + Tally(marks=noise)


def _spread(rng: Dice, units: int) -> Tally:
    """Units over nodes of one size, and over clients of different ones."""
    sizes = np.arange(1, _CLIENTS + 1) / np.arange(1, _CLIENTS + 1).sum()
    nodes = rng.multinomial(units, np.full(_NODES, 1 / _NODES))
    clients = rng.multinomial(units, sizes)
    marks = {("node", f"node{n}"): int(count) for n, count in enumerate(nodes)}
    marks |= {("client", f"client{n}"): int(count) for n, count in enumerate(clients)}
    return Tally(units, marks=marks)


def _without(rng: Dice, tally: Tally, lost: int, where: tuple[str, str] | None) -> Tally:
    """So many units fewer, everywhere alike or all of them at one place."""
    gone = dict(_spread(rng, lost).marks)
    if where is not None:
        lost = min(lost, tally.marks[where] * 2 // 3)
        gone = dict(_spread(rng, lost).marks)
        gone = {key: n for key, n in gone.items() if key[0] != where[0]} | {where: lost}
    marks = {key: max(0, n - gone.get(key, 0)) for key, n in tally.marks.items()}
    return Tally(tally.units - lost, marks=marks)


ROWS = (
    Row(
        17,
        "Balance of arms: false over a million units at 0.1 %; units until 5.0 % are 4.5 % is seen",
        "at most 0.1 %; at most 33,000",
        "0.1 %; 25,400",
        "chi-square at every look",
        ratio,
    ),
    Row(
        31,
        "Unbalanced arms explained: ten planted causes",
        "the right one named first in at least 9",
        "10",
        "nobody names any",
        explained,
    ),
)
