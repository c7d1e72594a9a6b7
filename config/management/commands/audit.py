"""`manage.py audit verify`: does the log hold together, and with the witness outside the database?
`manage.py audit begin-witness`: two people begin a new witness in place of one that was lost.
`manage.py audit replay`: is what was decided of rollouts what their rules decide?"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from dataclasses import replace
from getpass import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry import events
from registry.errors import DomainError
from registry.ledger import Report
from registry.selectors import person
from registry.services.heads import held_against_store
from registry.services.witnesses import begin_anew
from releases.rollout.replaying import replay

MOST_SHOWN = 20
"""Differences of one decision; one cause shows in many places."""


class Command(BaseCommand):
    help = "Verify the event log, begin a new witness, or decide again what was decided of rollouts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        verify = what.add_parser("verify", help="walk the whole log and say what was found")
        verify.add_argument(
            "--store", action="store_true", help="hold it against the signed heads in the artifact store too"
        )
        begin = what.add_parser("begin-witness", help="ask for a new witness, or begin the one asked for")
        begin.add_argument("--by", required=True, help="an auditor or admin, whose password is asked for")
        begin.add_argument("--grounds", required=True, help="what was looked into, in at least 10 characters")

        again = what.add_parser("replay", help="decide again what was decided automatically of rollouts")
        again.add_argument("--rollout", type=int, metavar="N", help="of this one alone")

    def handle(self, *, what: str, **options: Any) -> None:
        if what == "verify":
            self._verify(in_store=options.get("store", False))
        elif what == "replay":
            self._replay(options.get("rollout"))
        else:
            self._begin(options["by"], options["grounds"])

    def _verify(self, *, in_store: bool) -> None:
        started = time.perf_counter()
        report = events.verify(lambda seq: self.stderr.write(f"{seq:,} events read"))
        asked, against = held_against_store() if in_store else (0, [])
        report = replace(report, findings=(*report.findings, *against))
        if not report.intact:
            raise CommandError(_broken(report))
        rate = report.events / max(time.perf_counter() - started, 1e-9)
        self.stdout.write(
            f"The log holds: {report.events} events, head {report.head[:16]}…, "
            f"{report.witnessed} of them seen by the witness, {rate:,.0f} events per second."
        )
        if in_store:
            self.stdout.write(f"Signed heads in the store: {asked} asked, all agree.")
        self.stdout.write("".join(f"Past: {one}\n" for one in report.past), ending="")
        self.stdout.write("".join(f"Not covered: {one}.\n" for one in events.NOT_COVERED))

    def _replay(self, rollout: int | None) -> None:
        decisions = differing = reworded = 0
        for each in replay(rollout):
            decisions += 1
            reworded += bool(each.reworded)
            if each.differences:
                differing += 1
                self.stderr.write(f"Event {each.seq}, decision {each.number} of rollout {each.rollout}:")
                self.stderr.write("".join(f"  {one}\n" for one in each.differences[:MOST_SHOWN]), ending="")
        if differing:
            raise CommandError(f"{differing} of {decisions} automatic decisions are not what is decided now.")
        self.stdout.write(f"{decisions} automatic decisions were made again from the log: none differs.")
        if reworded:
            self.stdout.write(f"Of {reworded} the reason is worded otherwise now.")

    def _begin(self, name: str, grounds: str) -> None:
        """The password keeps one person at the machine from being two."""
        try:
            by = person(name)
            if not by.check_password(getpass(f"Password of {name}: ")):
                raise CommandError(f"That is not the password of {name}.")
            event = begin_anew(grounds, by=by)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from None
        said = {
            "witness.asked": "another auditor or admin looks into it too, and runs the same within a day",
            "witness.begun": "a new witness has begun; what was found stays in the log",
        }
        self.stdout.write(f"Event {event.seq}, {event.kind}: {said[event.kind]}.")


def _broken(report: Report) -> str:
    broken = f"The log is broken at line {report.broken_at}: {report.reason}. " if report.reason else ""
    return broken + " ".join(
        [*(f"Found: {one}" for one in report.findings), *(f"Past: {one}" for one in report.past)]
    )
