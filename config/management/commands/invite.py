"""`manage.py invite [NAME]`: the link that makes the first account, or lets NAME choose a password."""

from __future__ import annotations

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from registry import selectors
from registry.errors import DomainError
from registry.services import invitations


class Command(BaseCommand):
    """For the operator; on the page People an admin makes links for others."""

    help = "Print a link that opens an account once: the first one, or NAME's with a new password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?")
        parser.add_argument("--url", default=f"http://localhost:{settings.WEB_PORT}")

    def handle(self, *, name: str | None, url: str, **options: object) -> None:
        try:
            person = selectors.person(name) if name else None
            self.stdout.write(url.rstrip("/") + reverse("welcome", args=[invitations.invite(person)]))
        except DomainError as refusal:
            raise CommandError(str(refusal)) from None
