"""Become one of Assay's processes: for containers and unit files, where each role has a place of its own."""

from __future__ import annotations

import os
from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand

from config.local import processes
from registry import sandbox


class Command(BaseCommand):
    """`serve web`, and so on for control, proving, mail, beat, scoring and grpc."""

    help = "Become one of Assay's processes. `prepare` has to have run once before."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role", choices=sorted(processes.ROLES))

    def handle(self, *, role: str, **options: object) -> None:
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        if role == "proving" and not (found := sandbox.level()).isolated:
            self.stderr.write(found.sentence)
            self.stderr.flush()
        command = processes.ROLES[role]()
        os.execv(command[0], command)  # noqa: S606 - the argument list is ours
