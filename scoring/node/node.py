"""The node: plans in, orders to the workers, facts about itself out."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
from collections.abc import Callable, Coroutine, Iterable
from time import time
from typing import Any

import orjson

from formats.shares import shares_path
from scoring import crashpoints
from scoring.artifacts import ArtifactCache
from scoring.control import Ask, Cleared, Failed, Setup, Stats, Told, Witnessed
from scoring.crashpoints import crashpoint
from scoring.node import exposition, providers, stores
from scoring.node.facts import Facts
from scoring.node.files import sweep
from scoring.node.heartbeat import Heart
from scoring.node.outbox.evidence import Evidence
from scoring.node.outbox.flushing import SPOOL_BYTES, Flusher
from scoring.node.outbox.prediction_log import PredictionLog
from scoring.node.outbox.shipping import FeedbackDesk, Outbox, Shipper
from scoring.node.outbox.spool import Spool
from scoring.node.plans import alone
from scoring.node.plans.accepting import Accepting
from scoring.node.plans.following import Following
from scoring.node.plans.sources import RedisFollower, follow_file
from scoring.node.resp import Redis, RedisDown, RedisRefused
from scoring.node.safety.guard import Guard
from scoring.node.settings import Settings, read_request_key
from scoring.node.versions.loading import Loading
from scoring.node.versions.memory import Memory, ceiling
from scoring.node.versions.weights import APART
from scoring.node.workers import listening
from scoring.node.workers.crashes import box_of, trace_of
from scoring.node.workers.fleet import Events, Fleet, Worker
from scoring.node.workers.launching import Launcher
from scoring.protocols import triton

STALE_AFTER_SECONDS = 10.0
"""As `ALIVE_WITHIN_S`: after so long without a word of the source a node says that its plan may be old."""
log = logging.getLogger(__name__)


class Node:
    """One scoring process group. `run` ends after SIGTERM or SIGINT, when the last client has its answer."""

    def __init__(self, settings: Settings, launcher: Launcher) -> None:
        """Raises BadSettings, BadKey or ValueError, each with a sentence."""
        crashpoints.arm(settings.crashpoint_file)
        sweep(settings.data)
        self._settings = settings
        self._boot = secrets.token_hex(8)
        providers.check(settings.providers)
        self._request_key = read_request_key(settings)
        store = stores.store(settings.store, settings.s3_endpoint)
        self.address = settings.address or listening.address_of(launcher.listeners[0])
        self._boxes = settings.data.resolve() / "boxes"
        self._fleet = Fleet(launcher, self._setup, self._events(), self._boxes)
        cache = (settings.artifacts or settings.data / "artifacts").resolve()
        cache.mkdir(exist_ok=True)
        self._memory = Memory(ceiling(settings.memory_bytes), self._fleet.workers.values, settings.workers)
        self._loading = Loading(
            ArtifactCache(cache, store), cache / APART, self._fleet, self._memory, self._fleet_changed
        )
        self._heart = Heart(self._heartbeat, settings.data / "node.json")
        self._guard = Guard(self._fleet, self._loading, self._boxes, self._fleet_changed)
        self._following = Following(self._fleet, self._loading, self._guard.broken, self._heart.beat)
        self._accepting = Accepting(settings, self._following)
        self._alone = alone.read(settings.version, settings.environment) if settings.version else None
        self._feedback = Outbox(Spool(settings.data / "spool", self._boot, settings.limits.spool_bytes))
        self._desk = FeedbackDesk(self._feedback)
        self._counters = Outbox(Spool(settings.data / "counters", self._boot, SPOOL_BYTES))
        self._evidence = Evidence(self._following.rollouts)
        self._flusher = Flusher(self._counters, self._fleet.meters, self._fleet.settle, self._evidence)
        self._log = PredictionLog(store, self._flusher.announce, self._following.signature_of)
        self._follower: RedisFollower | None = None
        self._facts = Facts(
            settings=settings,
            boot=self._boot,
            address=self.address,
            started_at=time(),
            fleet=self._fleet,
            following=self._following,
            guard=self._guard,
            memory=self._memory,
            feedback=self._feedback,
            log=self._log,
            stale=self._stale,
        )

    def _events(self) -> Events:
        return Events(
            loaded=self._loaded,
            failed=self._failed,
            following=self._joined,
            asked=self._answer,
            changed=self._fleet_changed,
            started=self._started,
            counted=self._counted,
            cleared=self._cleared,
            ended=self._ended,
            sampled=lambda worker, sampled: self._log.take(worker.process.pid, sampled),
            witnessed=self._witnessed,
        )

    async def run(self) -> None:
        """Serve until told to stop."""
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        await self._fleet.start()
        log.info("node %s listens on %s", self._settings.node, self.address)
        self._begin()
        tasks = [asyncio.ensure_future(_forever(work)) for work in self._duties()]
        await stopped.wait()
        await self._fleet.stop(self._settings.limits.drain_seconds + 0.5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._say_goodbye()

    def _begin(self) -> None:
        if self._alone is not None:
            self._following.follow(self._alone)
        else:
            self._accepting.offer_last()

    def _duties(self) -> Iterable[Callable[[], Coroutine[Any, Any, None]]]:
        settings = self._settings
        yield self._heart.to_file
        yield self._watch
        if settings.plan is not None:
            path = settings.plan
            yield lambda: follow_file(path, self._accepting.offer)
            yield lambda: follow_file(shares_path(path), self._accepting.offer_shares)
        if settings.redis is not None:
            url, environment = settings.redis, settings.environment
            follower = self._follower = RedisFollower(
                Redis(url), environment, self._accepting.offer, self._accepting.offer_shares
            )
            beating = Redis(url)
            yield follower.poll
            yield lambda: follower.listen(url)
            yield self._shipper(self._feedback, "feedback").run
            yield self._shipper(self._counters, "counters", poll_seconds=1.0).run
            yield self._flusher.run
            yield self._log.run
            yield lambda: self._heart.to_redis(beating, self._redis_key(), self._request_key)

    def _shipper(self, outbox: Outbox, what: str, poll_seconds: float = 0.2) -> Shipper:
        """`what` names the stream: `assay:{environment}:{what}`."""
        settings = self._settings
        stream = f"assay:{settings.environment}:{what}"
        redis = Redis(settings.redis or "")
        return Shipper(outbox, redis, stream, node=settings.node, poll_seconds=poll_seconds)

    # ---- workers

    def _setup(self, slot: int) -> Setup:
        settings = self._settings
        return Setup(
            settings.node,
            slot,
            self._request_key.hex(),
            settings.limits,
            str(box_of(self._boxes, slot)),
            str(trace_of(self._boxes, slot)),
            settings.threads,
            settings.providers,
            settings.provider_options,
            str(settings.crashpoint_file) if settings.crashpoint_file else None,
        )

    def _loaded(self, worker: Worker) -> None:
        if self._following.all_loaded():
            crashpoint("node.loaded")
        self._loading.loaded(worker)
        self._following.advance()

    def _failed(self, worker: Worker, failure: Failed) -> None:
        self._following.refused(worker, failure)

    def _joined(self, worker: Worker) -> None:
        if self._following.joined(worker):
            self._guard.keep(self._following.desired.needed())

    def _started(self, worker: Worker) -> None:
        self._guard.inform(worker)

    def _counted(self, worker: Worker, stats: Stats) -> None:
        self._guard.counted(worker, stats)

    def _cleared(self, message: Cleared) -> None:
        self._guard.cleared(message)

    def _witnessed(self, message: Witnessed) -> None:
        self._evidence.hear(message)

    def _ended(self, worker: Worker, code: int) -> None:
        for rollout, fact in self._guard.ended(worker, code, self._following.desired.adopted):
            self._evidence.add(rollout, fact)

    def _fleet_changed(self) -> None:
        self._guard.keep(self._following.desired.needed())
        self._loading.want(self._following.needed())
        self._following.advance()

    def _answer(self, worker: Worker, ask: Ask) -> None:
        if ask.what == "metrics":
            text = exposition.render(self._fleet.meters(), self._facts.samples())
            worker.link.send(Told(ask.number, 200, text, "text/plain; version=0.0.4; charset=utf-8"))
            return
        if ask.what == "statistics":
            told = triton.statistics(self._fleet.meters(), triton.pairs(ask.items))
            worker.link.send(Told(ask.number, 200, orjson.dumps(told).decode(), "application/json"))
            return

        def done(written: bool) -> None:
            status, body = (202, "") if written else (503, _SPOOL_DOWN)
            worker.link.send(Told(ask.number, status, body, "application/json"))

        self._desk.take(ask.items, done)

    async def _watch(self) -> None:
        while True:
            self._fleet.kill_hung(self._settings.limits.hangs_seconds)
            self._guard.tick()
            await asyncio.sleep(1.0)

    # ---- its own life

    def _heartbeat(self) -> dict[str, object]:
        return self._facts.heartbeat()

    def _stale(self) -> bool:
        return self._follower is not None and self._follower.seconds_of_silence() > STALE_AFTER_SECONDS

    def _redis_key(self) -> str:
        return f"assay:{self._settings.environment}:node:{self._settings.node}"

    async def _say_goodbye(self) -> None:
        """A node that stops in order leaves the quorum at once, and none of its counters behind."""
        if self._settings.redis is not None:
            await self._log.close()
            await self._flusher.flush()
            await self._shipper(self._counters, "counters").ship()
            try:
                await Redis(self._settings.redis).command("DEL", self._redis_key())
            except (RedisDown, RedisRefused) as error:
                log.debug("no goodbye to Redis: %s", error)
        if self._settings.socket is not None:
            self._settings.socket.unlink(missing_ok=True)


_SPOOL_DOWN = (
    '{"error":"feedback cannot be stored on this node now: send it again later","code":"spool_down"}'
)


async def _forever(duty: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A duty that fails is begun again: a node goes on answering whatever one of its duties meets."""
    while True:
        try:
            await duty()
        except Exception:
            log.exception("a duty of the node failed and is begun again")
        await asyncio.sleep(1.0)
