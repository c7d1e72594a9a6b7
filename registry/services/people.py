"""People and their roles. Accounts come from an admin; every grant is an event."""

from __future__ import annotations

from registry import policies
from registry.errors import BadInput, NotAllowed
from registry.events import Kind, record
from registry.models import Membership, Person, RegisteredModel, Role
from registry.selectors import access
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
    if by is not None and (reason := policies.refuse_grant(access(by))):
        raise NotAllowed(reason)
    with write():
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
    person: Person, role: str, *, model: RegisteredModel | None = None, by: Person | None = None
) -> None:
    """Give a role on one model or on all of them. Having it already is fine."""
    if by is not None and (reason := policies.refuse_grant(access(by, None, model))):
        raise NotAllowed(reason)
    if role not in Role.values:
        raise BadInput(f"Choose one of the roles {', '.join(Role.values)}.", field="role")
    with write():
        _, created = Membership.objects.get_or_create(person=person, model=model, role=role)
        if created:
            name = model.name if model else ""
            record(Kind.ROLE_GRANTED, person.actor, actor=by.actor if by else SYSTEM, model=name, role=role)


def revoke(person: Person, role: str, *, by: Person, model: RegisteredModel | None = None) -> None:
    """Take a role away. Not having it is fine."""
    if reason := policies.refuse_grant(access(by, None, model)):
        raise NotAllowed(reason)
    with write():
        gone, _ = Membership.objects.filter(person=person, model=model, role=role).delete()
        if gone:
            name = model.name if model else ""
            record(Kind.ROLE_REVOKED, person.actor, actor=by.actor, model=name, role=role)
