"""The bounded queue in front of a version: fast versions run in the loop, slow ones in a thread.

A slow version in the loop would make every other one on its worker wait for it. Which it is was
measured when the version was loaded, and is revised by what its runs take.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from math import inf
from time import perf_counter, thread_time
from typing import Protocol

from scoring.blackbox import Place
from scoring.errors import DeadlineExceeded, Overloaded, PoisonRequest, RunTimedOut
from scoring.limits import Limits
from scoring.runtime.runs import RunOptions
from scoring.worker.batching import Batcher, Ran
from scoring.worker.exchange import Exchange

_WATCH_SECONDS = 0.05
"""How late a run past its deadline may be ended: small beside any deadline, and no load on a core."""
_SAMPLED = 8
"""Every eighth run is timed: a look at the thread's clock costs 3 microseconds, at the wall's 0.2."""
_ALWAYS_JOINED = 64
"""Rows; below this a run's first row costs more than all others."""
_THREAD_RUNS = 32
"""How many times longer a run may take in a thread than in the loop, where neighbours wait for it."""
_MEMORY = 1 / 16
"""Weight of the newest run: one slow run among sixteen moves no version out of the loop."""
_CLIP = 4.0
"""One run counts for at most so many bounds, so that a single pause of the machine decides nothing."""
_AT_ONCE = 30.0
"""So many bounds are no pause: the version is slow, and the next run would hold the loop again."""
_BACK_TO_FAST = 1 / 3
"""Well below the bound, so that a version at the bound does not go to and fro."""
_OWN = 0.1
"""Share of the deadline for which a run must have had a core, for its time-out to be the version's fault."""
_POISON = "this very request has ended two workers of this version: it is not run again for some minutes"


class Watch:
    """Ends runs that take longer than the deadline, from a thread of its own."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._runs: dict[object, tuple[float, RunOptions]] = {}
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def begin(self, who: object, started: float, options: RunOptions) -> None:
        self._runs[who] = (started, options)

    def end(self, who: object) -> None:
        del self._runs[who]

    def _watch(self) -> None:
        pause = threading.Event()
        while not pause.wait(_WATCH_SECONDS):
            latest = perf_counter() - self._seconds
            for started, options in list(self._runs.values()):
                if started < latest:
                    options.terminate = True


class CallSoon(Protocol):
    """`call_soon` or `call_soon_threadsafe` of an event loop."""

    def __call__(self, callback: Callable[..., object], *arguments: object) -> object: ...


class Bench:
    """A thread that runs slow versions, first in, first out, and its place in the black box."""

    def __init__(self, thread: Executor, place: Place) -> None:
        self.place = place
        self._thread = thread
        self._begun: dict[Hashable, float] = {}

    def begin(self, lane: Hashable, work: Callable[[], object]) -> None:
        """Do the work of a lane, after what was handed over before."""
        self._begun[lane] = perf_counter()
        self._thread.submit(work)

    def end(self, lane: Hashable) -> None:
        self._begun.pop(lane, None)

    def busy_since(self) -> float:
        """When the oldest group that is here was handed over, `perf_counter` seconds; infinity for none."""
        return min(self._begun.values(), default=inf)


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all lanes of a worker share. `in_loop` is the loop's place in the black box.

    patient  gives way to the loop, so that fast versions do not wait for slow ones.
    urgent   has the loop's own priority: for runs that would begin after `patience_seconds` of waiting.
    """

    call_soon: CallSoon
    call_soon_threadsafe: CallSoon
    watch: Watch
    run_options: Callable[[], RunOptions]
    limits: Limits
    in_loop: Place
    patient: Bench
    urgent: Bench


