"""The history: `record()` is the only writer of the log.

Every event is appended in the transaction of the change itself, together with its outbox row.
After the commit the new head is written to the witness file and the dispatcher is woken.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum

from django.conf import settings
from django.db import connection, transaction
from django.db.models import TextField
from django.db.models.functions import Cast

from registry import covers, ledger, witness
from registry.models import Event, Grounds, LogHead, Person


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
    at, told = datetime.now(UTC), ledger.canonical(facts)
    said = {"kind": str(kind), "subject": subject, "model": model, "actor": actor}
    payload = ledger.payload(**said, facts=told, at=at.isoformat())
    seq, previous, digest = _appended(payload)
    with connection.cursor() as cursor:
        moment = connection.ops.adapt_datetimefield_value(at)
        cursor.execute(INSERT, [seq, *said.values(), told, moment, payload, previous, digest])
        cursor.execute("INSERT INTO registry_outbox (event_id) VALUES (%s)", [seq])
    connection.new_head = seq, digest, str(kind)  # type: ignore[attr-defined]
    return Event.from_db(
        connection.alias, _COLUMNS, [seq, *said.values(), facts, at, payload, previous, digest]
    )


_COLUMNS = ("seq", "kind", "subject", "model", "actor", "facts", "at", "payload", "previous", "digest")
INSERT = f"INSERT INTO registry_event ({', '.join(_COLUMNS)}) VALUES ({', '.join(['%s'] * len(_COLUMNS))})"  # noqa: S608
"""Every change of anything pays for it, so the database is told at once: half of what objects would take."""


def _appended(payload: str) -> tuple[int, str, str]:
    """Number, previous digest and own digest of the next line, by which the head has moved on."""
    before: tuple[int, str] = connection.log_head  # type: ignore[attr-defined]
    moved = _moved(before, payload)
    if moved is None:  # a savepoint was rolled back, and the head with it
        moved = _moved(LogHead.objects.values_list("seq", "digest").get(pk=1), payload)
    if moved is None:
        raise NotWriting("the log's head was moved by somebody who does not hold it")
    connection.log_head = moved[0], moved[2]  # type: ignore[attr-defined]
    return moved


def _moved(before: tuple[int, str], payload: str) -> tuple[int, str, str] | None:
    seq, previous = before
    digest = ledger.chained(seq + 1, previous, payload)
    rows = LogHead.objects.filter(pk=1, seq=seq, digest=previous)
    return (seq + 1, previous, digest) if rows.update(seq=seq + 1, digest=digest) else None


def grounds(text: str, author: Person) -> Grounds:
    """Keep what a person wrote, erasably; put `.digest` into the event's facts."""
    salt = secrets.token_hex(16)
    digest = hashlib.sha256(f"{salt}:{text}".encode()).hexdigest()
    return Grounds.objects.create(digest=digest, salt=salt, text=text, author=author)


def verify(tell: Callable[[int], object] | None = None) -> ledger.Report:
    """Read the whole log, its witness and the rows that its events tell of, and say whether they hold
    together. O(events); `tell` hears how far it is."""
    alone = not connection.in_atomic_block
    with transaction.atomic():
        if alone and connection.vendor == "postgresql":  # the log and its rows as they stood at one moment
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        seen = _witness()  # read before the log: what is written meanwhile makes it older, and never ahead
        noted = seen if isinstance(seen, witness.Witness) else witness.Witness()
        past = witness.Past(noted, _beginning)
        lines = _lines() if tell is None else ledger.counted(_lines(), tell)
        report = ledger.verify(past.held_against(lines), noted.heads, _head())
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


def _told(event: Event) -> dict[str, object]:
    return {"kind": event.kind, "actor": event.actor, "facts": event.facts}


def _lines() -> Iterator[ledger.Line]:
    """Values and no objects: of a long log most of the time would go into making them."""
    rows = Event.objects.order_by("seq").annotate(told=Cast("facts", TextField()))
    chosen = rows.values_list(*_LINE, "told").iterator(chunk_size=2000)
    for seq, previous, digest, payload, kind, subject, model, actor, at, facts in chosen:
        moment = at.astimezone(UTC).isoformat()
        told = ledger.payload(actor=actor, at=moment, facts=facts, kind=kind, model=model, subject=subject)
        yield ledger.Line(seq, previous, digest, payload, told)


_LINE = ("seq", "previous", "digest", "payload", "kind", "subject", "model", "actor", "at")
