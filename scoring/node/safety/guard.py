"""What a node does about versions that kill or fail: count, isolate their requests, give them up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from time import perf_counter, time
from typing import Any

from formats.evidence import Fact
from formats.plan import Key, ModelPlan
from scoring import blackbox
from scoring.control import Cleared, Marked, Stats
from scoring.node.safety.breaker import Breaker
from scoring.node.safety.poison import Poison
from scoring.node.safety.taken import units_taken
from scoring.node.versions.loading import Loading
from scoring.node.workers.crashes import Crash, CrashCounts, box_of, crash_of, last_words, trace_of
from scoring.node.workers.fleet import Fleet, Worker

log = logging.getLogger(__name__)


class Guard:
    """`changed` is called when what is broken on this node has changed."""

    def __init__(self, fleet: Fleet, loading: Loading, boxes: Path, changed: Callable[[], None]) -> None:
        self._fleet = fleet
        self._loading = loading
        self._boxes = boxes
        self._changed = changed
        self._counts = CrashCounts()
        self._breaker = Breaker()
        self._poison: dict[Key, Poison] = {}
        self._seen: dict[tuple[Worker, Key], tuple[int, int]] = {}

    def ended(self, worker: Worker, code: int, models: Mapping[str, ModelPlan]) -> list[tuple[int, Fact]]:
        """A worker is gone. Whatever it was doing when it died is held against that version; what it took
        with it is told of the rollouts of `models`, the entries in force."""
        self._seen = {pair: seen for pair, seen in self._seen.items() if pair[0] is not worker}
        notes = blackbox.read(box_of(self._boxes, worker.slot)) if code else []
        last = last_words(trace_of(self._boxes, worker.slot))
        marks = self._loading.keys_by_mark()
        crash = crash_of(code, notes, last, marks, worker.cells)
        self._loading.released(worker, crash)
        if code:
            self._crashed(crash)
        return list(units_taken(notes, crash, marks, models))

    def _crashed(self, crash: Crash) -> None:
        self._counts.add(crash)
        if crash.key is None:
            return
        doing = "loading" if crash.loading else "running"
        log.error("a worker died (%s) %s version %s of %s", crash.how, doing, crash.key[1], crash.key[0])
        if not crash.loading:
            self._poison.setdefault(crash.key, Poison()).crashed(crash, perf_counter())
            self._mark(crash.key)
            if self._breaker.crashed(crash.key, crash, time()):
                self._tripped(crash.key)

    def cleared(self, message: Cleared) -> None:
        """A suspect was run alone, and the worker lived on."""
        poison = self._poison.get(message.key)
        if poison is not None and poison.cleared(message.fingerprint):
            self._mark(message.key)

    def counted(self, worker: Worker, stats: Stats) -> None:
        """Look at how often versions failed by their own fault since the worker's last word."""
        for key, faults in stats.faults:
            requests = sum(
                cell[3]["requests"] for cell in stats.meters["cells"] if (cell[0], cell[1]) == key[:2]
            )
            before = self._seen.get((worker, key), (requests - faults, 0))
            self._seen[worker, key] = (requests, faults)
            if self._breaker.ran(key, requests - before[0], faults - before[1], time()):
                self._tripped(key)

    def inform(self, worker: Worker) -> None:
        """Tell a new worker what is suspected and blocked."""
        for key in self._poison:
            worker.link.send(self._marked(key))

    def keep(self, needed: Collection[Key]) -> None:
        """Forget the versions that the plan names no more, and what is over."""
        self._breaker.keep(needed)
        for key in [key for key in self._poison if key not in needed]:
            del self._poison[key]

    def tick(self) -> None:
        for key, poison in self._poison.items():
            if poison.expire(perf_counter()):
                self._mark(key)

    def broken(self) -> dict[Key, str]:
        """The versions that are not run here any more, and why."""
        return {key: trip.why for key, trip in self._breaker.tripped.items()}

    def facts(self) -> dict[str, Any]:
        return self._counts.to_json()

    def trips(self) -> dict[str, dict[str, object]]:
        """By model and number, for the heartbeat."""
        found: dict[str, dict[str, Any]] = {}
        for (model, number, digest), trip in self._breaker.tripped.items():
            found.setdefault(model, {})[str(number)] = trip.to_json(digest)
        return found

    def samples(self) -> Iterable[tuple[str, Mapping[str, object], float]]:
        yield from self._counts.samples()
        for model, number, _ in sorted(self._breaker.tripped):
            yield "assay_version_broken", {"model": model, "version": number}, 1
        for (model, number, _), poison in sorted(self._poison.items()):
            yield "assay_poison_blocked", {"model": model, "version": number}, len(poison.blocked())

    def _tripped(self, key: Key) -> None:
        log.error("version %s of %s is given up: %s", key[1], key[0], self._breaker.tripped[key].why)
        self._changed()

    def _mark(self, key: Key) -> None:
        self._fleet.send(self._marked(key))

    def _marked(self, key: Key) -> Marked:
        poison = self._poison[key]
        return Marked(key, poison.suspects(), poison.blocked())
