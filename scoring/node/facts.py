"""What a node knows of itself: the heartbeat's document and the node's own samples in `/metrics`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import time
from typing import Any

from scoring.node.exposition import Sample
from scoring.node.outbox.prediction_log import PredictionLog
from scoring.node.outbox.shipping import Outbox
from scoring.node.plans.following import Following
from scoring.node.safety.guard import Guard
from scoring.node.settings import Settings
from scoring.node.versions.memory import Memory
from scoring.node.workers.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Facts:
    """Reads the parts of a node. `stale` says whether nobody confirms its plan any more."""

    settings: Settings
    boot: str
    address: str
    started_at: float
    fleet: Fleet
    following: Following
    guard: Guard
    memory: Memory
    feedback: Outbox
    log: PredictionLog
    stale: Callable[[], bool]

    def heartbeat(self) -> dict[str, object]:
        """The document that Redis and `node.json` get. Times are epoch seconds."""
        meters = self.fleet.meters()
        stats = [worker.stats for worker in self.fleet.workers.values() if worker.stats is not None]
        return {
            "node": self.settings.node,
            "boot": self.boot,
            "at": time(),
            "started_at": self.started_at,
            "address": self.address,
            "environment": self.settings.environment,
            "serves": self.settings.models,
            "sequence": self.following.in_force().sequence,
            "ready": self.following.ready(),
            "models": self._models(),
            "workers": self._workers(),
            "restarts": self.fleet.restarts,
            "crashes": self.guard.facts(),
            "memory_bytes": sum(each.memory_bytes for each in stats),
            "memory_most_bytes": self.memory.most_bytes,
            "requests": meters.requests(),
            "errors": meters.errors(),
            "spool_bytes": self.feedback.bytes,
            "log": {"bytes": self.log.bytes, "dropped": self.log.dropped, "problem": self.log.problem},
            "stale": self.stale(),
        }

    def samples(self) -> Iterable[Sample]:
        """What `/metrics` shows beside the counters of requests."""
        in_force = self.following.in_force()
        yield "assay_node_ready", {}, self.following.ready()
        yield "assay_node_stale", {}, self.stale()
        yield "assay_plan_sequence", {}, in_force.sequence
        for name, revision in in_force.revisions.items():
            yield "assay_plan_revision", {"model": name}, revision
        yield "assay_workers", {}, len(self.fleet.joined())
        yield "assay_worker_restarts_total", {}, self.fleet.restarts
        yield from self.guard.samples()
        for worker in self.fleet.workers.values():
            if worker.stats is not None:
                yield "assay_worker_memory_bytes", {"slot": worker.slot}, worker.stats.memory_bytes
        yield "assay_spool_bytes", {}, self.feedback.bytes
        yield "assay_prediction_log_dropped_total", {}, self.log.dropped

    def _models(self) -> dict[str, dict[str, Any]]:
        models = self.following.models()
        for name, trips in self.guard.trips().items():
            models.get(name, {})["broken"] = trips
        return models

    def _workers(self) -> list[dict[str, object]]:
        return [
            {
                "slot": worker.slot,
                "pid": worker.process.pid,
                "sequence": self.following.sequence_of(worker),
                "joined": worker.joined,
                "memory_bytes": worker.stats.memory_bytes if worker.stats else 0,
            }
            for worker in self.fleet.workers.values()
        ]
