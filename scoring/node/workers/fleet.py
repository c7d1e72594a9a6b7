"""Worker processes: one per slot, started, watched, replaced."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from formats.plan import Key
from scoring import blackbox
from scoring.control import (
    Ask,
    Cleared,
    Failed,
    Following,
    Link,
    Listen,
    Ready,
    Sampled,
    Setup,
    Stats,
    ToNode,
    Witnessed,
    connect,
)
from scoring.node.workers.crashes import box_of, words
from scoring.node.workers.launching import Launcher
from scoring.telemetry import Cell, Meters

_STARTS_WITHIN_SECONDS = 30
"""Chosen, not measured: a loaded machine takes many times what an idle one does."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0
"""Doubled with each death: at once after the first, and no busy loop of starts after many."""
_AGAIN_SECONDS = 1.0
"""A worker that cannot start would otherwise be started without end."""
_STEADY_SECONDS = 60.0
"""Who has lived so long starts again without a pause when it dies; as the breaker's window."""
log = logging.getLogger(__name__)


@dataclass(eq=False)
class Worker:
    """A worker process as the node knows it.

    `joined` workers take clients, so what the node says of its plan is true of all of them. The
    first workers join as they start, to answer health checks; an heir when it follows the plan.
    """

    slot: int
    process: subprocess.Popen[bytes]
    link: Link
    started: float
    ordered: set[Key] = field(default_factory=set)
    loaded: set[Key] = field(default_factory=set)
    failed: dict[Key, Failed] = field(default_factory=dict)
    served: int = -1
    round: int = -1
    shape: int = -1
    cells: list[Cell] = field(default_factory=list)
    stats: Stats | None = None
    joined: bool = False
    silent: int = 0


@dataclass(frozen=True, slots=True)
class Events:
    """What the fleet tells its node."""

    loaded: Callable[[Worker], None]
    failed: Callable[[Worker, Failed], None]
    following: Callable[[Worker], None]
    asked: Callable[[Worker, Ask], None]
    changed: Callable[[], None]
    ended: Callable[[Worker, int], None]
    counted: Callable[[Worker, Stats], None]
    cleared: Callable[[Cleared], None]
    started: Callable[[Worker], None]
    sampled: Callable[[Worker, Sampled], None]
    witnessed: Callable[[Witnessed], None]


