"""The benchmark: MLPerf's SingleStream and Offline scenarios against the version's own server.

Times are what a client on this machine sees, from the first byte written to the last one read. The
champion, where a server runs it, is measured in turn with the version, block by block in alternating
order: one after the other would compare two moods of the machine.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from time import perf_counter

import numpy as np

from formats.dtypes import Array
from formats.sets import Stacked, TestSet
from releases.proof.examiner import result
from releases.proof.examiner.asking import Question, Server, checked
from releases.proof.examiner.findings import Refused, TimedOut
from releases.proof.examiner.progress import Progress
from releases.proof.examiner.spec import Timing
from releases.statistics import percentiles

QUESTIONS = 64
"""Different rows in turn, so that no cache answers; each is kept as bytes, so not all of them."""
STEADY = 0.02
"""Three blocks in a row within two per cent: the machine has settled."""
WARM_UP_SHARE = 0.1
"""Of the time given; first calls load pages and lay out weights."""
LEAST_WARM_UP_QUERIES = 8
"""onnxruntime plans its memory in the first run or two; caches and branch prediction follow."""
OFFLINE_SHARE = 0.15
"""Of the time given: the latency of single queries is what limits are set for, and gets the rest."""
OFFLINE_SAMPLES = 24_576
"""As MLPerf's Offline scenario asks for at least."""
OFFLINE_ROWS = 1024
"""Beyond it a batch gains nothing on a processor, and its tensors leave the caches."""
MOST_CALL_SECONDS = 2.0
"""A call of Offline that takes longer might meet a deadline instead of an answer."""
MOST_LATE = 3
"""A server that was late three times is too slow to be measured: that is what is found."""


@dataclass(slots=True)
class Runner:
    """One server under measurement: the questions it is asked in turn, and the blocks measured so far."""

    server: Server
    questions: Iterator[Question]
    blocks: list[Array] = field(default_factory=list)
    late: int = 0

    def block(self, queries: int) -> Array:
        """Latencies in milliseconds of `queries` calls, one after another; shape (queries,)."""
        times = np.empty(queries)
        for place, question in enumerate(islice(self.questions, queries)):
            started = perf_counter()
            try:
                answer = self.server.call(question)
                times[place] = perf_counter() - started
                checked(answer)
            except TimedOut:
                # A client would have waited so long: it is a latency. Too many of them are an answer.
                times[place] = perf_counter() - started
                self.late += 1
                if self.late >= MOST_LATE:
                    raise
        return times * 1000


def measure(
    found: TestSet,
    server: Server,
    timing: Timing,
    progress: Progress,
    *,
    champion: Server | None = None,
    batchable: bool,
) -> result.Benchmark:
    """SingleStream for `timing.seconds`, then Offline where rows may be asked together.

    Raises Refused, TimedOut, BadAnswer and ServerLost.
    """
    started = perf_counter()
    progress.begin("benchmark", timing.blocks)
    ours = Runner(server, _questions(found, server))
    theirs = Runner(champion, _questions(found, champion)) if champion else None
    runners = [ours, theirs] if theirs else [ours]
    with _no_collection():
        warm = [_warm_up(runner, timing.seconds * WARM_UP_SHARE / len(runners)) for runner in runners]
        _interleaved(runners, sum(each.seconds / each.queries for each in warm), timing, progress)
    times = np.concatenate(ours.blocks)
    return result.Benchmark(
        scenario="SingleStream",
        queries=len(times),
        p50_ms=_percentile(ours.blocks, 0.5),
        p90_ms=_percentile(ours.blocks, 0.9),
        p99_ms=_percentile(ours.blocks, 0.99),
        samples_per_second=1000 * len(times) / float(times.sum()),
        warm_up=warm[0],
        blocks=len(ours.blocks),
        block_deviation=_deviation(ours.blocks),
        offline=_offline(found, server, timing, float(np.median(times)) / 1000) if batchable else None,
        champion=_beside(ours, theirs) if theirs else None,
        seconds=perf_counter() - started,
    )


def _questions(found: TestSet, server: Server) -> Iterator[Question]:
    """The set's first rows over and over, written beforehand."""
    return cycle([server.json(found.inputs.row(row)) for row in range(min(found.rows, QUESTIONS))])


