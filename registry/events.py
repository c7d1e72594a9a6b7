"""The history: `record()` is the only writer of the log.

Every event is appended in the transaction of the change itself, together with its outbox row.
After the commit the new head is written to the witness file and the dispatcher is woken.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from registry import covers, ledger, witness
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
    WITNESS_ASKED = "witness.asked"
    WITNESS_BEGUN = "witness.begun"
    WISHES_CHOSEN = "wishes.chosen"


NOT_COVERED = (
    "whether what an event tells is true: only that it is what was recorded",
    "the bytes of artifacts, which are checked by their digest wherever they are read",
    "passwords, mail addresses, sessions and wishes of accounts, and counts of traffic and feedback",
    "events after the last one that the witness saw, should their tail be cut off",
)
"""What `verify` does not look at, said wherever it says that the log holds."""


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
    """Read the whole log, its witness and the rows that its events tell of, and say whether they hold
    together. O(events)."""
    alone = not connection.in_atomic_block
    with transaction.atomic():
        if alone and connection.vendor == "postgresql":  # the log and its rows as they stood at one moment
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        seen = _witness()  # read before the log: what is written meanwhile makes it older, and never ahead
        noted = seen if isinstance(seen, witness.Witness) else witness.Witness()
        past = witness.Past(noted, _beginning)
        report = ledger.verify(past.held_against(_lines()), noted.heads, _head())
        stands = _standing(seen)
        against = [stands.sentence] if stands.alarming and report.broken_at is None else []
        return replace(report, findings=(*report.findings, *against, *covers.found()), past=past.told())


def witness_standing() -> witness.Standing:
    """How log and witness stand to each other: the one judgement of pages, REST and verification."""
    return _standing(_witness())


def _witness() -> witness.Witness | OSError | None:
    try:
        return witness.read(settings.WITNESS_FILE)
    except OSError as trouble:
        return trouble


def _standing(seen: witness.Witness | OSError | None) -> witness.Standing:
    if isinstance(seen, OSError):
        return witness.Standing("danger", "unreadable", f"The witness cannot be read: {seen}.")
    return witness.judge(seen, _head()[0], _digest_of, _beginning)


def _head() -> tuple[int, str]:
    return LogHead.objects.filter(pk=1).values_list("seq", "digest").first() or (0, ledger.GENESIS)


def _digest_of(seq: int) -> str | None:
    return Event.objects.filter(seq=seq).values_list("digest", flat=True).first()


def _beginning(seq: int) -> witness.Beginning | None:
    begun = Event.objects.filter(seq=seq).first()
    asked = Event.objects.filter(seq=begun.facts.get("asked")).first() if begun else None
    return witness.beginning(seq, _told(begun), _told(asked)) if begun and asked else None


def _told(event: Event) -> dict[str, Any]:
    return {"kind": event.kind, "actor": event.actor, "facts": event.facts}


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