class Fleet:
    """Keeps one worker in every slot. Survivors serve a dead slot's socket until its heir has joined."""

    def __init__(
        self,
        launcher: Launcher,
        setup: Callable[[int], Setup],
        events: Events,
        boxes: Path,
    ) -> None:
        self._launcher = launcher
        self._listeners = launcher.listeners
        self._setup = setup
        self._events = events
        self._boxes = boxes
        self._pauses = [_FIRST_PAUSE] * len(launcher.listeners)
        self._tasks: set[asyncio.Task[None]] = set()
        self.workers: dict[int, Worker] = {}
        self.departed = Meters()
        self.restarts = 0
        self.stopping = False

    async def start(self) -> None:
        for slot in range(len(self._listeners)):
            await self._spawn(slot)
        for worker in self.workers.values():
            worker.joined = True
        self._share()

    def joined(self) -> list[Worker]:
        return [worker for worker in self.workers.values() if worker.joined]

    def join(self, worker: Worker) -> None:
        """The worker follows the plan in force: it may take its socket."""
        worker.joined = True
        self._share()

    def send(self, message: Any) -> None:
        for worker in self.workers.values():
            worker.link.send(message)

    async def stop(self, seconds: float) -> None:
        """End all workers: those that have not drained after `seconds` are killed."""
        self.stopping = True
        for listener in self._listeners:
            listener.close()
        for worker in self.workers.values():
            worker.process.send_signal(signal.SIGTERM)
        deadline = monotonic() + seconds
        while self.workers and monotonic() < deadline:
            await asyncio.sleep(0.02)
        for worker in self.workers.values():
            worker.process.kill()
            worker.process.wait()

    def kill_hung(self, seconds: int) -> None:
        """Once a second: kill what has been silent for so many, and holds what others could answer.

        Counted, not timed: while the node itself was held up, its workers have spoken and it has not heard.
        """
        for worker in self.workers.values():
            worker.silent += 1
            if worker.silent > (seconds if worker.stats is not None else _STARTS_WITHIN_SECONDS):
                log.error("worker %s hangs: killed", worker.slot)
                worker.process.kill()

    def meters(self) -> Meters:
        """The sum over all workers, those that are gone included."""
        total = Meters()
        total.add(self.departed.to_json())
        for worker in self.workers.values():
            if worker.stats is not None:
                total.add(worker.stats.meters)
        return total

    def settle(self, told: Meters) -> None:
        """Forget the revisions that no worker counts under any more, where all that they counted was told:
        `told` is what has been told, of all workers, and follows."""
        for cell in [cell for cell in self.departed.cells if cell.revision]:
            counted = told.cells.get(cell)
            if counted is not None and counted.requests == self.departed.cells[cell].requests:
                self.departed.settle(cell)
                told.settle(cell)

    # ---- one worker's life

    async def _spawn(self, slot: int) -> None:
        blackbox.blank(box_of(self._boxes, slot))
        process, control = self._launcher.launch()
        now = monotonic()
        link = Link(ToNode, lambda message: self._hear(worker, message), lambda: self._lost(worker))
        worker = Worker(slot, process, link, now)
        await connect(link, control)
        self.workers[slot] = worker
        link.send(self._setup(slot))
        self._events.started(worker)

    def _hear(self, worker: Worker, message: ToNode) -> None:
        worker.silent = 0
        match message:
            case Stats():
                worker.stats = message
                self.departed.add_rows(message.ended)
                self._events.counted(worker, message)
            case Sampled():
                self._events.sampled(worker, message)
            case Witnessed():
                self._events.witnessed(message)
            case Cleared():
                self._events.cleared(message)
            case Ask():
                self._events.asked(worker, message)
            case _:
                self._progressed(worker, message)

    def _progressed(self, worker: Worker, message: Ready | Failed | Following) -> None:
        """A worker is nearer to the plan, or cannot follow it."""
        match message:
            case Ready():
                worker.loaded.add(message.key)
                worker.failed.pop(message.key, None)
                self._events.loaded(worker)
            case Failed():
                worker.failed[message.key] = message
                self._events.failed(worker, message)
            case Following():
                worker.round = message.round
                worker.cells.extend(message.cells)
                self._events.following(worker)

    def _lost(self, worker: Worker) -> None:
        """A worker's end of the link is closed: it is dead, or about to be."""
        if self.workers.get(worker.slot) is not worker:
            return
        del self.workers[worker.slot]
        if worker.stats is not None:
            self.departed.add(worker.stats.meters)
        self._share()
        self._begin(self._bury(worker))
        self._events.changed()

    async def _bury(self, worker: Worker) -> None:
        deadline = monotonic() + 5.0
        while worker.process.poll() is None:
            if monotonic() > deadline:
                worker.process.kill()
            await asyncio.sleep(0.001)
        if self.stopping:
            return
        code = worker.process.returncode
        log.error("worker %s ended with %s: a new one takes its slot", worker.slot, words(code))
        self._events.ended(worker, code)
        self.restarts += 1
        if monotonic() - worker.started > _STEADY_SECONDS:
            self._pauses[worker.slot] = _FIRST_PAUSE
        pause = self._pauses[worker.slot]
        self._pauses[worker.slot] = min(pause * 2, _LONGEST_PAUSE)
        await asyncio.sleep(pause)
        while not self.stopping and not await self._respawned(worker.slot):
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _respawned(self, slot: int) -> bool:
        """Whether the slot has a worker again: a machine without room may refuse one for a while."""
        try:
            await self._spawn(slot)
        except OSError as error:
            log.error("worker %s cannot be started, and is tried again: %s", slot, error)
            return False
        self._events.changed()
        return True

    def _share(self) -> None:
        """Give each slot's socket to its worker, an orphaned one to all who have joined."""
        joined = {worker.slot for worker in self.joined()}
        if not joined or self.stopping:
            return
        orphaned = [slot for slot in range(len(self._listeners)) if slot not in joined]
        for worker in self.joined():
            worker.link.send(Listen([worker.slot, *orphaned]))

    def _begin(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
