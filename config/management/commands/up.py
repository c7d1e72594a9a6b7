"""Start Assay on this machine: broker, web, workers and scoring in one process tree."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from config import env
from config.local import processes
from config.local.keeper import only_one_tree
from config.local.sources import SourceWatch
from config.local.supervisor import CRASHES, Supervisor, TreeStopped, die_with_parent, stopped_by_signals
from registry import sandbox, selectors
from registry.services import invitations

Question = Callable[[], bool]


class Command(BaseCommand):
    """`up` until Ctrl-C; `up --then "command"` plays a command once all is ready."""

    help = (
        "Migrate, then start web, workers, scoring and, without a REDIS_URL, Valkey. Ctrl-C ends all of it."
    )
    requires_system_checks = ()  # the processes that it starts check for themselves

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--then", metavar="COMMAND", help="run this once everything is ready")
        parser.add_argument("--once", action="store_true", help="end with --then, with its exit code")
        parser.add_argument("--reload", action="store_true", help="restart when source files change")
        parser.add_argument("--deadline", type=float, default=90.0, help="seconds until all must be ready")

    def handle(
        self, *, then: str | None, once: bool, reload: bool, deadline: float, **options: object
    ) -> None:
        began = time.monotonic()
        try:
            with only_one_tree(settings.DATA_DIR):
                processes.require_free_ports()
                self.stdout.write("Assay is starting: its database first, then its processes.")
                self.stdout.flush()
                call_command("prepare")
                supervisor = Supervisor(
                    processes.children(),
                    folder=settings.DATA_DIR,
                    say=self._say,
                    # Deaths that were asked for are no sign of trouble.
                    most_deaths=sys.maxsize if settings.CRASHPOINT_FILE else CRASHES,
                )
                with stopped_by_signals(supervisor), _closed(supervisor):
                    supervisor.start(deadline_s=deadline)
                    if not supervisor.stopping:
                        self._greet(time.monotonic() - began, "" if then else _first_account())
                    changed = SourceWatch(settings.BASE_DIR).changed if reload else _never
                    code = self._stay(supervisor, then, once=once, changed=changed)
        except TreeStopped as error:
            raise CommandError(str(error)) from error
        if code:
            sys.exit(code)

    def _greet(self, seconds: float, first: str) -> None:
        self.stdout.write(
            f"Assay is ready after {seconds:.1f} s.\n"
            f"  pages    http://localhost:{settings.WEB_PORT}\n"
            f"  scoring  http://localhost:{settings.SCORING_PORT}\n"
            f"  gRPC     localhost:{settings.GRPC_PORT}\n"
            f"  data     {settings.DATA_DIR} (logs in logs/)\n"
            f"{first}"
            "Ctrl-C ends all of it."
        )
        self.stdout.flush()
        if not (found := sandbox.level()).isolated:
            self._say(found.sentence)

    def _stay(self, supervisor: Supervisor, then: str | None, *, once: bool, changed: Question) -> int:
        """Until somebody asks to stop or, with `once`, until the command is through. The exit code."""

        def restarted() -> bool:
            if changed():
                self._say("Source files changed: starting again.")
                supervisor.restart()
            return False

        if then is None:
            supervisor.watch(until=restarted)
            return 0
        with _played(then) as command:
            supervisor.watch(until=lambda: restarted() or command.poll() is not None)
            code = command.poll()
        if once:
            return 1 if code is None or code < 0 else code
        if code:
            self._say(f"The command ended with exit code {code}; Assay goes on running. Ctrl-C ends it.")
        supervisor.watch(until=restarted)
        return 0

    def _say(self, line: str) -> None:
        self.stderr.write(line)
        self.stderr.flush()


def _first_account() -> str:
    """The link to the page that makes it, while there is no account."""
    if selectors.has_accounts():
        return ""
    text = invitations.invite(None)
    return f"  first account  http://localhost:{settings.WEB_PORT}{reverse('welcome', args=[text])}\n"


@contextmanager
def _played(command: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command behind --then, on the terminal itself. Ends with the tree."""
    process = subprocess.Popen(  # noqa: S603 - the person at the terminal wrote it
        shlex.split(command),
        env=env.inherited(),
        preexec_fn=die_with_parent,  # noqa: PLW1509 - only the main thread starts children
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def _closed(supervisor: Supervisor) -> Iterator[None]:
    try:
        yield
    finally:
        supervisor.close()


def _never() -> bool:
    return False
