"""The crash points, by the process that dies there. A test compares them with what the source has."""

from __future__ import annotations

PROVING = ("gate.started", "gate.finished")
ROLLING_OUT = (
    "saga.prepared",
    "saga.committed",
    "saga.verified",
    "saga.opened",
    "saga.promoting",
    "saga.moved",
)
REVERTING = ("saga.reverted",)
INGESTING = ("feedback.ingested",)
COUNTING = ("counters.ingested",)

NODE_FOLLOWING = ("node.accepted", "node.kept")
NODE_LOADING = ("node.fetched", "node.loaded")
WORKER = ("worker.loading", "worker.serving", "worker.replying")

TRIED = {
    *(*PROVING, *ROLLING_OUT, *REVERTING, *INGESTING, *COUNTING),
    *(*NODE_FOLLOWING, *NODE_LOADING, *WORKER),
}
