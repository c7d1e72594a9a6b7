"""Both answers to one request: the other versions are asked what a client has asked, and nobody hears them.

They are asked once the client has its answer. What became of it is kept until that of the others is known;
what differs is worked out in a thread of its own (`differing`). All of it is bounded: what a worker has no
room or time for is dropped, counted as `mirror_dropped`, and no evidence for or against anybody.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from formats.dtypes import Array
from formats.evidence import BAD, ERRORS, FactKind, alone
from formats.plan import WHOLE
from scoring.errors import DeadlineExceeded, MirrorDropped, Overloaded, ScoringError
from scoring.worker.differing import Comparison
from scoring.worker.exchange import Exchange, Mirror
from scoring.worker.lanes import CallSoon
from scoring.worker.mirrors import Mirrors
from scoring.worker.witnesses import Teller, bad_metric

_TEXT_BYTES = 100
"""What a text among outputs is taken to need: to look at each would take longer than to keep them."""
log = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """What a version made of a request: its outputs, or the metric that its failure counts for; neither,
    where it refused the request as the client's mistake."""

    arrays: Sequence[Array] | None = None
    metric: str | None = None


REFUSED = Outcome()


class Pairs:
    """All pairs of a worker that wait for an answer or a comparison."""

    def __init__(
        self,
        mirrors: Mirrors,
        thread: Executor,
        call_soon: CallSoon,
        call_soon_threadsafe: CallSoon,
        *,
        most: int,
        most_bytes: int,
    ) -> None:
        self.mirrors = mirrors
        self._thread = thread
        self._soon, self._soon_threadsafe = call_soon, call_soon_threadsafe
        self._most, self._most_bytes = most, most_bytes
        self._due: list[Pair] = []
        self._jobs: list[Job] = []
        self._comparing = False
        self.open = self.bytes = 0

    def begin(self, pair: Pair) -> None:
        """Ask the others as soon as the client's answer has gone out."""
        if self.open >= self._most or not self.has_room(pair.bytes):
            pair.drop()
            return
        self.open += 1
        self.bytes += pair.bytes
        if not self._due:
            self._soon(self._ask)
        self._due.append(pair)

    def has_room(self, size: int) -> bool:
        return self.bytes + size <= self._most_bytes

    def compare(self, jobs: Sequence[Job]) -> None:
        self._jobs += jobs
        if not self._comparing:
            self._comparing = True
            self._hand_over()

    def end(self, pair: Pair) -> None:
        self.open -= 1
        self.bytes -= pair.bytes

    def _ask(self) -> None:
        due, self._due = self._due, []
        for pair in due:
            pair.ask()

    def _hand_over(self) -> None:
        jobs, self._jobs = self._jobs, []
        self._thread.submit(self._work, jobs)

    def _work(self, jobs: Sequence[Job]) -> None:
        found = [job.differ() for job in jobs]
        self._soon_threadsafe(self._compared, jobs, found)

    def _compared(self, jobs: Sequence[Job], found: Sequence[bool | None]) -> None:
        for job, differs in zip(jobs, found, strict=True):
            job.pair.compared(job.about, differs)
        if self._jobs:
            self._hand_over()
        else:
            self._comparing = False


@dataclass(frozen=True, slots=True)
class Pairing:
    """Of the requests that one arm answers, which are asked of whom.

    baseline     the version that the challengers are compared with
    comparisons  by challenger
    mirrors      the others, and the arm's own version: what it gave out of its cache is worked out again
    most         the draw of a unit whose requests are paired is below
    """

    pairs: Pairs
    teller: Teller
    version: int
    baseline: int
    comparisons: Mapping[int, Comparison]
    mirrors: Mapping[int, Mirror]
    most: int

    def answered(self, exchange: Exchange, arrays: Sequence[Array] | None) -> None:
        """A client has an answer; `arrays` is None where it was given before."""
        if self._is_paired(exchange.unit):
            kept = None if arrays is None else Outcome([_own(array) for array in arrays])
            self.pairs.begin(Pair(self, exchange, kept))

    def failed(self, exchange: Exchange, error: ScoringError) -> None:
        """A client has none. Where the baseline took it for a mistake of the client's, it is."""
        metric = bad_metric(error)
        mistaken = metric is None and self.version == self.baseline
        if not mistaken and not _says_nothing(error) and self._is_paired(exchange.unit):
            self.pairs.begin(Pair(self, exchange, Outcome(metric=metric)))

    def told_by(self, teller: Teller) -> Pairing:
        return replace(self, teller=teller)

    def _is_paired(self, unit: int) -> bool:
        return (self.most >= WHOLE or self.teller.draws.paired(unit) < self.most) and self.teller.samples(
            unit
        )


