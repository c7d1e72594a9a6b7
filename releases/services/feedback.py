"""Feedback is counted exactly once: by request id, and by the shipment it came with.

The arm, the time and the model come from the signed request id, never from the caller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
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
from scoring.errors import BadRequestId

WINDOW = timedelta(days=7)
ACTOR = "system/feedback"


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
    row: Reward | None = None


def take(items: Sequence[Mapping[str, Any]], *, actor: str) -> list[Status]:
    """Count feedback that came over REST; one status per item, in order."""
    with write():
        statuses, counted = _count(items, None)
        if counted:
            record(Kind.FEEDBACK_INGESTED, "feedback", actor=actor, **_summary(items, counted))
    return statuses


def ingest(environment: Environment) -> int:
    """Take the batches that nodes have shipped and acknowledge them; how many items counted.

    Rows first, in one transaction per batch with its event; the acknowledgement, upon which the
    node deletes its segment, only after the commit. A kill in between repeats the batch, which
    its unique (node, boot, sequence) then ignores.
    """
    total = 0
    for batch in dataplane.shipped(client(), environment.name, "feedback"):
        total += _ingest_batch(batch)
        crashpoint("feedback.ingested")
        upto = {batch.sender: _complete_upto(batch)}
        dataplane.acknowledge(client(), environment.name, "feedback", [batch], upto)
    return total


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
        _, counted = _count(items, row)
        FeedbackBatch.objects.filter(pk=row.pk).update(counted=counted)
        record(
            Kind.FEEDBACK_INGESTED,
            f"node/{batch.node}",
            actor=ACTOR,
            boot=batch.boot,
            sequence=batch.sequence,
            **_summary(items, counted),
        )
        return counted


def _complete_upto(batch: dataplane.Batch) -> int:
    """The last number up to which every batch of this boot is in the database; batches count from 1."""
    rows = FeedbackBatch.objects.filter(node=batch.node, boot=batch.boot).order_by("sequence")
    upto = 0
    for sequence in rows.values_list("sequence", flat=True).iterator():
        if sequence != upto + 1:
            break
        upto = sequence
    return upto


def _count(items: Sequence[Mapping[str, Any]], batch: FeedbackBatch | None) -> tuple[list[Status], int]:
    models = {request_ids.model_tag(m.name): m for m in RegisteredModel.objects.all()}
    judged = [_judge(item, models, batch) for item in items]
    wanted = [j.row.request for j in judged if j.row]
    seen = set(Reward.objects.filter(request__in=wanted).values_list("request", flat=True))
    statuses, fresh = [], []
    for one in judged:
        if one.row is not None and one.row.request in seen:
            statuses.append(Status.DUPLICATE)
            continue
        if one.row is not None:
            seen.add(one.row.request)
            fresh.append(one.row)
        statuses.append(one.status)
    Reward.objects.bulk_create(fresh, batch_size=500)
    return statuses, len(fresh)


def _judge(
    item: Mapping[str, Any], models: Mapping[bytes, RegisteredModel], batch: FeedbackBatch | None
) -> Judged:
    try:
        told = request_ids.parse(str(item.get("request_id", "")), settings.REQUEST_KEY())
    except BadRequestId:
        return Judged(Status.INVALID)
    reward, label = item.get("reward"), item.get("label")
    if (reward is None) == (label is None) or not _is_reward(reward):
        return Judged(Status.INVALID)
    model = models.get(told.model)
    if model is None:
        return Judged(Status.UNKNOWN)
    scored_at = datetime.fromtimestamp(told.at_ms / 1000, UTC)
    if datetime.now(UTC) - scored_at > WINDOW and batch is None:
        return Judged(Status.LATE)
    return Judged(
        Status.ACCEPTED,
        Reward(
            request=str(item["request_id"]),
            model=model,
            version=told.version,
            revision=told.revision,
            scored_at=scored_at,
            reward=reward,
            label=label,
            batch=batch,
        ),
    )


def _is_reward(value: Any) -> bool:
    if value is None:
        return True
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) < float("inf")


def _summary(items: Iterable[Mapping[str, Any]], counted: int) -> dict[str, Any]:
    listed = list(items)
    return {
        "items": len(listed),
        "counted": counted,
        "digest": hashlib.sha256(canonical(listed).encode()).hexdigest(),
    }
