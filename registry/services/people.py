"""People and their roles. Accounts come from an admin; every grant is an event, with its grounds."""

from __future__ import annotations

from django.core.exceptions import ValidationError

from registry import logins, policies
from registry.errors import AlreadyExists, BadInput, NotAllowed
from registry.events import Kind, grounds, record
from registry.models import Membership, Person, RegisteredModel, Role
from registry.selectors import access, installation_access
from registry.services.wording import on_grounds
from registry.transactions import write

SYSTEM = "system/setup"


def create_person(
    username: str,
    *,
    password: str | None,
    email: str = "",
    is_machine: bool = False,
    admin: bool = False,
    by: Person | None = None,
) -> Person:
    """An account; `by` is None only for the operator at the command line. `password=None` cannot log in."""
    if by is not None and (reason := policies.refuse_grant(installation_access(by))):
        raise NotAllowed(reason)
    try:
        Person.username_validator(username)
    except ValidationError as error:
        raise BadInput(str(error.messages[0]), field="name") from None
    with write():
        if Person.objects.filter(username=username).exists():
            raise AlreadyExists(f"There is an account {username!r} already.", field="name")
        person = Person(
            username=username, email=email, is_machine=is_machine, is_staff=admin, is_superuser=admin
        )
        person.set_password(password)
        person.save()
        record(
            Kind.PERSON_CREATED,
            person.actor,
            actor=by.actor if by else SYSTEM,
            machine=is_machine,
            admin=admin,
        )
    return person


def grant(
    person: Person,
    role: str,
    *,
    model: RegisteredModel | None = None,
    by: Person | None = None,
    why: str = "",
) -> None:
    """Give a role on one model or on all of them. Having it already is fine.

    `by` is None only for the operator at the command line, who owes no grounds.
    """
    _judge(role, model, by)
    words = on_grounds(why) if by is not None else ""
    with write():
        if not Membership.objects.filter(person=person, model=model, role=role).exists():
            name = model.name if model else ""
            said = {"grounds": grounds(words, by).digest} if by is not None else {}
            actor = by.actor if by else SYSTEM
            record(Kind.ROLE_GRANTED, person.actor, actor=actor, model=name, role=role, **said)
            Membership.objects.create(person=person, model=model, role=role)


def revoke(person: Person, role: str, *, by: Person, why: str, model: RegisteredModel | None = None) -> None:
    """Take a role away. Not having it is fine."""
    _judge(role, model, by)
    words = on_grounds(why)
    with write():
        is_admin = role == Role.ADMIN and model is None and not person.is_superuser
        if is_admin and logins.is_last_administrator(person):
            raise NotAllowed(policies.LAST_ADMIN)
        held = Membership.objects.filter(person=person, model=model, role=role)
        if held.exists():
            name = model.name if model else ""
            said = grounds(words, by).digest
            record(Kind.ROLE_REVOKED, person.actor, actor=by.actor, model=name, role=role, grounds=said)
            held.delete()


def _judge(role: str, model: RegisteredModel | None, by: Person | None) -> None:
    """Whoever has the role admin on one model gives roles on that one, and on no other."""
    if by is not None:
        asker = access(by, None, model) if model else installation_access(by)
        if reason := policies.refuse_grant(asker):
            raise NotAllowed(reason)
    if role not in Role.values:
        raise BadInput(f"Choose one of the roles {', '.join(Role.values)}.", field="role")
