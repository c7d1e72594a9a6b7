"""The crash points, by the process that dies there. A test compares them with what the source has."""

from __future__ import annotations

PROVING = ("gate.started", "gate.finished")
# In the order in which a rollout comes by them; by the second one again at each later phase.
ROLLING_OUT = (
    "switch.prepared",
    "switch.moved",
    "switch.committed",
    "switch.verified",
    "switch.opened",
    "rollout.promoting",
)
REVERTING = ("switch.reverted",)
INGESTING = ("feedback.ingested",)
COUNTING = ("counters.ingested",)

NODE_FOLLOWING = ("node.accepted", "node.kept")
NODE_RESHARING = ("node.heard_shares", "node.kept_shares")
NODE_LOADING = ("node.fetched", "node.loaded")
WORKER = ("worker.loading", "worker.serving", "worker.replying")
NODE_FEEDBACK = ("feedback.kept", "feedback shipped", "feedback acknowledged")

UPLOADING = (
    "upload.arriving",
    "upload.spooled",
    "upload.inspected",
    "store.publishing",
    "upload.stored",
    "upload.prepared",
)
ANSWERING = ("answer.kept", "answer.fulfilled")
LOGGING_IN = ("login.taken",)
MAILING = ("mail.sent",)

# Every change has two more, by the kind of its last event: before its commit and right after it.
WRITTEN, COMMITTED = "{} written", "{} committed"

TRIED = {
    *(*PROVING, *ROLLING_OUT, *REVERTING, "{stream.name}.ingested"),
    *(*NODE_FOLLOWING, *NODE_RESHARING, *NODE_LOADING, "feedback.kept", *WORKER),
    *(*UPLOADING, *ANSWERING, *LOGGING_IN, *MAILING),
    *("{kind} written", "{kind} committed", "{self._kind} shipped", "{self._kind} acknowledged"),
}
