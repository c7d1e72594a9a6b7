"""Mail: what is due becomes one message a person and minute, and a message is tried until it is taken.

At least once: between the server's word and ours a process may die, and then the same message goes again
under the same Message-ID. What it says is asked anew each time: rights, wishes and whether it still waits.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Min, Q
from django.utils import timezone

from registry import notices, smtp
from registry.models import Mail, Notice, Person
from registry.transactions import write
from releases.services import letters
from scoring.crashpoints import crashpoint

log = logging.getLogger(__name__)
GATHERED_FOR = timedelta(seconds=10)
"""Chosen: one deed may tell a person several things, and they are one mail."""
APART = timedelta(minutes=1)
"""Nobody gets more than a mail a minute; a server that takes none is asked again after as long at first."""
HELD_FOR = timedelta(minutes=2)
"""Whoever sends a mail and dies over it leaves it to others after so long."""
LONGEST_PAUSE = timedelta(hours=2)
MOST_TRIES = 14
"""With its pauses: about twelve hours."""
TOO_OLD = timedelta(days=1)
"""Chosen: what is older stands on the pages, and a mail of it would call nobody to anything."""


def send_due(now: datetime | None = None) -> int:
    """Make the mails that are due and try each of them once; how many the server took."""
    server, sent = settings.SMTP, 0
    if server is None:
        return 0
    for person in _expecting(now or timezone.now()):
        _gather(person, now or timezone.now())
    while (mail := _take(now or timezone.now())) is not None:
        sent += _try(mail, server, now or timezone.now())
    return sent


def forget_old(now: datetime | None = None) -> None:
    """Notices and mails are of use for a while; the log keeps what happened."""
    now = now or timezone.now()
    Notice.objects.filter(made_at__lt=now - notices.KEPT_FOR).delete()
    Mail.objects.filter(closed_at__lt=now - notices.KEPT_FOR, notices=None).delete()


def _expecting(now: datetime) -> list[Person]:
    """Who has notices that were gathered long enough, no open mail, and none in the last minute."""
    due = Notice.objects.filter(due=True).values("person").annotate(first=Min("made_at"))
    people = due.filter(first__lte=now - GATHERED_FOR).values("person")
    busy = Mail.objects.filter(Q(closed_at=None) | Q(made_at__gt=now - APART)).values("person")
    return list(Person.objects.filter(pk__in=people).exclude(pk__in=busy).order_by("pk"))


def _gather(person: Person, now: datetime) -> None:
    """One mail for all that is due to the person."""
    with write():
        rows = list(Notice.objects.filter(person=person, due=True).select_related("event").order_by("event"))
        if not rows or Mail.objects.filter(person=person, closed_at=None).exists():
            return
        domain = settings.MAIL_FROM.rpartition("@")[2]
        mail = Mail.objects.create(
            person=person,
            message_id=f"<{rows[0].event.digest[:32]}.{rows[-1].event.seq}.{person.pk}@{domain}>",
            made_at=now,
            not_before=now,
        )
        Notice.objects.filter(pk__in=[row.pk for row in rows]).update(due=False, mail=mail)


def _take(now: datetime) -> Mail | None:
    """Hold the mail that has been due for longest, so that nobody else sends it meanwhile."""
    due = Mail.objects.filter(closed_at=None, not_before__lte=now).order_by("not_before", "pk")
    for pk, tries in due.values_list("pk", "tries"):
        held = Mail.objects.filter(pk=pk, tries=tries, closed_at=None)
        if held.update(tries=tries + 1, not_before=now + HELD_FOR):
            return Mail.objects.select_related("person").get(pk=pk)
    return None


def _try(mail: Mail, server: smtp.Server, now: datetime) -> bool:
    lines = _lines(mail, now)
    if not lines:
        _close(mail, now)
        return False
    try:
        smtp.deliver(server, letters.letter(mail, lines))
    except (letters.BadAddress, smtp.Refused) as refusal:
        _close(mail, now, trouble=str(refusal))
    except smtp.Unreachable as trouble:
        _put_off(mail, now, str(trouble))
    else:
        crashpoint("mail.sent")
        _close(mail, now, sent=True)
        return True
    return False


def _lines(mail: Mail, now: datetime) -> list[letters.Line]:
    """What is left to say: to an active account with an address, of what it wants, sees, and once a thing."""
    person = mail.person
    if not person.is_active or person.is_machine or not person.email:
        return []
    wanted = notices.wishes(person)
    rows = mail.notices.filter(made_at__gt=now - TOO_OLD).select_related("event", "person")
    lines: dict[tuple[str, str], letters.Line] = {}
    told: set[int] = set()
    for notice in rows.order_by("event", "why"):
        if notice.event_id in told or not getattr(wanted, notice.why):
            continue
        if said := letters.line(notice):
            told.add(notice.event_id)
            lines.setdefault((said.address, said.what), said)
    return list(lines.values())


def _close(mail: Mail, now: datetime, *, sent: bool = False, trouble: str = "") -> None:
    if trouble:
        log.warning("%s to %s is given up: %s", mail, mail.person.actor, trouble)
    mine = Mail.objects.filter(pk=mail.pk, tries=mail.tries, closed_at=None)
    mine.update(closed_at=now, sent=sent, trouble=trouble[:200])


def _put_off(mail: Mail, now: datetime, trouble: str) -> None:
    if mail.tries >= MOST_TRIES:
        _close(mail, now, trouble=trouble)
        return
    log.warning("%s is put off after %s tries: %s", mail, mail.tries, trouble)
    pause = min(APART * 2 ** (mail.tries - 1), LONGEST_PAUSE)
    mine = Mail.objects.filter(pk=mail.pk, tries=mail.tries, closed_at=None)
    mine.update(not_before=now + pause, trouble=trouble[:200])
