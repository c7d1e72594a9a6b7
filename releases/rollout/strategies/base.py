"""What every strategy keeps to: what was planned, counted and decided before -> a decision. Pure.

The same arguments always give the same decision, so a log of them can be replayed. Weights sum to the
whole, a growing share moves no unit back, and nobody is mirrored where nothing is paired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from releases.rollout.counts import Counts, Weights
from releases.rollout.designs.design import Asked, Design, Shares, Stage
from releases.rollout.designs.metrics import Action


class Verdict(StrEnum):
    """`HOLD` leaves everything as it is, `MOVE` enters the next stage (or new weights of a bandit),
    `ROLL_BACK` takes an arm out for a fault, `END_TRIAL` one that lost without: the rollout goes on with the
    others, and has ended where none is left. `PROPOSE` asks a person for what `proposed` says. `CLEAN` and
    `FAULT` are what an A/A run ends with."""

    HOLD = "hold"
    MOVE = "move"
    PROMOTE = "promote"
    ROLL_BACK = "roll_back"
    END_TRIAL = "end_trial"
    PROPOSE = "propose"
    CLEAN = "clean"
    FAULT = "fault"


class Aim(StrEnum):
    """What a piece of evidence speaks for."""

    WORSE = "worse"
    WORSE_IN_PAIRS = "worse_in_pairs"
    SAFE = "safe"
    SAFE_IN_PAIRS = "safe_in_pairs"
    BETTER = "better"
    BEST = "best"
    ONSET = "onset"
    OBSERVED = "observed"
    OVER_LIMIT = "over_limit"
    UNBALANCED = "unbalanced"


def key(aim: Aim, metric: str, arm: str) -> str:
    """What a finding is kept by from tick to tick."""
    return f"{aim}/{metric}/{arm}"


def parts(kept: str) -> tuple[str, str, str]:
    """Aim, metric and arm of such a key: a metric's name may have any sign in it."""
    aim, _, rest = kept.partition("/")
    metric, _, arm = rest.rpartition("/")
    return aim, metric, arm


@dataclass(frozen=True, slots=True)
class Finding:
    """One e-process: `log_e` is the log of its evidence now, `peak` the highest it was at any tick.

    Once at `threshold` it stands, even if the evidence falls later. `own`: of the model's own failures.
    """

    arm: str
    metric: str
    aim: Aim
    log_e: float
    peak: float
    threshold: float
    action: Action = Action.TELL
    own: bool = False

    @property
    def key(self) -> str:
        return key(self.aim, self.metric, self.arm)

    @property
    def reached(self) -> bool:
        return self.peak >= self.threshold


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a rollout stands: all that a decision needs of those before it.

    begun, since  when the rollout and its present stage began, seconds
    stage         index in the design
    peaks         key of a finding -> its highest log evidence so far: the latch
    onset         key of a finding -> what its detector carries from tick to tick (`strategies.watching`)
    removed       arms that were taken out, by their guardrails or by a person
    shares        of the challengers, where they have moved within a stage
    shared_at     since when they stand, and `shared_of` how many units' rewards had been known by then
    contexts      of each arm its part of 64 in every context, where what is asked decides
    ended, kept   the verdict that ended the rollout, and the arm that everybody has since
    """

    begun: float = 0.0
    since: float = 0.0
    stage: int = 0
    peaks: Mapping[str, float] = field(default_factory=dict)
    onset: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    shares: Shares = ()
    shared_at: float = 0.0
    shared_of: int = 0
    contexts: tuple[tuple[str, tuple[int, ...]], ...] = ()
    ended: Verdict | None = None
    kept: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What should stand from now on, and why.

    weights   of every arm, summing to WHOLE
    mirrors   arm -> share of units whose requests it is asked unseen
    evidence  everything it was decided by, as `releases.events` keeps it
    standing  goes into the next decision
    alerts    sentences that page a person
    proposed  what a person is asked for, with PROPOSE
    arm       which one is promoted, returned or ends its trial
    even      share of units, by a salt of their own, for whom all arms play alike whatever the weights
    """

    verdict: Verdict
    reason: str
    weights: Weights
    mirrors: tuple[tuple[str, float], ...]
    standing: Standing
    evidence: tuple[Finding, ...] = ()
    alerts: tuple[str, ...] = ()
    proposed: Verdict | None = None
    arm: str = ""
    even: float = 0.0


class Strategy(Protocol):
    """A module is one: `releases.rollout.strategies.canary` and its like."""

    def preset(self, asked: Asked) -> tuple[Stage, ...]:
        """The stages that the strategy's name alone stands for."""
        ...

    def decide(self, design: Design, counts: Counts, standing: Standing, now: float) -> Decision:
        """What should stand at `now` seconds, given everything counted so far."""
        ...
