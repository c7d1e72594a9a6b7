"""`manage.py audit verify`: does the log hold together, and with the witness outside the database?"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry import events


class Command(BaseCommand):
    help = "Verify the event log: every digest, the chain, the head and the witness file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["verify"])

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.perf_counter()
        report = events.verify()
        if not report.intact:
            broken = (
                f"The log is broken at line {report.broken_at}: {report.reason}. " if report.reason else ""
            )
            raise CommandError(broken + " ".join(f"Found: {one}" for one in report.findings))
        rate = report.events / max(time.perf_counter() - started, 1e-9)
        self.stdout.write(
            f"The log holds: {report.events} events, head {report.head[:16]}…, "
            f"{report.witnessed} of them seen by the witness, {rate:,.0f} events per second."
        )
        self.stdout.write("".join(f"Not covered: {one}.\n" for one in events.NOT_COVERED))
