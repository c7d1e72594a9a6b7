"""The history: `record()` is the only writer of the log.

Every event is appended in the transaction of the change itself, together with its outbox row.
After the commit the new head is written to the witness file and the dispatcher is woken.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum

from django.conf import settings
from django.db import connection, transaction

from registry import ledger, witness
from registry.models import Event, Grounds, LogHead, Outbox, Person


class Kind(StrEnum):
    """Everything that can happen in the registry itself."""

    MODEL_CREATED = "model.created"
    MODEL_UPDATED = "model.updated"
    POLICY_PROPOSED = "policy.proposed"
    POLICY_CONFIRMED = "policy.confirmed"
    POLICY_REJECTED = "policy.rejected"
    POLICY_WITHDRAWN = "policy.withdrawn"
    VERSION_UPLOADED = "version.uploaded"
    VERSION_TAGGED = "version.tagged"
    ALIAS_MOVED = "alias.moved"
    TOKEN_CREATED = "token.created"  # noqa: S105 - the name of an event
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - the name of an event
    ROLE_GRANTED = "role.granted"
    ROLE_REVOKED = "role.revoked"
    PERSON_CREATED = "person.created"
    PERSON_DEACTIVATED = "person.deactivated"
    PERSON_REACTIVATED = "person.reactivated"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 - the name of an event
    SESSION_ENDED = "session.ended"
    INVITATION_MADE = "invitation.made"
    INVITATION_ACCEPTED = "invitation.accepted"
    GROUNDS_ERASED = "grounds.erased"


class NotWriting(Exception):
    """`record` was called outside `transactions.write`: the change and its event would not be one."""


def record(kind: StrEnum, subject: str, *, actor: str, model: str = "", **facts: object) -> Event:
    """Append one event to the log, inside the surrounding `transactions.write()`.

    `facts` must be JSON; words that people wrote go through `grounds()` and only their digest
    comes here. Raises NotWriting outside a write transaction.
    """
    if not getattr(connection, "holds_log_head", False):
        raise NotWriting(f"{kind} was recorded outside transactions.write()")
    head = LogHead.objects.get(pk=1)
    at = datetime.now(UTC)
    said = {"kind": str(kind), "subject": subject, "model": model, "actor": actor, "facts": facts}
    payload = ledger.canonical(said | {"at": at.isoformat()})
    seq, previous = head.seq + 1, head.digest
    event = Event.objects.create(
        **said,
        seq=seq,
        at=at,
        payload=payload,
        previous=previous,
        digest=ledger.chained(seq, previous, payload),
    )
    Outbox.objects.create(event=event)
    LogHead.objects.filter(pk=1).update(seq=seq, digest=event.digest)
    connection.new_head = seq, event.digest, str(kind)  # type: ignore[attr-defined]
    return event


def grounds(text: str, author: Person) -> Grounds:
    """Keep what a person wrote, erasably; put `.digest` into the event's facts."""
    salt = secrets.token_hex(16)
    digest = hashlib.sha256(f"{salt}:{text}".encode()).hexdigest()
    return Grounds.objects.create(digest=digest, salt=salt, text=text, author=author)


def verify() -> ledger.Report:
    """Read the whole log and its witness and say whether they hold together. O(events)."""
    with transaction.atomic():
        head = LogHead.objects.filter(pk=1).values_list("seq", "digest").first() or (0, ledger.GENESIS)
        return ledger.verify(_lines(), witness.read(settings.WITNESS_FILE), head)


def _lines() -> Iterator[ledger.Line]:
    for event in Event.objects.order_by("seq").iterator(chunk_size=2000):
        columns = {
            "kind": event.kind,
            "subject": event.subject,
            "model": event.model,
            "actor": event.actor,
            "facts": event.facts,
            "at": event.at.astimezone(UTC).isoformat(),
        }
        yield ledger.Line(event.seq, event.previous, event.digest, event.payload, columns)
