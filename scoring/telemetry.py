"""Counters and latency histograms that merge by addition: over flushes, workers, nodes and time."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

BOUNDS_S = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01),
    *(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""Upper bounds in seconds of the buckets that `/metrics` shows; one more holds what is above."""
STEPS = 16
"""Between two bounds, which are at most 2.5 times apart: a percentile is told within six per cent."""
_LOWEST_S = 0.00001
"""Ten microseconds: below what any answer takes."""
_FOLD = 4096
"""Latencies that wait to be sorted together: ten times cheaper than one by one, and 32 kB a version."""
OVER_AFTER_S = 120.0
"""No request is under way for so long: its deadline is ten seconds after its last byte has come."""


def _fine() -> Iterator[float]:
    yield _LOWEST_S
    low = _LOWEST_S
    for high in BOUNDS_S:
        yield from (low * (high / low) ** (step / STEPS) for step in range(1, STEPS))
        yield high
        low = high


FINE_S = tuple(_fine())
"""Upper bounds of what is kept: each of the above cut into 16 equal steps, so that the sums at the
coarse bounds are exact and a quantile is known within 6 % (11 % below 50 microseconds)."""


class Cell(NamedTuple):
    """What is counted apart: one arm of one version, under one revision of the model's entry.

    `arm` is the plan's reason, or `named`, `internal`, `mirror` or `fallback`. `revision` is of the entry
    that chose the arm, 0 where none was chosen, or where that is long over and its counts have been told.
    """

    model: str
    version: int
    arm: str
    revision: int = 0


class Meter:
    """The counters of one cell in one process. `buckets` maps a place in `FINE_S` to a count.

    `hits` and `misses` are of the answer cache, where the version has one; `dropped` are columns of
    tables that it has no use for; `outside` counts values beyond an input's limits that were let pass, by
    its name, and `beyond` the requests that held any. Of what was run, `split` has the seconds of reading,
    waiting, running and writing, summed over requests, and `last_ms` the epoch time of the last answer.
    """

    __slots__ = (
        *("_buckets", "_requests", "_seconds", "_waiting"),
        *("beyond", "dropped", "errors", "hits", "last_ms", "misses", "outside", "rows", "runs", "split"),
    )

    def __init__(self) -> None:
        self.rows = 0
        self.hits = self.misses = self.dropped = 0
        self.runs = self.last_ms = 0
        self.split = [0.0, 0.0, 0.0, 0.0]
        self.errors: Counter[str] = Counter()
        self.outside: Counter[str] = Counter()
        self.beyond: Counter[str] = Counter()
        self._requests = 0
        self._seconds = 0.0
        self._buckets: Counter[int] = Counter()
        self._waiting: list[float] = []

    def answered(self, latencies: Sequence[float], rows: int) -> None:
        """Count the answers of one run, in seconds from a request's last byte in to its answer out."""
        self.rows += rows
        waiting = self._waiting
        waiting.extend(latencies)
        if len(waiting) >= _FOLD:
            self._fold()

    def ran(self, exchanges: Sequence[Timed], started: float, ended: float, now: float, at_ms: int) -> None:
        """Count where the time of a run's requests went. Times are `perf_counter` seconds."""
        many = len(exchanges)
        split = self.split
        if many == 1:
            decoded = exchanges[0].decoded
            split[0] += decoded - exchanges[0].arrived
        else:
            decoded = sum([exchange.decoded for exchange in exchanges]) / many
            split[0] += decoded * many - sum([exchange.arrived for exchange in exchanges])
        split[1] += (started - decoded) * many
        split[2] += (ended - started) * many
        split[3] += (now - ended) * many
        self.runs += 1
        self.last_ms = at_ms

    def failed(self, code: str) -> None:
        self._requests += 1
        self.errors[code] += 1

    @property
    def requests(self) -> int:
        return self._requests + len(self._waiting)

    @property
    def seconds(self) -> float:
        self._fold()
        return self._seconds

    @property
    def buckets(self) -> Counter[int]:
        self._fold()
        return self._buckets

    def to_json(self) -> dict[str, object]:
        self._fold()
        return {
            "requests": self._requests,
            "rows": self.rows,
            "hits": self.hits,
            "misses": self.misses,
            "dropped": self.dropped,
            "outside": {name: count for name, count in self.outside.items() if count},
            "beyond": {name: count for name, count in self.beyond.items() if count},
            "runs": self.runs,
            "split": self.split,
            "last_ms": self.last_ms,
            "seconds": self._seconds,
            "errors": {code: count for code, count in self.errors.items() if count},
            "buckets": sorted((place, count) for place, count in self._buckets.items() if count),
        }

    def add(self, document: Mapping[str, Any], times: int = 1) -> None:
        """Merge what was counted elsewhere, in the form of `to_json`; -1 takes it away again."""
        self._requests += times * document["requests"]
        self.rows += times * document["rows"]
        self.hits += times * document.get("hits", 0)
        self.misses += times * document.get("misses", 0)
        self.dropped += times * document.get("dropped", 0)
        self.runs += times * document.get("runs", 0)
        self.last_ms = max(self.last_ms, document.get("last_ms", 0))
        for place, part in enumerate(document.get("split", ())):
            self.split[place] += times * part
        self._seconds += times * document["seconds"]
        for name, count in document.get("outside", {}).items():
            self.outside[name] += times * count
        for name, count in document.get("beyond", {}).items():
            self.beyond[name] += times * count
        for code, count in document["errors"].items():
            self.errors[code] += times * count
        for place, count in document["buckets"]:
            self._buckets[place] += times * count

    def _fold(self) -> None:
        """Sort what waits and count it bucket by bucket: much cheaper than one at a time."""
        waiting = self._waiting
        if not waiting:
            return
        self._waiting = []
        waiting.sort()
        self._requests += len(waiting)
        self._seconds += sum(waiting)
        done = 0
        while done < len(waiting):
            place = bisect_left(FINE_S, waiting[done])
            upto = bisect_right(waiting, FINE_S[place], done) if place < len(FINE_S) else len(waiting)
            self._buckets[place] += upto - done
            done = upto


