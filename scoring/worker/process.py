"""One worker process: answers clients, follows the node's orders, knows neither Redis nor any store.

Started by the node as `python -m scoring.worker --control FD --listen FD,FD`.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import faulthandler
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import uvloop

from formats.plan import Key, parse
from scoring import blackbox, crashpoints, seal
from scoring.control import (
    Cleared,
    Drain,
    Failed,
    Following,
    Keep,
    Link,
    Listen,
    Load,
    Marked,
    Ready,
    Sampled,
    Serve,
    Setup,
    Stats,
    Told,
    ToWorker,
    connect,
)
from scoring.crashpoints import crashpoint
from scoring.errors import ScoringError
from scoring.limits import BACKLOG, Limits
from scoring.runtime.onnx import Options, run_options
from scoring.runtime.version import Files
from scoring.telemetry import Meters
from scoring.worker.asking import Asking
from scoring.worker.connection import Connection
from scoring.worker.connections import Connections
from scoring.worker.engine import Engine
from scoring.worker.lanes import Bench, Watch, Workshop
from scoring.worker.loaded import Loaded, Order, Shops, load
from scoring.worker.mirrors import Mirrors
from scoring.worker.pairing import Pairs
from scoring.worker.routes import NodeRoutes
from scoring.worker.samples import MOST_BYTES, SEND_SECONDS, Sampler, Samples
from scoring.worker.switch import Maker
from scoring.worker.witnesses import Witnesses

LOADING, SLOW, MIRRORS = 12, 15, 19
"""Niceness beyond the loop's own: about 6, 3 and 1 % of a core that the loop keeps busy."""
STATS_SECONDS = 0.5
"""What the node knows of a worker's counters and faults is at most so old."""
OOM_SCORE = 500
"""Above the node's own 0: where memory runs out a worker dies, which is started again, not its parent."""
log = logging.getLogger(__name__)


