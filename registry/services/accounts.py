"""Accounts that end and come back, passwords, and sessions. Each step is an event."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils import timezone

from registry import logins, policies
from registry.errors import BadInput, NotAllowed
from registry.events import Kind, grounds, record
from registry.models import ApiToken, Invitation, Person, Session
from registry.selectors import installation_access
from registry.services.wording import on_grounds
from registry.transactions import write


def deactivate(person: Person, *, by: Person, why: str) -> None:
    """Take an account out of use: sessions, tokens, links and roles end; the log keeps what was done.

    Twice is once. Raises NotAllowed, also for the last administrator, and BadInput for the grounds.
    """
    with write():
        person.refresh_from_db()
        is_last = logins.is_last_administrator(person)
        if reason := policies.refuse_deactivation(installation_access(by), is_last):
            raise NotAllowed(reason)
        words = on_grounds(why)
        if not person.is_active:
            return
        said = grounds(words, by).digest
        ended: dict[str, Any] = {
            "roles": _end_roles(person, by, said),
            "tokens": _end_tokens(person, by),
            "sessions": end_all(person),
        }
        Invitation.objects.filter(person=person, used_at=None).delete()
        person.is_active = person.is_superuser = person.is_staff = False
        person.save(update_fields=["is_active", "is_superuser", "is_staff"])
        record(Kind.PERSON_DEACTIVATED, person.actor, actor=by.actor, grounds=said, **ended)


def reactivate(person: Person, *, by: Person, why: str) -> None:
    """Put an account into use again, with its old password and without roles and tokens. Twice is once."""
    if reason := policies.refuse_grant(installation_access(by)):
        raise NotAllowed(reason)
    words = on_grounds(why)
    with write():
        if Person.objects.filter(pk=person.pk, is_active=False).update(is_active=True):
            said = grounds(words, by).digest
            record(Kind.PERSON_REACTIVATED, person.actor, actor=by.actor, grounds=said)
    person.refresh_from_db()


def change_password(person: Person, *, old: str, new: str, here: str = "") -> None:
    """Choose another password; all sessions end but the one whose key is `here`. Raises BadInput."""
    if not person.check_password(old):
        raise BadInput("This is not your password.", field="old")
    if old == new:
        raise BadInput("This is the password that you have: choose another one.", field="new")
    try:
        validate_password(new, person)
    except ValidationError as error:
        raise BadInput(" ".join(error.messages), field="new") from None
    with write():
        person.set_password(new)
        person.save(update_fields=["password"])
        record(Kind.PASSWORD_CHANGED, person.actor, actor=person.actor, sessions=end_all(person, here))


def end_session(person: Person, identifier: str) -> None:
    """Log out one browser of one's own. Raises NotFound."""
    with write():
        found = logins.session(person, identifier)
        Session.objects.filter(pk=found.pk).delete()
        record(Kind.SESSION_ENDED, person.actor, actor=person.actor, sessions=1, device=found.device)


def end_other_sessions(person: Person, here: str) -> int:
    """Log out every browser of one's own but this one; how many."""
    with write():
        ended = end_all(person, here)
        if not ended:
            return 0
        record(Kind.SESSION_ENDED, person.actor, actor=person.actor, sessions=ended)
    return ended


def end_all(person: Person, but: str = "") -> int:
    """Within a transaction: the sessions of a person are gone. What has expired is swept out with them."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    return Session.objects.filter(person=person).exclude(pk=but).delete()[0]


def _end_roles(person: Person, by: Person, said: str) -> int:
    held = list(person.memberships.select_related("model"))
    for one in held:
        name = one.model.name if one.model else ""
        record(Kind.ROLE_REVOKED, person.actor, actor=by.actor, model=name, role=one.role, grounds=said)
    person.memberships.all().delete()
    return len(held)


def _end_tokens(person: Person, by: Person) -> int:
    live = list(ApiToken.objects.filter(owner=person, revoked_at=None))
    for token in live:
        record(Kind.TOKEN_REVOKED, token.actor, actor=by.actor, owner=person.actor)
    ApiToken.objects.filter(pk__in=[token.pk for token in live]).update(revoked_at=timezone.now())
    return len(live)
