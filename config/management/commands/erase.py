"""`manage.py erase NAME --by ADMIN --grounds WORDS`: the words of a person go, the log's chain holds."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from registry.errors import DomainError
from registry.selectors import person
from registry.services.erasure import erase_words


class Command(BaseCommand):
    """The same as `POST /api/v1/people/NAME/erasure`, for whoever has the machine and no browser."""

    help = "Erase all that a person has written as grounds: erase NAME --by ADMIN --grounds WORDS"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--by", required=True, help="the admin who answers for it")
        parser.add_argument("--grounds", required=True, help="why, in at least 10 characters")

    def handle(self, *, name: str, by: str, grounds: str, **options: object) -> None:
        try:
            erased = erase_words(person(name, gone_too=True), by=person(by), grounds=grounds)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"{name}: {erased} text{'' if erased == 1 else 's'} erased")
