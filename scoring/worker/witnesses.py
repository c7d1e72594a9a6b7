"""What a worker tells of the units of a rollout: facts, each once as far as it remembers.

A unit comes again and again, so most requests have nothing new to tell: a look into a set. What the
worker has forgotten it tells again, and the control plane keeps the first word (`formats.evidence`).
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from formats.dtypes import Array
from formats.evidence import ERRORS, INVALID, TIMEOUTS, Fact, FactKind
from formats.plan import WHOLE, ModelPlan, PlannedRollout
from scoring.control import Witnessed
from scoring.errors import (
    DeadlineExceeded,
    InferenceFailed,
    InvalidOutput,
    OutputTooLarge,
    Overloaded,
    PoisonRequest,
    ScoringError,
    VersionBroken,
)
from scoring.routing import PAIRED, SAMPLED, drawer
from scoring.worker.exchange import Exchange

MOST_UNITS = 1 << 16
"""Of each kind of fact; some 5 MB. Who has more units tells some of them again."""
MOST_FACTS = 20_000
"""What may wait for the node, which takes them ten times a second."""
_UNTOLD = "what became of a request could not be told of its unit"
_OWN_ERRORS = (InferenceFailed, OutputTooLarge, VersionBroken, PoisonRequest, Overloaded)
log = logging.getLogger(__name__)


def bad_metric(error: ScoringError) -> str | None:
    """Which metric counts the error as the arm's own; None for a mistake of the client."""
    if isinstance(error, InvalidOutput):
        return INVALID
    if isinstance(error, DeadlineExceeded):
        return TIMEOUTS
    if isinstance(error, _OWN_ERRORS) or type(error) is ScoringError:
        return ERRORS
    return None


class Facts:
    """What a worker has to tell its node. Bounded: what does not fit is counted as lost."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, Fact]] = []
        self._lost: Counter[int] = Counter()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def offer(self, rollout: int, fact: Fact) -> None:
        if len(self._waiting) < MOST_FACTS:
            self._waiting.append((rollout, fact))
        else:
            self._lost[rollout] += 1

    def take(self) -> Witnessed:
        taken = Witnessed(self._waiting, dict(self._lost))
        self._waiting, self._lost = [], Counter()
        return taken


class Once:
    """Units of which one thing was said already."""

    def __init__(self) -> None:
        self._known: set[int] = set()

    def __contains__(self, unit: int) -> bool:
        return unit in self._known

    def first(self, unit: int) -> bool:
        known = self._known
        if unit in known:
            return False
        if len(known) >= MOST_UNITS:
            known.clear()
        known.add(unit)
        return True


class Draws(NamedTuple):
    """A rollout's draws for a unit, beside the one for its arm."""

    sampled: Callable[[int], int]
    paired: Callable[[int], int]


@dataclass(frozen=True, slots=True)
class Teller:
    """Says of units under one revision what was not yet said of them, if they are in the rollout's sample."""

    rollout: PlannedRollout
    revision: int
    draws: Draws
    facts: Facts
    known: dict[tuple[int, str, int, int], Once]

    def samples(self, unit: int) -> bool:
        """Whether the unit is in the rollout's sample."""
        sample = self.rollout.sample
        return not sample or self.draws.sampled(unit) < WHOLE >> sample

    def once(self, kind: str, version: int, about: int = 0) -> Once:
        """The units of which this was said."""
        key = (self.rollout.id, kind, version, about)
        once = self.known.get(key)
        if once is None:
            once = self.known[key] = Once()
        return once

    def tell(self, kind: str, version: int, unit: int, *, about: int = 0, value: int = 0) -> None:
        if self.once(kind, version, about).first(unit) and self.samples(unit):
            self.facts.offer(self.rollout.id, Fact(kind, self.revision, version, about, unit, value))


class Paired(Protocol):
    """Who asks the other versions what a client has asked an arm."""

    def answered(self, exchange: Exchange, arrays: Sequence[Array] | None) -> None: ...

    def failed(self, exchange: Exchange, error: ScoringError) -> None: ...

    def told_by(self, teller: Teller) -> Paired:
        """The same, telling what it finds as another would."""
        ...


