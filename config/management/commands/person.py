"""`manage.py person NAME`: an account and its roles, made by the operator at the command line."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from registry.models import Person, Role
from registry.services import people


class Command(BaseCommand):
    """How the first admin comes to be; the admin's grants are events like all others."""

    help = "Make an account (or add roles to one): person NAME [--role ROLE ...] [--admin] [--machine]"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--email", default="")
        parser.add_argument("--role", action="append", default=[], choices=Role.values)
        parser.add_argument("--admin", action="store_true", help="grants roles; approves nothing")
        parser.add_argument("--machine", action="store_true", help="owns tokens; cannot log in")

    def handle(
        self, *, name: str, email: str, role: list[str], admin: bool, machine: bool, **options: object
    ) -> None:
        person = Person.objects.filter(username=name).first()
        if person is None:
            password = None if machine else _password()
            person = people.create_person(
                name, password=password, email=email, admin=admin, is_machine=machine
            )
        for one in role:
            people.grant(person, one)
        roles = sorted(m.role.replace("_", " ") for m in person.memberships.all())
        self.stdout.write(
            f"{name}: {', '.join(roles) or 'no role'}{', admin' if person.is_superuser else ''}"
        )


def _password() -> str:
    """Asked for twice at a terminal, one line of standard input otherwise."""
    given = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if sys.stdin.isatty() and getpass.getpass("Again: ") != given:
        raise CommandError("The two passwords differ.")
    try:
        validate_password(given)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from None
    return given
