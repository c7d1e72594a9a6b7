"""Feedback is counted exactly once: by request id, and by the shipment it came with.

The arm, the time and the model come from the signed request id, never from the caller. Forms are judged
by `scoring.protocols.feedback`, as nodes do it: what one door refuses, the other refuses in the same words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from time import time
from typing import TYPE_CHECKING, Any

from django.conf import settings

from registry.catalogue import REWARD, CataloguedMetric
from registry.events import record
from registry.ledger import canonical
from registry.transactions import write
from releases.dataplane import Batch
from releases.events import Kind
from releases.models import Environment, FeedbackBatch, FeedbackShipment, Reward
from releases.traffic import intake, owners
from scoring.limits import Limits
from scoring.protocols import feedback

if TYPE_CHECKING:
    from scoring.protocols.feedback import Item

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
    """What becomes of one item. `beyond`: its reward is beyond the range that the model's policy gives."""

    status: Status
    reason: str = ""
    beyond: bool = False

    def told(self, item: Item) -> dict[str, str]:
        """The item's line of the answer."""
        return feedback.told(item, self.status, self.reason)


@dataclass(frozen=True, slots=True)
class Shipped:
    """What feedback came with, where a node sent it."""

    batch: FeedbackBatch
    environment: Environment


UNKNOWN = Judged(Status.UNKNOWN, _UNKNOWN)


def take(items: Sequence[Item], *, actor: str) -> list[Judged]:
    """Count feedback that came over REST; a judgement per item, in order."""
    with write():
        judged, counted = _count(items)
        if counted:
            record(Kind.FEEDBACK_INGESTED, "feedback", actor=actor, **_summary(items, judged, counted))
    return judged


def ingest(environment: Environment) -> int:
    """Take the batches that nodes have shipped; how many were new."""
    return intake.ingest(environment, STREAM)


def _holds(batch: Batch) -> str:
    """What nobody can read is kept by its node, and sent again until somebody can."""
    items = batch.body.get("items")
    readable = isinstance(items, list) and all(
        isinstance(item, dict) and isinstance(item.get("at", 0.0), int | float) for item in items
    )
    return "" if readable else "its items are no list of objects with a time"


def _take(environment: Environment, batches: Sequence[Batch]) -> None:
    for batch in batches:
        _take_batch(environment, batch)


def _take_batch(environment: Environment, batch: Batch) -> None:
    items = batch.body["items"]
    row, created = FeedbackBatch.objects.get_or_create(
        node=batch.node,
        boot=batch.boot,
        sequence=batch.sequence,
        defaults={"items": len(items), "counted": 0},
    )
    if not created:
        return
    judged, counted = _count(items, Shipped(row, environment))
    FeedbackBatch.objects.filter(pk=row.pk).update(counted=counted)
    record(
        Kind.FEEDBACK_INGESTED,
        f"node/{batch.node}",
        actor=ACTOR,
        boot=batch.boot,
        sequence=batch.sequence,
        **_summary(items, judged, counted),
    )


STREAM = intake.Stream("feedback", FeedbackShipment, _take, _holds)


def _count(items: Sequence[Item], shipped: Shipped | None = None) -> tuple[list[Judged], int]:
    key, now = settings.REQUEST_KEY(), time()
    verdicts = [_verdict(item, shipped, key, now) for item in items]
    rows = _rows(items, verdicts, shipped, now)
    seen = set(
        Reward.objects.filter(request__in=[r.request for r in rows if r]).values_list("request", flat=True)
    )
    told, fresh = [], []
    for verdict, row in zip(verdicts, rows, strict=True):
        if verdict.status != Status.ACCEPTED:
            told.append(Judged(Status(verdict.status), verdict.reason))
        elif row is None:
            told.append(UNKNOWN)
        elif wrong := _beyond(row):
            told.append(Judged(Status.INVALID, wrong, beyond=True))
        elif row.request in seen:
            told.append(Judged(Status.DUPLICATE, _REPEATED))
        else:
            seen.add(row.request)
            fresh.append(row)
            told.append(Judged(Status.ACCEPTED))
    Reward.objects.bulk_create(fresh, batch_size=500)
    return told, len(fresh)


def _verdict(item: Item, shipped: Shipped | None, key: bytes, now: float) -> feedback.Verdict:
    """What a node has taken in time stays in time, however long it was under way."""
    given = feedback.given(item) if shipped else item
    at = float(item.get("at", now)) if shipped else now
    return feedback.verdict(given, key=key, now=at, window=WINDOW_S)


def _beyond(row: Reward) -> str:
    """What is wrong with a reward that the policy of its model rules out."""
    if row.reward is None or not (said := row.model.policy.get("metrics", {}).get(REWARD)):
        return ""
    return feedback.Bounds(row.model.name, *CataloguedMetric.from_json(said).range).wrong(row.reward)


def _rows(
    items: Sequence[Item], verdicts: Sequence[feedback.Verdict], shipped: Shipped | None, now: float
) -> list[Reward | None]:
    """The row of each item that may count: None where it may not, or where its model is nobody's."""
    said = [v.answer if v.status == Status.ACCEPTED else None for v in verdicts]
    models = owners.models_of([answer for answer in said if answer])
    known = [answer if answer and answer.model in models else None for answer in said]
    answers = [owners.answer_of(each, models[each.model]) if each else None for each in known]
    environments = owners.Environments([answer for answer in answers if answer])
    near = shipped.environment if shipped else None
    places = [environments.of(answer, near) if answer else None for answer in answers]
    return [
        Reward(
            request=str(item["request_id"]),
            model=models[each.model],
            environment_id=place.environment,
            rollout_id=place.rollout,
            # What is no number is no time: the order of the two matters.
            came_at=datetime.fromtimestamp(min(now, float(item.get("at", now))) if shipped else now, UTC),
            version=answer.version,
            revision=answer.revision,
            arm=answer.arm,
            unit=owners.signed(each.unit),
            scored_at=answer.at,
            reward=item.get("reward"),
            label=item.get("label"),
            batch=shipped.batch if shipped else None,
        )
        if each and answer and place
        else None
        for item, each, answer, place in zip(items, known, answers, places, strict=True)
    ]


def _summary(items: Sequence[Item], judged: Sequence[Judged], counted: int) -> dict[str, Any]:
    """What was there, and the digest of all that had a form: what has none may hold what no JSON holds."""
    formed = [item for item, one in zip(items, judged, strict=True) if one.status != Status.INVALID]
    return {
        "items": len(items),
        "counted": counted,
        "digest": hashlib.sha256(canonical(formed).encode()).hexdigest(),
    }
