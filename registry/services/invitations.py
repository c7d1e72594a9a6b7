"""Links that open an account once, so that nobody ever knows the password of another person."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils import timezone

from registry import policies, selectors
from registry.errors import BadInput, Conflict, NotAllowed
from registry.events import Kind, record
from registry.models import Invitation, Person
from registry.services.accounts import end_all
from registry.services.people import SYSTEM, create_person
from registry.tokens import sha256_of
from registry.transactions import write

LASTS = timedelta(days=7)
INSTALLATION = "installation"


def invite(person: Person | None, *, by: Person | None = None) -> str:
    """A link's secret, told this once; the links before it end. `person` is None for the first account.

    Raises NotAllowed, and Conflict where there is a first account already.
    """
    if by is not None and (reason := policies.refuse_grant(selectors.installation_access(by))):
        raise NotAllowed(reason)
    text = secrets.token_urlsafe(32)
    ends = timezone.now() + LASTS
    with write():
        if person is None and selectors.has_accounts():
            raise Conflict("There are accounts here already: an admin makes others on the page People.")
        Invitation.objects.filter(person=person, used_at=None).delete()
        Invitation.objects.create(secret_sha256=sha256_of(text), person=person, expires_at=ends)
        record(
            Kind.INVITATION_MADE,
            person.actor if person else INSTALLATION,
            actor=by.actor if by else SYSTEM,
            until=ends.isoformat(),
        )
    return text


def accept(text: str, *, username: str, password: str) -> Person:
    """Open the account: the first one is an admin's, of whatever name; another one has its name.

    Of two who follow one link at once, one gets the account and one is told so.
    Raises NotFound, BadInput.
    """
    try:
        validate_password(password)
    except ValidationError as error:
        raise BadInput(" ".join(error.messages), field="password") from None
    with write():
        invitation = selectors.invitation(text)
        person = invitation.person
        if person is None:
            person = create_person(username, password=password, admin=True)
        else:
            person.set_password(password)
            person.save(update_fields=["password"])
            end_all(person)
        Invitation.objects.filter(pk=invitation.pk).update(used_at=timezone.now())
        record(
            Kind.INVITATION_ACCEPTED,
            person.actor,
            actor=person.actor,
            first=invitation.person_id is None,
        )
    return person
