"""The crash points, by the process that dies there. A test compares them with what the source has."""

from __future__ import annotations

PROVING = ("gate.started", "gate.finished")
ROLLING_OUT = (
    "switch.prepared",
    "switch.committed",
    "switch.verified",
    "switch.opened",
    "rollout.promoting",
    "switch.moved",
)
REVERTING = ("switch.reverted",)
INGESTING = ("feedback.ingested",)
COUNTING = ("counters.ingested",)

NODE_FOLLOWING = ("node.accepted", "node.kept")
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
    *(*NODE_FOLLOWING, *NODE_LOADING, "feedback.kept", *WORKER),
    *(*UPLOADING, *ANSWERING, *LOGGING_IN, *MAILING),
    *("{kind} written", "{kind} committed", "{self._kind} shipped", "{self._kind} acknowledged"),
}
