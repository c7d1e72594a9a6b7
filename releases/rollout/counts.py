"""What was counted in a rollout: frozen values that merge by adding, in any order and any batches.

All numbers are whole, so that a sum is the same in whatever order it was made: reals are kept in
`GRAIN`ths. A unit (a user, a device) is counted once, under the weights it was assigned by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from math import floor
from typing import Any, Self

from formats.plan import WHOLE

GRAIN = 1 << 30
"""Reals are kept in steps of 2**-30: exact sums in any order, below what eight bytes hold at 1e9 units."""

Weights = tuple[tuple[str, int], ...]
"""Arm -> whole weight, summing to WHOLE; challengers first and in a fixed order, the baseline last."""


def fixed(value: float) -> int:
    """A real in GRAINths, rounded down."""
    return floor(value * GRAIN)


@dataclass(frozen=True, slots=True, order=True)
class Spell:
    """While the same weights stood in the same stage: what evidence is keyed by, however often it ticked."""

    stage: int
    weights: Weights

    def share(self, arm: str) -> float:
        """The probability with which a unit was assigned to the arm."""
        return dict(self.weights).get(arm, 0) / WHOLE

    def share_beside(self, arm: str, baseline: str) -> float:
        """The same, among the units of these two arms alone; 0 where neither had any."""
        weights = dict(self.weights)
        own, other = weights.get(arm, 0), weights.get(baseline, 0)
        return own / (own + other) if own + other else 0.0


class Additive:
    """A frozen value that merges by adding each of its fields. `Self()` is nothing counted."""

    __slots__ = ()

    def __add__(self, other: Self) -> Self:
        names = [each.name for each in fields(self)]  # type: ignore[arg-type]
        return type(self)(**{name: _sum(getattr(self, name), getattr(other, name)) for name in names})


def _sum(one: Any, other: Any) -> Any:
    """Numbers and additive values by +, mappings key by key, tuples place by place."""
    if isinstance(one, Mapping):
        shared = {key: _sum(value, other[key]) if key in other else value for key, value in one.items()}
        return {**other, **shared}
    if isinstance(one, tuple):
        return tuple(a + b for a, b in zip(one, other, strict=True))
    return one + other


@dataclass(frozen=True, slots=True)
class Seen(Additive):
    """Units, and how many of them were found `hit`: bad, slower than a threshold."""

    units: int = 0
    hit: int = 0


@dataclass(frozen=True, slots=True)
class Sums(Additive):
    """What a metric came to, one value y per unit, and a covariate x known before assignment.

    Reals in GRAINths. A binary reward is y in {0, 1}: `n` resolved units, `total` good ones.
    """

    n: int = 0
    y: int = 0
    yy: int = 0
    x: int = 0
    xx: int = 0
    xy: int = 0

    @classmethod
    def of(cls, values: Iterable[float], covariates: Iterable[float] | None = None) -> Self:
        ys = list(values)
        xs = list(covariates) if covariates is not None else [0.0] * len(ys)
        return cls(
            n=len(ys),
            y=sum(fixed(y) for y in ys),
            yy=sum(fixed(y * y) for y in ys),
            x=sum(fixed(x) for x in xs),
            xx=sum(fixed(x * x) for x in xs),
            xy=sum(fixed(x * y) for x, y in zip(xs, ys, strict=True)),
        )

    @property
    def total(self) -> float:
        return self.y / GRAIN

    @property
    def squares(self) -> float:
        return self.yy / GRAIN

    @property
    def mean(self) -> float:
        return self.total / self.n if self.n else 0.0


@dataclass(frozen=True, slots=True)
class Tally(Additive):
    """One arm in one spell.

    units      assigned here, each once per rollout; a crash's units too
    bad        metric -> those of them with a bad event, by the arm that gave the first one
    slow       metric -> threshold -> one sampled request per unit, and how many took longer
    outcomes   metric -> values of units whose window has closed
    paired     units of which at least one request was asked of the other arms too
    triggered  those whose answers have differed at least once
    changed    as `outcomes`, of triggered units alone
    bets       (bounded metric, challenger it is about) -> log wealth of each bet, in GRAINths
               (`evidence.bounded`); the baseline's are about each of them, by their shares beside it
    dropped    mirrors that were given up because a node was busy
    marks      ("node", "n1"), ("retried", "") ... -> units: what `evidence.diagnosis` reads
    moved      assigned elsewhere before, and answered here since a share grew
    spent      metric -> those of the moved ones that had been bad elsewhere: here they can be bad no more
    requests   of clients, where units are held against the time before: `Design.uncompared`
    """

    units: int = 0
    bad: Mapping[str, int] = field(default_factory=dict)
    slow: Mapping[str, Mapping[str, Seen]] = field(default_factory=dict)
    outcomes: Mapping[str, Sums] = field(default_factory=dict)
    paired: int = 0
    triggered: int = 0
    changed: Mapping[str, Sums] = field(default_factory=dict)
    bets: Mapping[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    dropped: int = 0
    marks: Mapping[tuple[str, str], int] = field(default_factory=dict)
    moved: int = 0
    spent: Mapping[str, int] = field(default_factory=dict)
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Discordant(Additive):
    """Units of which just one of two arms was bad at the same request (or wrong, where a label came)."""

    only_new: int = 0
    only_old: int = 0


@dataclass(frozen=True, slots=True)
class Pairs(Additive):
    """A challenger beside the baseline on the same requests, one pair per unit and metric.

    units      with at least one pair
    differing  with answers that differ beyond the tolerance
    bad        metric -> pairs in which one arm alone was bad
    bets       metric with losses in [0, 1] -> log wealth of each bet on new - old (`evidence.paired`)
    """

    units: int = 0
    differing: int = 0
    bad: Mapping[str, Discordant] = field(default_factory=dict)
    bets: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cohort(Additive):
    """Units of one arm that were assigned in one hour, and the rewards that came of them in time."""

    assigned: int = 0
    rewarded: Sums = field(default_factory=Sums)


@dataclass(frozen=True, slots=True)
class Ticks(Additive):
    """Of one node: ticks in which it served, and those whose counters have arrived; and how many facts about
    units it has given up for want of room."""

    served: int = 0
    reported: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Counts(Additive):
    """Everything counted of a rollout up to now.

    arms     (spell, arm) -> what its units met
    pairs    (spell, challenger) -> what was asked of both
    nodes    node -> ticks served and reported: a tick without counters is unknown, not zero
    crossed  units answered by two arms under the same weights; 0 is expected
    cohorts  (hour since the epoch, arm) -> its units, with the one reward that a bandit maximises
    changed  as `cohorts`, of triggered units alone, from the hour of their trigger
    even     as `cohorts`, of units for whom all arms play alike, whatever they earn
    contexts (context, hour, arm) -> as `cohorts`, of units that ask that, where a bandit looks at it
    """

    arms: Mapping[tuple[Spell, str], Tally] = field(default_factory=dict)
    pairs: Mapping[tuple[Spell, str], Pairs] = field(default_factory=dict)
    nodes: Mapping[str, Ticks] = field(default_factory=dict)
    crossed: int = 0
    cohorts: Mapping[tuple[int, str], Cohort] = field(default_factory=dict)
    changed: Mapping[tuple[int, str], Cohort] = field(default_factory=dict)
    even: Mapping[tuple[int, str], Cohort] = field(default_factory=dict)
    contexts: Mapping[tuple[int, int, str], Cohort] = field(default_factory=dict)

    def tally(self, spell: Spell, arm: str) -> Tally:
        return self.arms.get((spell, arm), Tally())

    def spells(self) -> list[Spell]:
        """Every spell of which something was counted, in an order of its own."""
        return sorted({spell for spell, _ in (*self.arms, *self.pairs)})

    def silent(self) -> list[str]:
        """Nodes that served in a tick of which nothing has arrived, or not all."""
        return sorted(name for name, ticks in self.nodes.items() if ticks.reported < ticks.served)

    @property
    def lost(self) -> int:
        """Facts that all nodes together have given up: what these said nobody will know."""
        return sum(ticks.lost for ticks in self.nodes.values())
