"""Keeps a handful of processes alive as one tree, and ends all of them together. Knows no Django.

Every child leads a session of its own and dies with its parent. A dead child takes its whole group
with it (a killed Celery parent would leave its beat behind), then comes back after a growing pause;
one that dies again and again stops the tree with a reason. Children write to log files, so nothing
here can make them wait; the terminal gets their warnings.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from config.local.childlog import ChildLog
from registry import disk

GRACE_S = 3.5
"""Longer than the web server's own deadline for answers, so that it ends before it is killed."""
CRASHES, CRASH_WINDOW_S = 5, 60.0
"""Then the whole command ends, with the child's last words: chosen, not measured."""
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 4.0)
STEP_S = 0.05
"""How late a dead child may be noticed; looking costs some system calls."""
ASK_EVERY_S = 0.2
"""A process that starts is asked so often whether it answers: more would slow its start."""
_PR_SET_PDEATHSIG = 1
"""`prctl`'s number for the signal that a child gets when its parent dies."""


class TreeStopped(Exception):
    """The tree cannot start or go on. The message says why, in words for the terminal."""


@dataclass(frozen=True, slots=True)
class Child:
    """One process to keep alive.

    ready   asked until it says yes once after each start; None asks nothing.
    greets  words in its log that say it is ready, where nothing can be asked.
    last    stopped only after all others are gone (the broker).
    silent  only its last words after a death are shown, never its warnings.
    reload  restarted when source files change.
    """

    name: str
    argv: Sequence[str]
    env: dict[str, str]
    ready: Callable[[], bool] | None = None
    greets: str | None = None
    last: bool = False
    silent: bool = False
    reload: bool = True


@dataclass(slots=True)
class _Running:
    child: Child
    log: ChildLog
    process: subprocess.Popen[bytes] | None = None
    ready: bool = False
    due: float = math.inf
    asked: float = 0.0
    deaths: list[float] = field(default_factory=list)


