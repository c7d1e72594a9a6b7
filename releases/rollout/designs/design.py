"""How a rollout is to go: arms, typed stages and metrics, frozen when it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate, pairwise

from formats.features import Feature
from formats.plan import WHOLE
from releases.rollout.counts import Spell, Weights
from releases.rollout.designs.metrics import GUARDRAILS, Metric
from releases.rollout.evidence.cohorts import Resolution


class Kind(StrEnum):
    """The six ways to bring a version to traffic; and an A/A run, which has it stand beside itself."""

    SINGLE = "single"
    SHADOW = "shadow"
    CANARY = "canary"
    BLUE_GREEN = "blue_green"
    AB_TEST = "ab_test"
    BANDIT = "bandit"
    AA = "aa"


OFFERED = tuple(kind for kind in Kind if kind is not Kind.AA)
"""What a release may be opened with."""


class StageKind(StrEnum):
    """`TRIAL` serves a named list of units and nobody else; in `SHADOW` the new version answers unseen;
    `SPLIT` has fixed shares; in `BANDIT` shares follow the evidence."""

    TRIAL = "trial"
    SHADOW = "shadow"
    SPLIT = "split"
    BANDIT = "bandit"


class Ends(StrEnum):
    """What a stage ends by, after its least dwell and with nothing against it: see `strategies.steps`."""

    CLEAN = "clean"
    PAIRED = "paired"
    PROMOTABLE = "promotable"
    WINNER = "winner"
    PERSON = "person"


class Mode(StrEnum):
    AUTO = "auto"
    PROPOSE = "propose"


class Goal(StrEnum):
    EARN = "earn"
    DECIDE = "decide"


@dataclass(frozen=True, slots=True)
class Play:
    """How a bandit plays, and by what.

    reward          name of the metric that it maximises (or minimises, as its direction says)
    resolution      when a unit's reward counts
    last_hours      how far back it looks; None: to the beginning
    floor           least share of each challenger that plays, unless some units play evenly anyhow
    baseline_floor  of the baseline
    cap             most share of any arm
    even            share of units for whom all arms play alike; what is told of lift comes from them (`earn`)
    burn_in         resolved units of each arm before shares move
    tick_seconds    shares stand at least so long
    features        what it looks at of a request; none: the same shares for whatever is asked
    """

    reward: str = ""
    resolution: Resolution = field(default_factory=lambda: Resolution(window_hours=24.0))
    last_hours: int | None = None
    floor: float = 0.01
    baseline_floor: float = 0.01
    cap: float = 1.0
    even: float = 0.05
    burn_in: int = 100
    tick_seconds: float = 60.0
    features: tuple[Feature, ...] = ()

    @property
    def last_spans(self) -> int | None:
        """How many cohorts it looks back."""
        return None if self.last_hours is None else self.last_hours * 3600 // self.resolution.span_s


EXPIRES_SECONDS = 21 * 86_400.0
"""A rollout that has not moved for so long asks for its end."""

Shares = tuple[tuple[str, float], ...]
"""Challenger -> share of units, in the order in which the plan lists them; the baseline has the rest."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a rollout.

    shares         of the challengers; none of them has any in `trial` and `shadow`
    pair           share of units whose requests are asked of the other arms too
    least_seconds  it lasts at least so long
    most_seconds   after so long without what ends it a person is asked; None: never
    ends           what ends it
    units          the named ones of a trial, as whoever wrote the strategy names them: kept nowhere like that
    named          how many they are
    metrics        names of those judged here; empty: all of the rollout
    """

    kind: StageKind
    shares: Shares = ()
    pair: float = 0.0
    least_seconds: float = 0.0
    most_seconds: float | None = None
    ends: Ends = Ends.CLEAN
    units: tuple[str, ...] = ()
    named: int = 0
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a preset is made for: which arms, and what the strategy's document says beside its name.

    shadow    whether clients are spared until pairs of answers have shown nothing
    pair      share of units whose requests are asked of the other arms too
    shares    of the challengers, where the document gives them
    holdback  share of units that stay with the baseline after a blue-green switch
    looks     whether a bandit looks at what is asked: then nobody else is asked the same beside it
    """

    challengers: tuple[str, ...]
    baseline: str
    shadow: bool = True
    pair: float = 1.0
    shares: Shares = ()
    holdback: float = 0.05
    goal: Goal = Goal.EARN
    looks: bool = False


@dataclass(frozen=True, slots=True)
class Design:
    """A rollout as it was started. Everything that decides is in here or was counted.

    baseline     the arm that everything is compared with: the live version, or "" where none is
    challengers  in the order of the plan
    alpha_roll_back, alpha_promote   chance of a wrong return, of a wrong promotion, over the whole rollout
    compare      outputs by which two answers differ; none named: all of them
    onset_ticks  over how many ticks the watch for late trouble keeps to its alpha
    """

    kind: Kind
    baseline: str
    challengers: tuple[str, ...]
    stages: tuple[Stage, ...]
    metrics: tuple[Metric, ...] = GUARDRAILS
    mode: Mode = Mode.AUTO
    goal: Goal = Goal.EARN
    play: Play = Play()
    delta: float = 0.05
    alpha_roll_back: float = 0.01
    alpha_promote: float = 0.01
    alpha_balance: float = 0.001
    alpha_page: float = 0.001
    expires_seconds: float = EXPIRES_SECONDS
    onset_ticks: int = 30_240
    start_at: float | None = None
    compare: tuple[str, ...] = ()

    def uncompared(self, spell: Spell) -> bool:
        """Whether its units cannot be held against the baseline's of the same time, which were none or others
        than those whom a trial names: so they are held against the time before."""
        return spell.share(self.baseline) == 0 or self.stages[spell.stage].kind is StageKind.TRIAL

    @property
    def arms(self) -> tuple[str, ...]:
        return (*self.challengers, self.baseline) if self.baseline else self.challengers


def weights(shares: Shares, arms: Sequence[str]) -> Weights:
    """Whole weights in the order of `arms`; the last arm has what the others leave of WHOLE."""
    share = dict(shares)
    cumulative = list(accumulate((share.get(arm, 0.0) for arm in arms[:-1]), initial=0.0))
    places = [round(total * WHOLE) for total in cumulative] + [WHOLE]
    return tuple((arm, high - low) for arm, (low, high) in zip(arms, pairwise(places), strict=True))


def moved_back(before: Weights, after: Weights) -> float:
    """Share of units that would leave an arm other than the baseline (the last) on the way to `after`."""
    old, new = _stretches(before), _stretches(after)
    lost = 0
    for arm, (low, high) in list(old.items())[:-1]:
        start, end = new.get(arm, (0, 0))
        lost += (high - low) - max(0, min(high, end) - max(low, start))
    return lost / WHOLE


def _stretches(weighted: Weights) -> dict[str, tuple[int, int]]:
    """Arm -> its stretch of the places, as `scoring.routing.splitter` lays them out."""
    places = list(accumulate((weight for _, weight in weighted), initial=0))
    return {arm: stretch for (arm, _), stretch in zip(weighted, pairwise(places), strict=True)}