class Pair:
    """One request, and what each version that is compared has made of it."""

    __slots__ = ("_compares", "_exchange", "_outcomes", "_pairing", "_unit", "_waits", "bytes")

    def __init__(self, pairing: Pairing, exchange: Exchange, answered: Outcome | None) -> None:
        self._pairing, self._exchange, self._unit = pairing, exchange, exchange.unit
        self._outcomes = {} if answered is None else {pairing.version: answered}
        self._waits = self._compares = 0
        self.bytes = 0 if answered is None else _held(answered)

    def drop(self) -> None:
        for mirror in self._others():
            mirror.target.meter.failed(MirrorDropped.code)

    def ask(self) -> None:
        """Ask all others. Who does not even take the request has said so."""
        others, pairing, exchange = self._others(), self._pairing, self._exchange
        was_read = self._outcomes.get(pairing.version, REFUSED).arrays is not None
        self._waits = len(others)
        del self._exchange
        for mirror in others:
            try:
                pairing.pairs.mirrors.send(exchange, mirror, alike=mirror.alike and was_read, pair=self)
            except ScoringError as error:
                mirror.target.meter.failed(error.code)
                self.heard(mirror.target.version.number, None, error)

    def heard(self, version: int, arrays: Sequence[Array] | None, error: ScoringError | None) -> None:
        """What another version made of it."""
        self._know(version, arrays, error)
        self._waits -= 1
        if not self._waits:
            self._settle()

    def compared(self, about: int, differs: bool | None) -> None:
        if differs is not None:
            self._tell(about, FactKind.PAIRED)
            if differs:
                self._tell(about, FactKind.DIFFERED)
        self._compares -= 1
        if not self._compares:
            self._pairing.pairs.end(self)

    def _others(self) -> list[Mirror]:
        return [mirror for number, mirror in self._pairing.mirrors.items() if number not in self._outcomes]

    def _know(self, version: int, arrays: Sequence[Array] | None, error: ScoringError | None) -> None:
        pairs = self._pairing.pairs
        if error is not None:
            # The client has its answer: that the same version fails now says something of the moment.
            if not _says_nothing(error) and version != self._pairing.version:
                self._outcomes[version] = Outcome(metric=bad_metric(error))
            return
        outcome = Outcome([_own(array) for array in arrays or ()])
        size = _held(outcome)
        if pairs.has_room(size):
            self._outcomes[version] = outcome
            self.bytes += size
            pairs.bytes += size
        else:
            self._pairing.mirrors[version].target.meter.failed(MirrorDropped.code)

    def _settle(self) -> None:
        pairing = self._pairing
        baseline = self._outcomes.get(pairing.baseline, REFUSED)
        jobs = []
        for about, comparison in pairing.comparisons.items():
            challenger = self._outcomes.get(about)
            if challenger is None or baseline == REFUSED:
                continue
            if baseline.arrays is not None and challenger.arrays is not None:
                jobs.append(Job(self, about, comparison, baseline.arrays, challenger.arrays))
            elif challenger != REFUSED or baseline.arrays is not None:
                self._judge(about, baseline, challenger)
        self._compares = len(jobs)
        if jobs:
            pairing.pairs.compare(jobs)
        else:
            pairing.pairs.end(self)

    def _judge(self, about: int, baseline: Outcome, challenger: Outcome) -> None:
        """At least one has failed; a challenger also by not taking what the baseline answers."""
        metric = ERRORS if challenger == REFUSED else challenger.metric
        self._tell(about, FactKind.PAIRED)
        if (baseline.metric is None) != (metric is None):
            self._tell(about, FactKind.DIFFERED)
        for each in BAD:
            if (each == metric) != (each == baseline.metric):
                self._tell(about, alone(each), value=int(each == metric))

    def _tell(self, about: int, kind: str, value: int = 0) -> None:
        self._pairing.teller.tell(kind, self._pairing.version, self._unit, about=about, value=value)


class Job(NamedTuple):
    """Two answers to be compared."""

    pair: Pair
    about: int
    comparison: Comparison
    baseline: Sequence[Array]
    challenger: Sequence[Array]

    def differ(self) -> bool | None:
        try:
            return self.comparison.differ(self.baseline, self.challenger)
        except Exception:
            log.exception("two answers could not be compared")
            return None


def _says_nothing(error: ScoringError) -> bool:
    """Whether the node was too busy to say what the version would have answered."""
    return isinstance(error, Overloaded | MirrorDropped) or type(error) is DeadlineExceeded


def _own(array: Array) -> Array:
    """The array, without those of the requests that ran with it: it would keep them all."""
    base = array.base
    return array.copy() if isinstance(base, np.ndarray) and base.size > array.size else array


def _held(outcome: Outcome) -> int:
    """Roughly the bytes that it keeps."""
    arrays = outcome.arrays or ()
    return sum([array.nbytes if array.dtype.kind != "O" else array.size * _TEXT_BYTES for array in arrays])