@contextmanager
def _no_collection() -> Iterator[None]:
    """Python's collector would stop us, not the server, and be counted as its latency."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _warm_up(runner: Runner, seconds: float) -> result.WarmUp:
    """Until the medians of the last three blocks agree within 2 %, or the time is up."""
    medians, queries, started = list[float](), LEAST_WARM_UP_QUERIES, perf_counter()
    first = float(np.median(runner.block(queries)))
    size = max(LEAST_WARM_UP_QUERIES, int(seconds * 1000 / 10 / first))
    while True:
        medians.append(float(np.median(runner.block(size))))
        queries += size
        last, spent = medians[-3:], perf_counter() - started
        steady = len(last) == 3 and max(last) - min(last) <= STEADY * min(last)
        if steady or (len(last) == 3 and spent >= seconds):
            return result.WarmUp(queries, spent, steady)


def _interleaved(runners: Sequence[Runner], pace: float, timing: Timing, progress: Progress) -> None:
    """`timing.blocks` blocks for each, all of one size, in turn and in alternating order.

    pace   seconds that one query to each of them took while warming up.
    """
    queries = max(1, int(timing.seconds * (1 - WARM_UP_SHARE) / timing.blocks / pace))
    for turn in range(timing.blocks):
        for runner in runners if turn % 2 else reversed(runners):
            runner.blocks.append(runner.block(queries))
        progress.tell(turn + 1)


def _percentile(blocks: Sequence[Array], share: float) -> result.Percentile:
    """With its interval by order statistics, widened as far as neighbouring calls are alike."""
    ordered = np.sort(np.concatenate(list(blocks)))
    value = percentiles.value(ordered, share)
    if len(ordered) < percentiles.least(share):
        return result.Percentile(value, None, None)
    effect = percentiles.design_effect(blocks, value)
    return result.Percentile(value, *percentiles.interval(ordered, share, design_effect=effect))


def _deviation(blocks: Sequence[Array]) -> float:
    medians = np.array([np.median(block) for block in blocks])
    return float(medians.std(ddof=1) / medians.mean())


def _beside(ours: Runner, theirs: Runner) -> result.Beside:
    pairs = zip(ours.blocks, theirs.blocks, strict=True)
    ratios = np.sort([np.median(one) / np.median(other) for one, other in pairs])
    return result.Beside(
        p50_ms=_percentile(theirs.blocks, 0.5),
        p90_ms=_percentile(theirs.blocks, 0.9),
        p99_ms=_percentile(theirs.blocks, 0.99),
        ratio=result.Percentile(float(np.median(ratios)), *percentiles.interval(ratios, 0.5)),
        noise=_deviation(theirs.blocks),
    )


def _offline(found: TestSet, server: Server, timing: Timing, query_s: float) -> result.Offline | None:
    """All samples at once, in calls as large as they go; None where the version does not take them.

    query_s   seconds of a query with one row: so many rows that the call could not be answered are not asked.
    """
    if not isinstance(found.inputs, Stacked) or found.kind != "samples":
        return None
    rows = min(OFFLINE_ROWS, max(2, int(MOST_CALL_SECONDS / query_s)))
    while rows > 1:
        try:
            return _offline_with(rows, found.inputs, found.rows, server, timing)
        except (Refused, TimedOut):
            rows //= 2
    return None


def _offline_with(rows: int, inputs: Stacked, held: int, server: Server, timing: Timing) -> result.Offline:
    """Two calls are under way at a time, so that the server never waits for the client."""
    index = np.arange(rows) % held
    batch = {name: np.ascontiguousarray(array[index]) for name, array in inputs.arrays.items()}
    limit = perf_counter() + timing.seconds * OFFLINE_SHARE
    for _ in server.ask_many([batch], ()):
        pass
    calls, started = 0, perf_counter()
    for _ in server.ask_many(cycle([batch]), ()):
        calls += 1
        if calls * rows >= OFFLINE_SAMPLES or (calls >= 3 and perf_counter() >= limit):
            break
    samples = calls * rows
    return result.Offline(rows, samples, samples / (perf_counter() - started))