class ArmWitness:
    """Hears what became of each request to one arm. `replaced`: another version answers, which is the arm's
    own error; it was given up on this node. Never raises: evidence must not cost an answer.

    context  of its requests, where that is told; `chosen`: and by it, so that what they meet says nothing of
             the arm beside another one, whose units ask otherwise
    """

    def __init__(
        self,
        teller: Teller,
        version: int,
        *,
        replaced: bool = False,
        pairing: Paired | None = None,
        context: int | None = None,
        chosen: bool = False,
    ) -> None:
        self._teller = teller
        self._version = version
        self._replaced = replaced
        self._counted = teller.rollout.counted and not chosen
        self._context = context
        told = teller.rollout
        slack_ms = 0.0 if version == told.baseline else told.slack_ms
        self._slow_ms = tuple(each + slack_ms for each in told.slow_ms)
        self._pairing = pairing
        self._seen = teller.once(FactKind.SEEN, version)
        self.pairs = pairing is not None

    def answered(self, exchange: Exchange, now: float, arrays: Sequence[Array] | None) -> None:
        try:
            if self._context is not None:
                self._told_of(exchange.unit)
            if self._counted:
                self._count(exchange, now)
            if self._pairing is not None:
                self._pairing.answered(exchange, arrays)
        except Exception:
            log.exception(_UNTOLD)

    def failed(self, exchange: Exchange, error: ScoringError) -> None:
        try:
            metric = bad_metric(error)
            if self._context is not None and metric is not None:
                self._told_of(exchange.unit)
            if self._counted and metric is not None:
                self._bad(exchange.unit, ERRORS if self._replaced else metric)
            if self._pairing is not None:
                self._pairing.failed(exchange, error)
        except Exception:
            log.exception(_UNTOLD)

    def of_revision(self, revision: int) -> ArmWitness:
        """The same of units whose arm an earlier revision gave."""
        teller = replace(self._teller, revision=revision)
        pairing = None if self._pairing is None else self._pairing.told_by(teller)
        return ArmWitness(teller, self._version, replaced=self._replaced, pairing=pairing)

    def in_context(self, context: int, *, chosen: bool) -> ArmWitness:
        """The same of units that ask that; nobody pairs where what is asked decides."""
        return ArmWitness(
            self._teller, self._version, replaced=self._replaced, context=context, chosen=chosen
        )

    def _told_of(self, unit: int) -> None:
        """Of a unit whose arm fails, too: what comes of it is the arm's. What it asks first is told, and not
        what it asks of other versions later."""
        teller = self._teller
        if teller.once(FactKind.CONTEXT, 0).first(unit) and teller.samples(unit):
            fact = Fact(FactKind.CONTEXT, teller.revision, self._version, 0, unit, self._context or 0)
            teller.facts.offer(teller.rollout.id, fact)

    def _count(self, exchange: Exchange, now: float) -> None:
        if self._replaced:
            self._bad(exchange.unit, ERRORS)
        elif exchange.unit not in self._seen:
            slower_than = bisect_left(self._slow_ms, (now - exchange.arrived) * 1e3)
            self._teller.tell(FactKind.SEEN, self._version, exchange.unit, value=slower_than)

    def _bad(self, unit: int, metric: str) -> None:
        latency = len(self._slow_ms) if metric == TIMEOUTS else -1
        self._teller.tell(FactKind.SEEN, self._version, unit, value=latency)
        self._teller.tell(FactKind(metric), self._version, unit)


@dataclass(frozen=True, slots=True)
class Witnesses:
    """The witnesses of a worker. What they remember outlives the revisions of a rollout."""

    facts: Facts = field(default_factory=Facts)
    known: dict[tuple[int, str, int, int], Once] = field(default_factory=dict)

    def teller(self, rollout: PlannedRollout, model: ModelPlan) -> Teller:
        draws = Draws(drawer(model.salt, SAMPLED), drawer(model.salt, PAIRED))
        return Teller(rollout, model.revision, draws, self.facts, self.known)

    def keep(self, rollouts: Collection[int]) -> None:
        """Forget the rollouts that are over."""
        for key in [key for key in self.known if key[0] not in rollouts]:
            del self.known[key]
