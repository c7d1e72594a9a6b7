"""What is counted under revisions that come and go is told exactly, and kept by nobody."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from scoring.control import Stats
from scoring.node.outbox.evidence import Evidence
from scoring.node.outbox.flushing import Flusher
from scoring.node.workers.fleet import Fleet
from scoring.telemetry import OVER_AFTER_S, Cell, Meters


class Kept:
    """An outbox that keeps what is appended."""

    bytes = 0

    def __init__(self):
        self.flushes = []

    async def append(self, body):
        self.flushes.append(body)


class Node:
    """A fleet of workers without processes, and its flusher."""

    def __init__(self, workers=2):
        self.fleet = Fleet(SimpleNamespace(listeners=[]), None, None, None)
        self.fleet._events = SimpleNamespace(counted=lambda worker, stats: None, changed=lambda: None)
        self.workers = [Meters() for _ in range(workers)]
        for slot in range(workers):
            self.fleet.workers[slot] = SimpleNamespace(slot=slot, stats=None, silent=0)
        self.outbox = Kept()
        self.evidence = Evidence(lambda: ())
        self.flusher = Flusher(self.outbox, self.fleet.meters, self.fleet.settle, self.evidence)

    def answer(self, slot, revision, times=1):
        for _ in range(times):
            self.workers[slot].cell(Cell("m", 1, "champion", revision)).answered([0.001], 1)

    def tick(self, now):
        for slot in range(len(self.workers)):
            self.hear(slot, now)
        self.flush()

    def hear(self, slot, now):
        ended, meters = self.workers[slot].ended(now), self.workers[slot].to_json()
        self.fleet._hear(self.fleet.workers[slot], Stats(meters, 0, 0, ended=ended))

    def flush(self):
        asyncio.run(self.flusher.flush())

    def told(self):
        total = Meters()
        for flush in self.outbox.flushes:
            total.add(flush)
        return by_revision(total)


def by_revision(meters):
    return {cell.revision: meter.requests for cell, meter in meters.cells.items()}


def test_each_revision_is_told_exactly_while_it_lasts_and_when_it_is_over():
    node = Node()
    node.answer(0, 5, 3)
    node.answer(1, 5, 4)
    node.tick(0.0)
    for meters in node.workers:
        meters.follow({"m": 6}, 0.0)
    node.answer(1, 5)
    node.answer(0, 6, 2)
    node.tick(1.0)
    assert node.told() == {5: 8, 6: 2}

    node.tick(1.0 + OVER_AFTER_S)
    node.answer(0, 6)
    node.tick(2.0 + OVER_AFTER_S)
    assert node.told() == {5: 8, 6: 3}
    assert by_revision(node.fleet.meters()) == {
        0: 8,
        6: 3,
    }
    assert {cell.revision for cell in node.flusher._flushed.cells} == {0, 6}


def test_a_worker_that_is_behind_keeps_its_revision_with_all_of_them():
    node = Node()
    node.answer(0, 5, 3)
    node.answer(1, 5, 4)
    node.workers[0].follow({"m": 6}, 0.0)
    node.tick(1.0 + OVER_AFTER_S)
    node.answer(1, 5)
    node.tick(2.0 + OVER_AFTER_S)
    assert node.told() == {5: 8}
    assert by_revision(node.fleet.meters()) == {5: 8}


def test_memory_does_not_grow_with_revisions():
    node = Node()
    for revision in range(1, 50):
        now = revision * (OVER_AFTER_S + 1)
        for slot, meters in enumerate(node.workers):
            meters.follow({"m": revision}, now)
            node.answer(slot, revision)
        node.tick(now)
    assert sum(node.told().values()) == 98
    assert all(requests == 2 for revision, requests in node.told().items())
    assert max(len(meters.cells) for meters in node.workers) <= 3
    assert len(node.fleet.departed.cells) + len(node.flusher._flushed.cells) <= 8


def test_what_a_worker_counted_that_died_while_it_was_told_is_told_next():
    node = Node()
    node.answer(0, 5, 3)
    node.answer(1, 6)
    node.tick(0.0)
    node.answer(0, 5)
    node.answer(1, 6)
    node.hear(1, 1.0)
    keep = node.outbox.append

    async def dies_meanwhile(body):
        await keep(body)
        node.fleet.departed.add(node.workers[0].to_json())
        del node.fleet.workers[0]

    node.outbox.append = dies_meanwhile
    node.flush()
    node.outbox.append = keep
    node.flush()
    assert node.told() == {5: 4, 6: 2}