class Supervisor:
    """Starts the children in order, each when those before it are ready, and watches them."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        folder: Path,
        say: Callable[[str], None],
        most_deaths: int = CRASHES,
    ) -> None:
        """`folder` gets logs/ and processes.json (name -> process id); `say` gets what a person must see.

        most_deaths  how often one child may die within a minute before all of it stops.
        """
        self._say = say
        self._most_deaths = most_deaths
        self._register = folder / "processes.json"
        self._running = [
            _Running(child, ChildLog(folder / "logs" / f"{child.name}.log")) for child in children
        ]
        self._stopping: str | None = None

    def pids(self) -> dict[str, int]:
        """Child name -> process id, of those that run now."""
        return {one.child.name: one.process.pid for one in self._running if one.process}

    def stop(self, reason: str) -> None:
        """Ask for the end; safe from a signal handler. A second time it kills at once."""
        if self._stopping is not None:
            for one in self._running:
                _kill_group(one)
        self._stopping = reason

    @property
    def stopping(self) -> str | None:
        """Why the tree is about to stop, or None while it runs."""
        return self._stopping

    def start(self, *, deadline_s: float) -> None:
        """Start every child and return when all are ready, or when somebody asked to stop.

        Raises TreeStopped when one keeps dying or does not get ready in time.
        """
        deadline = time.monotonic() + deadline_s
        for one in self._running:
            self._launch(one)
            if one.child.last:
                self._wait_until_ready(one, deadline)
        for one in self._running:
            self._wait_until_ready(one, deadline)

    def watch(self, until: Callable[[], bool] = lambda: False) -> None:
        """Keep the children alive until somebody asks to stop or `until` says so."""
        while self._stopping is None and not until():
            self.step()
            time.sleep(STEP_S)

    def step(self) -> None:
        """Show new warnings, bury the dead, start what is due, ask who is ready."""
        now = time.monotonic()
        for one in self._running:
            self._show(one)
            if one.process is not None and one.process.poll() is not None:
                self._bury(one, now)
            if one.process is None and now >= one.due:
                self._launch_again(one, now)
            if not one.ready and one.process is not None and now - one.asked > ASK_EVERY_S:
                one.ready, one.asked = _is_ready(one), now

    def restart(self) -> None:
        """Replace every child that follows the source code. For development."""
        for one in self._running:
            if one.child.reload and one.process is not None:
                _terminate([one], GRACE_S)
                self._launch(one)

    def close(self) -> None:
        """End everything: the broker last, so that the others can still say good-bye to it."""
        _terminate([one for one in self._running if not one.child.last], GRACE_S)
        _terminate([one for one in self._running if one.child.last], GRACE_S)

    def _launch(self, one: _Running) -> None:
        with one.log.opened_for_child() as output:
            one.process = subprocess.Popen(  # noqa: S603 - the argument lists are ours
                one.child.argv,
                env=one.child.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - only the main thread starts children
            )
        one.ready = False
        self._write_pids()

    def _launch_again(self, one: _Running, now: float) -> None:
        """One that cannot be started for want of a log must not take the others with it."""
        try:
            self._launch(one)
        except OSError as error:
            one.due = now + PAUSES_S[-1]
            self._say(
                f"{one.child.name} cannot be started, and is tried again in {PAUSES_S[-1]:g} s: {error}"
            )

    def _write_pids(self) -> None:
        fresh = self._register.with_suffix(".new")
        try:
            fresh.write_text(json.dumps(self.pids()))
            fresh.rename(self._register)
        except OSError as error:
            self._say(f"{self._register} is not up to date: {error}")

    def _has_room(self) -> bool:
        return disk.place("the data folder", self._register.parent).refusal is None

    def _bury(self, one: _Running, now: float) -> None:
        assert one.process is not None  # noqa: S101 - for the type checker
        code = one.process.returncode
        _kill_group(one)
        one.process = None
        # Who dies for want of room comes back with it; what runs meanwhile, scoring first of all, goes on.
        has_room = self._has_room()
        one.deaths = [at for at in one.deaths if now - at < CRASH_WINDOW_S] + [now] if has_room else []
        last_words = "".join(f"\n    {line}" for line in one.log.tail(15))
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        if len(one.deaths) >= self._most_deaths:
            raise TreeStopped(
                f"{one.child.name} died {self._most_deaths} times within a minute, the last time {how}. "
                f"Its last words, from {one.log.path}:{last_words}"
            )
        pause = PAUSES_S[min(len(one.deaths), len(PAUSES_S)) - 1]  # the longest where deaths do not count
        one.due = now + pause
        self._say(f"{one.child.name} died {how}; it starts again in {pause:g} s.{last_words}")

    def _wait_until_ready(self, one: _Running, deadline: float) -> None:
        while not one.ready and self._stopping is None:
            self.step()
            if time.monotonic() > deadline:
                words = "".join(f"\n    {line}" for line in one.log.tail(15))
                raise TreeStopped(f"{one.child.name} did not get ready in time. See {one.log.path}:{words}")
            time.sleep(STEP_S)

    def _show(self, one: _Running) -> None:
        for line in one.log.fresh_warnings():
            if not one.child.silent:
                self._say(f"{one.child.name}: {line}")


def _is_ready(one: _Running) -> bool:
    child = one.child
    if child.greets is not None and not one.log.said(child.greets):
        return False
    return child.ready is None or child.ready()


def die_with_parent() -> None:
    """Between fork and exec: SIGTERM for this process as soon as its parent is gone (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def stopped_by_signals(supervisor: Supervisor) -> Iterator[None]:
    """While inside, Ctrl-C, SIGTERM and a closed terminal ask the tree to stop."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {
        number: signal.signal(number, lambda got, _: supervisor.stop(signal.Signals(got).name))
        for number in numbers
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminate(ones: Sequence[_Running], grace_s: float) -> None:
    """SIGTERM to each, time to leave, then SIGKILL to what is left of each group."""
    alive = [one.process for one in ones if one.process is not None and one.process.poll() is None]
    for process in alive:
        process.terminate()
    deadline = time.monotonic() + grace_s
    while time.monotonic() < deadline and any(process.poll() is None for process in alive):
        time.sleep(STEP_S)
    for one in ones:
        _kill_group(one)
        if one.process is not None:
            one.process.wait()
            one.process = None


def _kill_group(one: _Running) -> None:
    if one.process is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(one.process.pid, signal.SIGKILL)
