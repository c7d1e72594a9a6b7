"""Why the arms do not have the units they should: what would be in balance, had this not happened.

Each cause is undone in the counts (a mechanism's units taken away or given back, one place left out), and
the evidence of `balance` is asked again. Mechanisms come before places: what happened explains more than
where. Fabijan et al., Diagnosing sample ratio mismatch in online controlled experiments, KDD 2019, lists
the causes; the marks that tell them apart are counted by nodes and by the intake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from releases.rollout.counts import Counts
from releases.rollout.evidence.balance import log_unbalanced
from releases.rollout.evidence.mixture import Array

NODE, CLIENT = "node", "client"
PLACES = {NODE: "node {}", CLIENT: "the client {}"}

CRASHED, CACHED, MISTIMED, UNFLUSHED = "crashed", "cached", "mistimed", "unflushed"
RETRIED, REPEATED, MISPLACED, MIRRORED = "retried", "repeated", "misplaced", "mirrored"

MISSING = {
    CRASHED: "units that a worker took with it when it died were not counted",
    CACHED: "units whose answer came out of the cache were not counted",
    MISTIMED: "units were left out because a clock put them outside of the stage",
    UNFLUSHED: "a node counted units that have not arrived: a flush was lost",
}
"""Mark -> what was not counted and should have been."""

EXTRA = {
    RETRIED: "requests that were tried again came as new units",
    REPEATED: "one unit was counted many times",
    MISPLACED: "units are in an arm that the rollout's salt does not give them",
    MIRRORED: "units that only a mirror asked were counted as answered",
}
"""Mark -> what was counted and should not have been. REPEATED counts all times but the first."""

_EXPLAINS = 1 / 3
"""How much of the evidence may be left when the cause is undone."""


@dataclass(frozen=True, slots=True)
class Cause:
    """`left` is the log evidence of an imbalance that stays when the cause is undone; `place` says where."""

    mark: str
    place: str
    left: float
    sentence: str


@dataclass(frozen=True, slots=True)
class _Table:
    """Units [spell, arm], the shares they should have, and the same of each mark."""

    units: Array
    shares: Array
    marks: Mapping[tuple[str, str], Array]

    def log_e(self, units: Array) -> float:
        return float(log_unbalanced(np.maximum(units, 0), self.shares).sum())


def causes(counts: Counts, arms: Sequence[str]) -> tuple[Cause, ...]:
    """What explains the imbalance, the likeliest first; empty where nothing that is counted does."""
    table = _table(counts, arms)
    whole = table.log_e(table.units)
    found = [*_mechanisms(table), *_places(table)]
    explaining = [cause for cause in found if cause.left <= whole * _EXPLAINS]
    return tuple(sorted(explaining, key=lambda cause: (cause.mark in PLACES, cause.left)))


def _mechanisms(table: _Table) -> list[Cause]:
    found = []
    for words, sign in ((MISSING, 1), (EXTRA, -1)):
        for mark, sentence in words.items():
            marked = [units for (kind, _), units in table.marks.items() if kind == mark]
            if marked:
                left = table.log_e(table.units + sign * np.sum(marked, axis=0))
                found.append(Cause(mark, "", left, f"{sentence[0].upper()}{sentence[1:]}."))
    return found


def _places(table: _Table) -> list[Cause]:
    """A cause at one of many places has that many chances to look like one."""
    found = []
    for kind, words in PLACES.items():
        named = {name: units for (mark, name), units in table.marks.items() if mark == kind}
        for name, units in named.items() if len(named) > 1 else ():
            left = table.log_e(table.units - units) + log(len(named))
            where = words.format(name)
            found.append(Cause(kind, name, left, f"Without the units of {where} the shares are as declared."))
    return found


def _table(counts: Counts, arms: Sequence[str]) -> _Table:
    spells = [spell for spell in counts.spells() if all(spell.share(arm) > 0 for arm in arms)]
    tallies = [[counts.tally(spell, arm) for arm in arms] for spell in spells]
    keys = {key for row in tallies for tally in row for key in tally.marks}
    shape = (len(spells), len(arms))

    def filled(values: list[list[float]]) -> Array:
        return np.array(values, np.float64).reshape(shape)

    shares = filled([[spell.share(arm) for arm in arms] for spell in spells])
    return _Table(
        units=filled([[tally.units for tally in row] for row in tallies]),
        shares=shares / shares.sum(axis=-1, keepdims=True),
        marks={
            key: filled([[tally.marks.get(key, 0) for tally in row] for row in tallies])
            for key in sorted(keys)
        },
    )