class Lane:
    """The queue of one version. `deliver` is always called in the loop.

    `marked` are requests by fingerprint that were running when a worker died: True for those that
    are not run again, False for suspects, which run alone; `cleared` hears of each that did no harm.
    """

    def __init__(
        self,
        batcher: Batcher,
        deliver: Callable[[Ran], None],
        shop: Workshop,
        run_seconds: float,
        mark: int = 0,
        cleared: Callable[[int], None] = lambda fingerprint: None,
    ) -> None:
        self._batcher = batcher
        self._deliver = deliver
        self._shop = shop
        self._most = shop.limits.queue
        self._mark = mark
        self._cleared = cleared
        self.marked: dict[int, bool] = {}
        self._options = shop.run_options()
        self._queue: list[Exchange] = []
        self._bench: Bench | None = None
        self._runs = 0
        self._mean_seconds = run_seconds
        self._most_rows = _ALWAYS_JOINED
        self.slow = run_seconds > shop.limits.slow_seconds

    def check_room(self) -> None:
        """Raises Overloaded when the queue is full."""
        if len(self._queue) >= self._most:
            raise Overloaded("too many requests are waiting: come again in a second")

    def put(self, exchange: Exchange) -> None:
        """Queue an exchange, for which there is room."""
        queue = self._queue
        if not queue and self._bench is None:
            self._shop.call_soon(self.flush)
        queue.append(exchange)

    def flush(self) -> None:
        """Run what has gathered; in a thread only the first group, so that slow versions take turns."""
        if self.marked:
            self._refuse_blocked()
        if self.slow:
            self._hand_over()
            return
        queue, self._queue = self._queue, []
        for group in self._groups(queue):
            for ran in self._run(group):
                self._deliver(ran)
            if self.marked:
                self._clear(group)
        self._revise()

    def _hand_over(self) -> None:
        if not self._queue:
            return
        group = next(iter(self._groups(self._queue)))
        self._queue = self._queue[len(group) :]
        bench = self._bench = self._choose(group[0])
        bench.begin(self, partial(self._work, group))

    def _choose(self, oldest: Exchange) -> Bench:
        """Fast versions go first, but not for ever: under a full load of theirs nothing else would run."""
        patient = self._shop.patient
        since = min(oldest.arrived, patient.busy_since())
        return patient if perf_counter() - since < self._shop.limits.patience_seconds else self._shop.urgent

    def _work(self, group: Sequence[Exchange]) -> None:
        found = self._run(group)
        self._shop.call_soon_threadsafe(self._done, group, found)

    def _done(self, group: Sequence[Exchange], found: Sequence[Ran]) -> None:
        if self._bench is not None:
            self._bench.end(self)
            self._bench = None
        for ran in found:
            self._deliver(ran)
        if self.marked:
            self._clear(group)
        self._revise()
        if self._queue:
            self.flush()

    def _groups(self, queue: Sequence[Exchange]) -> Iterator[Sequence[Exchange]]:
        """The queue in order, cut into what runs together; suspects are alone."""
        if not self.marked:
            return self._batcher.groups(queue, self._most_rows)
        return self._apart(queue)

    def _apart(self, queue: Sequence[Exchange]) -> Iterator[Sequence[Exchange]]:
        begin = 0
        for place, exchange in enumerate(queue):
            if hash(exchange.body) in self.marked:
                yield from self._batcher.groups(queue[begin:place], self._most_rows)
                yield (exchange,)
                begin = place + 1
        yield from self._batcher.groups(queue[begin:], self._most_rows)

    def _refuse_blocked(self) -> None:
        marked = self.marked
        blocked = [exchange for exchange in self._queue if marked.get(hash(exchange.body))]
        if blocked:
            self._queue = [exchange for exchange in self._queue if not marked.get(hash(exchange.body))]
            now = perf_counter()
            self._deliver(Ran(blocked, (), PoisonRequest(_POISON), now, now))

    def _clear(self, group: Sequence[Exchange]) -> None:
        """The worker has survived this group."""
        if len(group) == 1 and self.marked.get(hash(group[0].body)) is False:
            fingerprint = hash(group[0].body)
            del self.marked[fingerprint]
            self._cleared(fingerprint)

    def _run(self, group: Sequence[Exchange]) -> list[Ran]:
        now = perf_counter()
        oldest = now - self._shop.limits.deadline_seconds
        if group[0].arrived < oldest:
            return self._run_in_time(group, oldest, now)
        watch, options, bench = self._shop.watch, self._options, self._bench
        place = self._shop.in_loop if bench is None else bench.place
        began = 0.0 if bench is None else thread_time()
        watch.begin(self, now, options)
        place.run(self._mark, group, now)
        try:
            ran = (
                self._timed(group, options)
                if self._runs % _SAMPLED == 0
                else self._batcher.run(group, options)
            )
        finally:
            place.done()
            watch.end(self)
        self._runs += 1
        if options.terminate:
            self._options = self._shop.run_options()
            starved = bench is not None and thread_time() - began < self._shop.limits.deadline_seconds * _OWN
            if starved:
                ran = [_unblamed(each) for each in ran]
            elif isinstance(ran[0].error, RunTimedOut):
                self._batcher.faults += len(group)
        return ran

    def _timed(self, group: Sequence[Exchange], options: RunOptions) -> list[Ran]:
        # The thread's own time: on a busy machine the clock on the wall would call every version slow.
        used = thread_time()
        ran = self._batcher.run(group, options)
        self._learn(thread_time() - used, sum([exchange.rows for exchange in group]))
        return ran

    def _learn(self, seconds: float, rows: int) -> None:
        bound = self._shop.limits.slow_seconds
        self._most_rows = self._joined(rows, seconds)
        if seconds > bound * _AT_ONCE:
            self._mean_seconds = max(self._mean_seconds, bound * _CLIP)
        else:
            self._mean_seconds += _MEMORY * (min(seconds, bound * _CLIP) - self._mean_seconds)

    def _joined(self, rows: int, seconds: float) -> int:
        """How many rows may run together: as many as a fast run takes in the loop, where neighbours wait
        for it, and a run of milliseconds in the thread; always a few, because the first row costs most.
        """
        bound = self._shop.limits.slow_seconds * (_THREAD_RUNS if self.slow else 1)
        fast = int(rows * bound / max(seconds, 1e-9))
        return max(_ALWAYS_JOINED, min(fast, 2 * max(rows, self._most_rows), self._shop.limits.rows_per_run))

    def _run_in_time(self, group: Sequence[Exchange], oldest: float, now: float) -> list[Ran]:
        late = [exchange for exchange in group if exchange.arrived < oldest]
        there = [exchange for exchange in group if exchange.arrived >= oldest]
        error = DeadlineExceeded("the request waited longer than its deadline")
        return [Ran(late, (), error, now, now), *(self._run(there) if there else ())]

    def _revise(self) -> None:
        bound = self._shop.limits.slow_seconds
        if not self.slow:
            self.slow = self._mean_seconds > bound
        elif self._mean_seconds < bound * _BACK_TO_FAST:
            self.slow = False


def _unblamed(ran: Ran) -> Ran:
    """The machine had no core for a run, or hardly one: nobody knows what the version would have answered."""
    if not isinstance(ran.error, RunTimedOut):
        return ran
    return ran._replace(error=DeadlineExceeded("the model was not run within the deadline: the node is busy"))