class Counted(Protocol):
    """Who answered, as far as counting knows it."""

    @property
    def meter(self) -> Meter: ...


class Timed(Protocol):
    """A request, as far as counting knows it. Times are `perf_counter` seconds."""

    @property
    def arrived(self) -> float: ...
    @property
    def decoded(self) -> float: ...
    @property
    def rows(self) -> int: ...
    @property
    def target(self) -> Counted: ...


def count(exchanges: Sequence[Timed], now: float, rows: int) -> None:
    """Count the answers of one run: one call for all, unless its exchanges came by different arms.

    now   when their replies were ready, `perf_counter` seconds.
    rows  the sum over all exchanges.
    """
    first = exchanges[0]
    meter = first.target.meter
    if len(exchanges) == 1:
        meter.answered((now - first.arrived,), rows)
        return
    latencies = [now - exchange.arrived for exchange in exchanges if exchange.target.meter is meter]
    if len(latencies) == len(exchanges):
        meter.answered(latencies, rows)
        return
    for exchange in exchanges:
        exchange.target.meter.answered([now - exchange.arrived], exchange.rows)


Rows = list[list[Any]]
"""Cells as they travel: model, version, arm, and the meter in which the revision stands too. So who knows
of no revisions adds those of one arm."""


class Meters:
    """All counters of one process, or the sum over several."""

    def __init__(self) -> None:
        self.cells: dict[Cell, Meter] = {}
        self.refused: Counter[str] = Counter()
        self._left: dict[Cell, float] = {}

    def cell(self, cell: Cell) -> Meter:
        return self.cells.setdefault(cell, Meter())

    def to_json(self) -> dict[str, object]:
        """Only what has counted anything: most versions of a large plan are asked by nobody."""
        cells = self._rows([cell for cell, meter in self.cells.items() if meter.requests])
        return {"cells": cells, "refused": {code: n for code, n in self.refused.items() if n}}

    def add(self, document: Mapping[str, Any], times: int = 1) -> None:
        self.add_rows(document["cells"], times)
        for code, count in document["refused"].items():
            self.refused[code] += times * count

    def add_rows(self, rows: Rows, times: int = 1) -> None:
        for model, version, arm, meter in rows:
            self.cell(Cell(model, version, arm, meter.get("revision", 0))).add(meter, times)

    def by_arm(self) -> Meters:
        """The sums over revisions."""
        total = Meters()
        total.add(self.to_json())
        for cell in [cell for cell in total.cells if cell.revision]:
            total.settle(cell)
        return total

    # ---- revisions come and go

    def follow(self, revisions: Mapping[str, int], now: float) -> None:
        """These revisions are in force from now on, by model: what was chosen by others comes to its end."""
        for cell in self.cells:
            if cell.revision and revisions.get(cell.model) != cell.revision:
                self._left.setdefault(cell, now)
            else:
                self._left.pop(cell, None)

    def ended(self, now: float) -> Rows:
        """The last rows of what was chosen by a revision that is over, and by which nobody is answered any
        more; they are forgotten here."""
        over = [cell for cell, since in self._left.items() if now - since > OVER_AFTER_S]
        rows = self._rows([cell for cell in over if self.cells[cell].requests])
        for cell in over:
            del self.cells[cell], self._left[cell]
        return rows

    def settle(self, cell: Cell) -> None:
        """Keep what a revision has counted with what was counted before it, under none."""
        if (meter := self.cells.pop(cell, None)) is not None:
            self.cell(cell._replace(revision=0)).add(meter.to_json())

    def _rows(self, cells: Iterable[Cell]) -> Rows:
        return [[*cell[:3], {**self.cells[cell].to_json(), "revision": cell.revision}] for cell in cells]

    def requests(self) -> int:
        return sum(meter.requests for meter in self.cells.values()) + sum(self.refused.values())

    def errors(self) -> int:
        return sum(sum(meter.errors.values()) for meter in self.cells.values()) + sum(self.refused.values())


def at_coarse_bounds(buckets: Mapping[int, int]) -> list[int]:
    """Counts per bucket of `BOUNDS_S`, the last one for what is above."""
    counts = [0] * (len(BOUNDS_S) + 1)
    for place, count in buckets.items():
        counts[max(place - 1, 0) // STEPS] += count
    return counts


def quantile(buckets: Mapping[int, int], q: float) -> float | None:
    """The latency in seconds that a share `q` of the answers did not exceed; None without any.

    Exact to the width of a bucket; what lies above the last bound is told as that bound.
    """
    pairs = sorted(buckets.items())
    total = sum(count for _, count in pairs)
    if total <= 0:
        return None
    wanted, seen = q * total, 0
    for place, count in pairs:
        if count and seen + count >= wanted:
            return _within(place, (wanted - seen) / count)
        seen += count
    return FINE_S[-1]


def _within(place: int, part: float) -> float:
    if place >= len(FINE_S):
        return FINE_S[-1]
    high = FINE_S[place]
    low = FINE_S[place - 1] if place else high / 2
    return low * math.pow(high / low, part)