class Worker:
    """The parts of a worker and the orders that move them."""

    def __init__(self, listeners: Sequence[socket.socket]) -> None:
        self._listeners = listeners
        self._servers: dict[int, asyncio.AbstractServer] = {}
        self._loaded: dict[Key, Loaded] = {}
        self._marked: dict[Key, dict[int, bool]] = {}
        self._meters = Meters()
        self._samples = Samples()
        self._witnesses = Witnesses()
        self._loader = ThreadPoolExecutor(1, "loader", initializer=_step_back, initargs=(LOADING,))
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self._orders: dict[type, Callable[[Any], None]] = {
            Setup: self._set_up,
            Load: lambda order: self._begin(self._load(order)),
            Serve: self._serve,
            Keep: self._keep,
            Marked: self._mark,
            Listen: lambda order: self._begin(self._listen(order.slots)),
            Drain: lambda order: self._drain(),
        }
        self._link = Link(ToWorker, self._obey, self._orphaned)
        self._setup: Setup
        self._is_set_up = False
        self._numbered = 0

    async def run(self, control: socket.socket) -> None:
        """Serve until drained, or until the node is gone."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._drain)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        await connect(self._link, control)
        await self._ended.wait()
        self._loader.shutdown(wait=False, cancel_futures=True)

    # ---- orders of the node

    def _obey(self, order: ToWorker) -> None:
        self._orders[type(order)](order)

    def _serve(self, order: Serve) -> None:
        picture = self._engine.picture = self._maker.picture(
            parse(order.payload),
            before=self._engine.picture,
            gone=order.gone,
            callers=order.callers,
            waiting=order.waiting,
            ready=order.ready,
            broken=dict(order.broken),
            fallbacks=order.fallbacks,
        )
        self._meters.follow({name: view.revision for name, view in picture.models.items()}, perf_counter())
        self._connections.forget_routes()
        crashpoint("worker.serving")
        cells = list(islice(self._maker.cells, self._numbered, None))
        self._numbered += len(cells)
        self._link.send(Following(order.round, cells))

    def _keep(self, order: Keep) -> None:
        kept = set(order.keys)
        for key in [key for key in self._loaded if key not in kept]:
            del self._loaded[key]
            self._loader.submit(_give_memory_back)

    def _mark(self, order: Marked) -> None:
        marked = dict.fromkeys(order.suspects, False) | dict.fromkeys(order.blocked, True)
        self._marked[order.key] = marked
        if order.key in self._loaded:
            self._loaded[order.key].mark(marked)

    def _set_up(self, setup: Setup) -> None:
        self._setup = setup
        crashpoints.arm(Path(setup.crashes) if setup.crashes else None)
        self._name = f"{setup.node}/{setup.slot}".encode()
        self._options = Options(setup.threads, setup.providers, setup.provider_options)
        self._key = bytes.fromhex(setup.request_key)
        self._trace = open(setup.trace, "wb", buffering=0)  # noqa: SIM115 - open until the very end
        faulthandler.enable(self._trace)
        places = blackbox.places(Path(setup.box))
        self._in_loader = places.loader
        places.loop.claim()
        loop = asyncio.get_running_loop()
        shop = Workshop(
            loop.call_soon,
            loop.call_soon_threadsafe,
            Watch(setup.limits.deadline_seconds),
            run_options,
            setup.limits,
            places.loop,
            patient=_bench("patient", places.patient, SLOW),
            urgent=Bench(ThreadPoolExecutor(1, "urgent", initializer=places.urgent.claim), places.urgent),
        )
        mirrors = _bench("mirrors", places.mirrors, MIRRORS)
        # Below zero: a version whose runs were too short to be measured is not let into the loop either.
        limits = replace(setup.limits, slow_seconds=-1.0)
        behind = replace(shop, patient=mirrors, urgent=mirrors, limits=limits)
        self._shops = Shops(shop, behind, Mirrors(setup.limits.mirrored))
        asking = Asking(self._link.send, worker=self._name, key=self._key, limits=setup.limits)
        self._orders[Told] = asking.told
        self._engine = Engine(
            NodeRoutes(self._name, asking, setup.limits.rows_per_run), self._meters, self._name
        )
        self._pairs = self._pairs_of(setup.limits)
        self._maker = Maker(
            self._loaded,
            self._key,
            self._meters,
            self._shops.mirroring,
            witnesses=self._witnesses,
            pairs=self._pairs,
        )
        engine = self._engine
        self._connections = Connections(
            engine.handle, self._count_refused, self._name, setup.limits, engine.admit
        )
        self._is_set_up = True
        self._begin(self._report())
        self._begin(self._hand_on())

    def _pairs_of(self, limits: Limits) -> Pairs:
        loop = asyncio.get_running_loop()
        return Pairs(
            self._shops.mirroring,
            ThreadPoolExecutor(1, "pairs", initializer=_step_back, initargs=(MIRRORS,)),
            loop.call_soon,
            loop.call_soon_threadsafe,
            most=limits.mirrored,
            most_bytes=limits.output_bytes,
        )

    async def _load(self, order: Load) -> None:
        loop = asyncio.get_running_loop()
        try:
            loaded = await loop.run_in_executor(self._loader, self._load_now, order)
        except ScoringError as error:
            self._link.send(Failed(order.key, error.code, str(error)))
        except Exception as error:
            log.exception("%s/%s could not be loaded", order.key[0], order.key[1])
            self._link.send(Failed(order.key, "load_failed", f"{type(error).__name__}: {error}"))
        else:
            loaded.mark(self._marked.get(order.key, {}))
            self._loaded[order.key] = loaded
            self._link.send(Ready(order.key, loaded.run_seconds))

    def _load_now(self, order: Load) -> Loaded:
        name, number, _ = order.key
        wanted = Order(
            name,
            order.version,
            Files(
                _file(order.model),
                _file(order.extractor) if order.extractor else None,
                _file(order.answers) if order.answers else None,
                Path(order.folder) if order.folder else None,
                tuple(_file(pair) for pair in order.weights),
            ),
            order.mark,
        )
        crashpoint("worker.loading")
        self._in_loader.claim()
        self._in_loader.load(order.mark, perf_counter())
        try:
            return load(
                wanted,
                worker=self._name,
                options=replace(self._options, serving=order.version.serving),
                shops=self._shops,
                cleared=lambda fingerprint: self._link.send(Cleared(order.key, fingerprint)),
                sampler=Sampler(self._samples, name, number, self._key),
            )
        finally:
            self._in_loader.done()

    async def _listen(self, slots: Sequence[int]) -> None:
        for slot in [slot for slot in self._servers if slot not in slots]:
            self._servers.pop(slot).close()
        loop = asyncio.get_running_loop()
        for slot in slots:
            if slot not in self._servers and not self._connections.draining:
                self._servers[slot] = await loop.create_server(
                    lambda: Connection(self._connections),
                    sock=self._listeners[slot % len(self._listeners)].dup(),
                    backlog=BACKLOG,
                )

    # ---- the worker's own life

    async def _report(self) -> None:
        while True:
            self._connections.sweep(perf_counter())
            count, ended = len(self._connections.open), self._meters.ended(perf_counter())
            self._link.send(Stats(self._meters.to_json(), _memory_bytes(), count, self._faults(), ended))
            await asyncio.sleep(STATS_SECONDS)

    def _faults(self) -> list[tuple[Key, int]]:
        found = [(key, loaded.batcher.faults) for key, loaded in self._loaded.items()]
        return [(key, faults) for key, faults in found if faults]

    async def _hand_on(self) -> None:
        while True:
            await asyncio.sleep(SEND_SECONDS)
            if self._samples and self._link.backlog() < MOST_BYTES:
                self._link.send(Sampled(self._samples.take(), self._samples.dropped))
            if self._witnesses.facts and self._link.backlog() < MOST_BYTES:
                self._link.send(self._witnesses.facts.take())

    def _count_refused(self, error: ScoringError) -> None:
        self._meters.refused[error.code] += 1

    def _orphaned(self) -> None:
        # Without its node a worker would go on with an old plan beside the next node's workers.
        self._drain()

    def _drain(self) -> None:
        if not self._is_set_up:
            self._ended.set()
        elif not self._connections.draining:
            self._connections.draining = True
            self._begin(self._drain_now())

    async def _drain_now(self) -> None:
        for server in self._servers.values():
            server.close()
        for listener in self._listeners:
            # While anybody holds a listening socket, the kernel goes on taking connections for it.
            listener.close()
        deadline = perf_counter() + self._setup.limits.drain_seconds
        while (self._connections.open or self._pairs.open) and perf_counter() < deadline:
            await asyncio.sleep(0.02)
        for connection in self._connections.open:
            connection.close_if_idle()
        self._link.send(Sampled(self._samples.take(), self._samples.dropped))
        self._link.send(self._witnesses.facts.take())
        self._link.send(Stats(self._meters.to_json(), _memory_bytes(), len(self._connections.open)))
        await asyncio.sleep(0.01)
        self._ended.set()

    def _begin(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a task of the worker failed", exc_info=task.exception())


def _file(pair: tuple[str, str]) -> tuple[Path, str]:
    return Path(pair[0]), pair[1]


def _step_back(niceness: int) -> None:
    """What this thread does must not take time from answering: the loop goes first.

    A thread begins as nice as its node was started, and may only become nicer.
    """
    niceness = min(os.getpriority(os.PRIO_PROCESS, 0) + niceness, 19)
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
    np.seterr(over="ignore", invalid="ignore")


def _bench(name: str, place: blackbox.Place, niceness: int) -> Bench:
    def begin() -> None:
        place.claim()
        _step_back(niceness)

    return Bench(ThreadPoolExecutor(1, name, initializer=begin), place)


def _give_memory_back() -> None:
    """Ask the C library for what old versions have left free in its heaps: it keeps that by itself."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _memory_bytes() -> int:
    with open("/proc/self/statm", "rb") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _die_first() -> None:
    """When memory runs out, the kernel is to take a worker and not the node that would replace it."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE))


def main() -> None:
    _die_first()
    parser = argparse.ArgumentParser(prog="python -m scoring.worker")
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--listen", required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s scoring worker %(process)d %(message)s")
    if trouble := seal.seal():
        log.warning("this worker could start other programs: %s", trouble)
    listeners = [socket.socket(fileno=int(number)) for number in arguments.listen.split(",")]

    async def run() -> None:
        await Worker(listeners).run(socket.socket(fileno=arguments.control))

    uvloop.run(run())
    os._exit(0)
