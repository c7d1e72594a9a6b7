"""Idempotency keys: the same unsafe call again gets the answer that it got the first time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from registry.errors import BadInput, Conflict, DomainError
from registry.models import IdempotencyKey

LONGEST_KEY = 200
GIVEN_UP_AFTER = timedelta(minutes=15)
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
class Reservation:
    """The right to answer a key; held by exactly one call at a time."""

    pk: int


def reserve(actor: str, key: str, *, call: str, body_sha256: str) -> Reservation | Answer:
    """Take the key, or give the answer that it got before.

    `call` is method and path, `body_sha256` says which body. Raises BadInput for the key itself,
    KeyReused for another call or body, InProgress while the first one runs.
    """
    if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
        raise BadInput(
            f"An Idempotency-Key has 1 to {LONGEST_KEY} printable characters.", field="Idempotency-Key"
        )
    now = timezone.now()
    IdempotencyKey.objects.filter(created_at__lt=now - FORGOTTEN_AFTER).delete()
    try:
        with transaction.atomic():
            row = IdempotencyKey.objects.create(
                actor=actor, key=key, call=call[:300], body_sha256=body_sha256
            )
        return Reservation(row.pk)
    except IntegrityError:
        return _known(actor, key, call[:300], body_sha256)


def _known(actor: str, key: str, call: str, body_sha256: str) -> Reservation | Answer:
    row = IdempotencyKey.objects.filter(actor=actor, key=key).first()
    if row is None:
        raise InProgress("The first call with this key has just ended without an answer: send it again.")
    if (row.call, row.body_sha256) != (call, body_sha256):
        raise KeyReused(f"This key was used for {row.call} with another body: take a new key.", key=key)
    if row.status is not None:
        return _answer(row.status, row.answer or {})
    now = timezone.now()
    taken = IdempotencyKey.objects.filter(pk=row.pk, status=None, created_at__lt=now - GIVEN_UP_AFTER)
    if taken.update(created_at=now):
        return Reservation(row.pk)
    raise InProgress("The first call with this key is still being answered: ask again in a moment.", key=key)


def keep(reservation: Reservation, answer: Answer) -> None:
    """Keep the answer for whoever calls with the key again."""
    kept: Mapping[str, Any] = {"body": answer.body, "location": answer.location}
    IdempotencyKey.objects.filter(pk=reservation.pk).update(status=answer.status, answer=kept)


def release(reservation: Reservation) -> None:
    """Give the key back unanswered: the call failed by our fault and may be tried again."""
    IdempotencyKey.objects.filter(pk=reservation.pk, status=None).delete()


def _answer(status: int, kept: Mapping[str, Any]) -> Answer:
    return Answer(status, kept["body"], kept["location"])
