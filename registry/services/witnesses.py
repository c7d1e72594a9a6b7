"""A witness that was lost or contradicts the log alarms until two people have looked into it.

The first says so and on what grounds, the second begins a new one. What was found stays in both events, and
is told with every verdict on the log from then on.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction

from registry import policies, witness
from registry.errors import Conflict, NotAllowed
from registry.events import Kind, grounds, record, witness_standing
from registry.models import ApiToken, Event, LogHead, Person
from registry.selectors import installation_access
from registry.services.wording import on_grounds
from registry.transactions import write

ASKED_WITHIN = timedelta(days=1)
LOG = "log"


def asked_for() -> Event | None:
    """What one person has asked for and nobody has answered yet, for a day."""
    last = Event.objects.filter(kind__in=(Kind.WITNESS_ASKED, Kind.WITNESS_BEGUN)).order_by("seq").last()
    if last is None or last.kind == Kind.WITNESS_BEGUN or last.at < datetime.now(UTC) - ASKED_WITHIN:
        return None
    return last


def begin_anew(words: str, *, by: Person, token: ApiToken | None = None) -> Event:
    """Ask for a new witness, or begin the one that another person has asked for; the event that says so.

    Raises NotAllowed, BadInput for the grounds, Conflict where the witness agrees with the log.
    """
    if reason := policies.refuse_new_witness(installation_access(by, token)):
        raise NotAllowed(reason)
    text = on_grounds(words)
    stands = witness_standing()
    with write():
        asked = asked_for()
        if asked is None and not stands.alarming:
            raise Conflict("The witness agrees with the log: there is nothing to begin anew.")
        if asked is not None and asked.actor == by.actor:
            raise NotAllowed(
                f"You have asked for it, by event {asked.seq}: another auditor or admin looks into it too."
            )
        digest = grounds(text, by).digest
        return _asked(stands.sentence, digest, by) if asked is None else _begun(asked, digest, by)


def _asked(found: str, words: str, by: Person) -> Event:
    head = LogHead.objects.get(pk=1)
    return record(
        Kind.WITNESS_ASKED, LOG, actor=by.actor, found=found, head=head.seq, digest=head.digest, grounds=words
    )


def _begun(asked: Event, words: str, by: Person) -> Event:
    event = record(
        Kind.WITNESS_BEGUN, LOG, actor=by.actor, asked=asked.seq, found=asked.facts["found"], grounds=words
    )
    transaction.on_commit(partial(witness.begin_anew, settings.WITNESS_FILE, event.seq, event.digest))
    return event
