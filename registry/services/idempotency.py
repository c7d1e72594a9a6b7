"""Idempotency keys: the same unsafe call again gets the answer that it got the first time.

A call that is one transaction keeps its answer in that transaction, so that the change and the answer
are both there or neither is. A call that works before its transaction (an upload) reserves its key and
keeps the reservation alive while it works; whoever is killed leaves it to the next call.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from registry.errors import BadInput, Conflict, DomainError
from registry.models import IdempotencyKey
from registry.services.leases import renewed

LONGEST_KEY = 200
"""A UUID has 36; the column is as long."""
GIVEN_UP_AFTER = timedelta(seconds=15)
RENEW_EVERY_S = 4.0
"""As a job's lease is renewed."""
FORGOTTEN_AFTER = timedelta(days=1)


class InProgress(Conflict):
    """The first call with this key has not been answered yet."""

    code = "in_progress"


class KeyReused(DomainError):
    """The key has been used for something else."""

    code = "key_reused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: the status, the JSON body, and the header `Location` where there was one."""

    status: int
    body: Any
    location: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A call as its key knows it: who, which key, method and path, and which body."""

    actor: str
    key: str
    what: str
    body_sha256: str

    def __post_init__(self) -> None:
        """Raises BadInput for a key that cannot be kept."""
        if not 0 < len(self.key) <= LONGEST_KEY or not self.key.isprintable():
            raise BadInput(
                f"An Idempotency-Key has 1 to {LONGEST_KEY} printable characters.", field="Idempotency-Key"
            )


@dataclass(frozen=True, slots=True)
class Reservation:
    """The right to answer a key; held by one call at a time."""

    pk: int


def answered(call: Call) -> Answer | None:
    """The answer that the call got before; None for a new key.

    Raises KeyReused for another call or body, InProgress while the first one works.
    """
    IdempotencyKey.objects.filter(created_at__lt=Now() - FORGOTTEN_AFTER).delete()
    row = IdempotencyKey.objects.filter(actor=call.actor, key=call.key).first()
    if row is None:
        return None
    if (row.call, row.body_sha256) != (call.what[:300], call.body_sha256):
        raise KeyReused(f"This key was used for {row.call} with another body: take a new key.", key=call.key)
    if row.status is None:
        raise _in_progress(call)
    kept = row.answer or {}
    return Answer(row.status, kept["body"], kept["location"])


def keep(call: Call, answer: Answer) -> None:
    """Keep the answer for whoever calls with the key again, inside the transaction of the change."""
    _row(call, status=answer.status, answer=_kept(answer))


def reserve(call: Call) -> Reservation | Answer:
    """Take the key for work that outlasts a transaction, or give the answer that it got before.

    Raises what `answered` raises. A key whose holder has been silent for too long is taken over.
    """
    same = {"call": call.what[:300], "body_sha256": call.body_sha256, "status": None}
    abandoned = IdempotencyKey.objects.filter(actor=call.actor, key=call.key, **same)
    abandoned.filter(created_at__lt=Now() - GIVEN_UP_AFTER).delete()
    known = answered(call)
    if known is not None:
        return known
    try:
        with transaction.atomic():
            return Reservation(_row(call).pk)
    except IntegrityError:
        raise _in_progress(call) from None


def held(reservation: Reservation) -> AbstractContextManager[None]:
    """Keep a reservation from being given up while the block works."""
    mine = IdempotencyKey.objects.filter(pk=reservation.pk, status=None)
    # `created_at` of a key without an answer says when its call was last seen alive.
    return renewed(lambda: bool(mine.update(created_at=Now())), RENEW_EVERY_S)


def fulfil(reservation: Reservation, answer: Answer) -> None:
    """Keep the answer of a reserved call, unless somebody has taken over and answered."""
    held_by_us = IdempotencyKey.objects.filter(pk=reservation.pk, status=None)
    held_by_us.update(status=answer.status, answer=_kept(answer))


def release(reservation: Reservation) -> None:
    """Give the key back unanswered: the call did nothing and may be tried again."""
    IdempotencyKey.objects.filter(pk=reservation.pk, status=None).delete()


def _row(call: Call, **answered: object) -> IdempotencyKey:
    return IdempotencyKey.objects.create(
        actor=call.actor, key=call.key, call=call.what[:300], body_sha256=call.body_sha256, **answered
    )


def _kept(answer: Answer) -> Mapping[str, object]:
    return {"body": answer.body, "location": answer.location}


def _in_progress(call: Call) -> InProgress:
    return InProgress(
        "The first call with this key is still being answered: ask again in a moment.", key=call.key
    )
