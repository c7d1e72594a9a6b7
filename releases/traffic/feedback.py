"""Feedback is counted exactly once: by request id, and by the shipment it came with.

The arm, the time and the model come from the signed request id, never from the caller. Forms are judged
by `scoring.protocols.feedback`, as nodes do it: what one door refuses, the other refuses in the same words.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from time import time
from typing import Any

from django.conf import settings

from registry.events import record
from registry.ledger import canonical
from registry.models import RegisteredModel
from registry.transactions import write
from releases import dataplane
from releases.events import Kind
from releases.models import Environment, FeedbackBatch, Reward
from releases.services.publishing import client
from scoring import request_ids
from scoring.crashpoints import crashpoint
from scoring.limits import Limits
from scoring.protocols import feedback

WINDOW_S = Limits().reward_window_seconds
ACTOR = "system/feedback"
_REPEATED = "feedback for this answer has been counted already"
_UNKNOWN = "no model here has given this answer"


class Status(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    LATE = "late"
    UNKNOWN = "unknown"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Judged:
    """One item and what becomes of it; `row` is set where it may count."""

    status: Status
    reason: str = ""
    row: Reward | None = None

    def told(self, item: Mapping[str, Any]) -> dict[str, str]:
        """The item's line of the answer."""
        return feedback.told(item, self.status, self.reason)


log = logging.getLogger(__name__)
UNKNOWN = Judged(Status.UNKNOWN, _UNKNOWN)


def take(items: Sequence[Mapping[str, Any]], *, actor: str) -> list[Judged]:
    """Count feedback that came over REST; a judgement per item, in order."""
    with write():
        judged, counted = _count(items, None)
        if counted:
            record(Kind.FEEDBACK_INGESTED, "feedback", actor=actor, **_summary(items, judged, counted))
    return judged


def ingest(environment: Environment) -> int:
    """Take the batches that nodes have shipped and acknowledge them; how many items counted.

    Rows first, in one transaction per batch with its event; the acknowledgement, upon which the
    node deletes its segment, only after the commit. A kill in between repeats the batch, which
    its unique (node, boot, sequence) then ignores.
    """
    total = 0
    for batch in dataplane.shipped(client(), environment.name, "feedback"):
        if _is_readable(batch):
            total += _ingest_batch(batch)
        else:
            # Its node keeps it and sends it again, until somebody can read it.
            log.error("feedback %s of node %s cannot be read: not counted", batch.sequence, batch.node)
        crashpoint("feedback.ingested")
        upto = {batch.sender: _complete_upto(batch)}
        dataplane.acknowledge(client(), environment.name, "feedback", [batch], upto)
    return total


def _is_readable(batch: dataplane.Batch) -> bool:
    items = batch.body.get("items")
    return isinstance(items, list) and all(
        isinstance(item, dict) and isinstance(item.get("at", 0.0), int | float) for item in items
    )


def _ingest_batch(batch: dataplane.Batch) -> int:
    items = batch.body["items"]
    with write():
        row, created = FeedbackBatch.objects.get_or_create(
            node=batch.node,
            boot=batch.boot,
            sequence=batch.sequence,
            defaults={"items": len(items), "counted": 0},
        )
        if not created:
            return 0
        judged, counted = _count(items, row)
        FeedbackBatch.objects.filter(pk=row.pk).update(counted=counted)
        record(
            Kind.FEEDBACK_INGESTED,
            f"node/{batch.node}",
            actor=ACTOR,
            boot=batch.boot,
            sequence=batch.sequence,
            **_summary(items, judged, counted),
        )
        return counted


def _complete_upto(batch: dataplane.Batch) -> int:
    """The last number up to which every batch of this boot is in the database.

    Counted from what the node knew to be acknowledged, so only over what is under way; and a database
    that is older than that waits for nothing that the node has deleted since.
    """
    boot = FeedbackBatch.objects.filter(node=batch.node, boot=batch.boot)
    rows, upto = boot.filter(sequence__gt=batch.after).order_by("sequence"), batch.after
    for sequence in rows.values_list("sequence", flat=True).iterator():
        if sequence != upto + 1:
            break
        upto = sequence
    return upto


def _count(items: Sequence[Mapping[str, Any]], batch: FeedbackBatch | None) -> tuple[list[Judged], int]:
    models = {request_ids.model_tag(m.name): m for m in RegisteredModel.objects.all()}
    key, now = settings.REQUEST_KEY(), time()
    judged = [_judge(item, models, batch, key, now) for item in items]
    wanted = [j.row.request for j in judged if j.row]
    seen = set(Reward.objects.filter(request__in=wanted).values_list("request", flat=True))
    told, fresh = [], []
    for one in judged:
        if one.row is not None and one.row.request in seen:
            told.append(Judged(Status.DUPLICATE, _REPEATED))
            continue
        if one.row is not None:
            seen.add(one.row.request)
            fresh.append(one.row)
        told.append(one)
    Reward.objects.bulk_create(fresh, batch_size=500)
    return told, len(fresh)


def _judge(
    item: Mapping[str, Any],
    models: Mapping[bytes, RegisteredModel],
    batch: FeedbackBatch | None,
    key: bytes,
    now: float,
) -> Judged:
    """What a node has taken in time stays in time, however long it was under way."""
    given = feedback.given(item) if batch else item
    at = float(item.get("at", now)) if batch else now
    found = feedback.verdict(given, key=key, now=at, window=WINDOW_S)
    if found.answer is None or found.status != Status.ACCEPTED:
        return Judged(Status(found.status), found.reason)
    model = models.get(found.answer.model)
    if model is None:
        return UNKNOWN
    row = Reward(
        request=str(given["request_id"]),
        model=model,
        version=found.answer.version,
        revision=found.answer.revision,
        scored_at=datetime.fromtimestamp(found.answer.at_ms / 1000, UTC),
        reward=given.get("reward"),
        label=given.get("label"),
        batch=batch,
    )
    return Judged(Status.ACCEPTED, "", row)


def _summary(items: Sequence[Mapping[str, Any]], judged: Sequence[Judged], counted: int) -> dict[str, Any]:
    """What was there, and the digest of all that had a form: what has none may hold what no JSON holds."""
    formed = [item for item, one in zip(items, judged, strict=True) if one.status != Status.INVALID]
    return {
        "items": len(items),
        "counted": counted,
        "digest": hashlib.sha256(canonical(formed).encode()).hexdigest(),
    }
