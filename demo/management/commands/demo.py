"""`manage.py demo`: plays the whole journey against a running Assay, through its public faces."""

from __future__ import annotations

import logging
import sys
from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections

from demo.journey import Journey
from demo.people import CI, PEOPLE
from demo.seeding import Credentials, seed
from demo.steps import play
from demo.telling import Teller


class Command(BaseCommand):
    """Exit code 0 only when every step did what it should."""

    help = "Play the journey with real models: upload, prove, review, roll out, score, roll back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="do not say how to go on")
        parser.add_argument("--base-url", default=f"http://127.0.0.1:{settings.WEB_PORT}")
        parser.add_argument("--scoring-url", default=settings.SCORING_URL)

    def handle(self, *, once: bool, base_url: str, scoring_url: str, **options: object) -> None:
        logging.getLogger("httpx").setLevel(logging.WARNING)
        credentials = seed()
        connections.close_all()
        tell = Teller()
        journey = Journey(
            tell=tell,
            base_url=base_url.rstrip("/"),
            scoring_url=scoring_url.rstrip("/"),
            token=credentials.token,
            password=credentials.password,
            work=settings.DATA_DIR / "demo" / "versions",
        )
        if journey.was_played():
            tell.say("The journey was played here before; `make db-reset` forgets it.")
            good = True
        else:
            good = play(journey)
        if not once:
            _say_how_to_go_on(tell, credentials, base_url, scoring_url)
        if not good:
            sys.exit(1)


def _say_how_to_go_on(tell: Teller, credentials: Credentials, base_url: str, scoring_url: str) -> None:
    tell.step("Look around")
    tell.table(
        [
            ("pages", base_url),
            ("API", f"{base_url}/api/docs"),
            ("scoring", f"{scoring_url}/score/digits"),
            *((person.name, person.does) for person in PEOPLE),
            ("password of all of them", credentials.password),
            (f"token of {CI.name}", credentials.token),
        ]
    )
    tell.say(
        "try",
        f"curl -H 'Authorization: Bearer {credentials.token}' "
        f'-d \'{{"inputs": {{"pixels": [{[0] * 64}]}}}}\' {scoring_url}/score/digits',
    )
