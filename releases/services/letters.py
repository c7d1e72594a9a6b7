"""What a mail says: one line and one link for each thing, why it came, and how to stop it.

Names come from strangers: each is one line of visible characters, and no header takes more than that. What
people wrote as grounds is never in a mail: it could not be erased there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.urls import reverse

from registry.models import Event, Mail, Notice, PolicyProposal
from registry.selectors import access
from releases.models import Release
from releases.services import telling

if TYPE_CHECKING:
    from registry.models import Person

LONGEST_SUBJECT = 140
"""Programs show some 70 characters, phones 40; what matters comes first."""
LONGEST_NAME = 80
"""Of a name within a subject or an address, so that what is said of it is still read."""
MOST_LINES = 50
"""A letter is read on a phone; what is left is a link away."""
WHY = {
    Notice.Why.WAITS: "These wait for you, because of your roles:",
    Notice.Why.RETURNED: "These are models that you registered, and they went back:",
    Notice.Why.ENDED: "You opened, started or proposed these, and they have ended:",
}
ENDS = {
    "release.live": "live",
    "release.rejected": "rejected",
    "release.withdrawn": "withdrawn",
    "release.retired": "retired",
    "release.trial_ended": "its trial ended, approved as before",
    "policy.confirmed": "your change was confirmed",
    "policy.rejected": "your change was rejected",
}


class BadAddress(Exception):
    """Nothing can be mailed there."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to tell: `what` is a subject that a person can act on."""

    why: str
    what: str
    address: str


def line(notice: Notice) -> Line | None:
    """What the notice says now; None where it has nothing to say to this person any more."""
    event, person = notice.event, notice.person
    about = telling.subject_of(event)
    if not telling.may_see(person, event):
        return None
    if notice.why == Notice.Why.WAITS:
        what = telling.doable(about)(access(person, None, about.model))
    else:
        what = _what_happened(event)
    if not what:
        return None
    return Line(notice.why, f"{_capital(what)}: {name_of(about)}", settings.PUBLIC_URL + page_of(about))


def _what_happened(event: Event) -> str:
    if event.kind == "release.rolled_back":
        restores = event.facts.get("restores")
        return f"rolled back, version {restores} answers again" if restores else "rolled back"
    if event.kind == "breaker.tripped":
        return "given up by a node, with nothing to go back to"
    return ENDS.get(event.kind, "")


def name_of(about: Release | PolicyProposal) -> str:
    """What it is about, as one line."""
    model = one_line(str(about.model), LONGEST_NAME)
    if isinstance(about, PolicyProposal):
        return f"policy of {model}"
    return f"{model} version {about.version.number} to {about.environment.name}"


def page_of(about: Release | PolicyProposal) -> str:
    """The page that shows it."""
    if isinstance(about, PolicyProposal):
        return reverse("policy", args=[about.model.name])
    return reverse("release", args=[about.pk])


def one_line(text: str, longest: int) -> str:
    """The text as one line of characters that are seen, cut where it is too long."""
    seen = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    words = " ".join(seen.split())
    return words if len(words) <= longest else words[: longest - 1] + "…"


def letter(mail: Mail, lines: Sequence[Line]) -> EmailMessage:
    """The message. Raises BadAddress."""
    person = mail.person
    try:
        validate_email(person.email)
        address = Address(one_line(person.get_full_name(), LONGEST_NAME), addr_spec=person.email)
    except (ValidationError, MessageError, ValueError, IndexError):
        raise BadAddress("The account has no mail address that can be used.") from None
    message = EmailMessage(policy=SMTP)
    message["From"] = Address("Assay", addr_spec=settings.MAIL_FROM)
    message["To"] = address
    message["Subject"] = one_line(_subject(lines), LONGEST_SUBJECT)
    message["Message-ID"] = mail.message_id
    message["Date"] = mail.made_at
    message["Auto-Submitted"] = "auto-generated"
    message["List-Unsubscribe"] = f"<{_choices()}>"
    message.set_content(_text(person, lines))
    return message


def _subject(lines: Sequence[Line]) -> str:
    if len(lines) == 1:
        return lines[0].what
    waiting = sum(line.why == Notice.Why.WAITS for line in lines)
    if not waiting:
        return f"{len(lines)} things have ended, among them {lines[0].what}"
    rest = f", {len(lines) - waiting} ended" if len(lines) > waiting else ""
    return f"{waiting} wait{'s' if waiting == 1 else ''} for you{rest}"


def _text(person: Person, lines: Sequence[Line]) -> str:
    parts = [f"Hello {one_line(person.get_full_name() or person.username, LONGEST_NAME)},"]
    for why, heading in WHY.items():
        told = [line for line in lines if line.why == why][:MOST_LINES]
        if told:
            parts.append(heading)
            parts += [f"- {line.what}\n  {line.address}" for line in told]
    if len(lines) > MOST_LINES:
        parts.append(f"There is more: {settings.PUBLIC_URL}{reverse('releases')}")
    parts.append(f"You choose what you are mailed, or that you are not, here:\n{_choices()}")
    return "\n\n".join(parts) + "\n"


def _choices() -> str:
    return f"{settings.PUBLIC_URL}{reverse('account')}#told"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
