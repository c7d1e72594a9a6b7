"""Starting a cell and waiting for its end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from registry.sandbox import calls, command
from registry.sandbox.errors import NoSandbox
from registry.sandbox.finished import Finished
from registry.sandbox.handing import handed
from registry.sandbox.level import level
from registry.sandbox.limits import Limits, Mount
from registry.sandbox.orphans import end_orphans
from registry.sandbox.watch import Watch

STATUS_BYTES = 1 << 12
"""Bubblewrap's two lines have a hundred."""


def run(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    mounts: Sequence[Mount] = (),
    limits: Limits | None = None,
    allow_unisolated: bool = False,
) -> Finished:
    """Run a command in a cell until it ends or is ended. Raises NoSandbox, and nothing of the child's."""
    cell = start(argv, stdin=stdin, mounts=mounts, limits=limits, allow_unisolated=allow_unisolated)
    with cell:
        return cell.finish()


def start(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    mounts: Sequence[Mount] = (),
    limits: Limits | None = None,
    allow_unisolated: bool = False,
) -> Cell:
    """Start a command in a cell; the thread that calls must live as long as the cell.

    Without isolation on this machine: raises NoSandbox, unless `allow_unisolated`.
    Then only resource limits hold, and the mounts' targets are replaced by their
    sources in the command and in what it reads from standard input.
    """
    limits = limits or Limits()
    found = level()
    if found.isolated:
        return _isolated(argv, stdin, mounts, limits)
    if not allow_unisolated:
        raise NoSandbox(found.sentence)
    return _bare(argv, stdin, mounts, limits)


class Cell:
    """A running command, killed with all its descendants at the end of the `with` block."""

    def __init__(self, process: subprocess.Popen[bytes], watch: Watch, status: int | None = None) -> None:
        self.pid = process.pid
        self._watch = watch
        self._status = status

    def peak_memory_bytes(self) -> int:
        """The most that all its processes held together so far, shared pages counted once."""
        return self._watch.meter.peak_bytes

    def poll(self) -> Finished | None:
        """The account when the cell has ended, else None."""
        return self._watch.result

    def ended_within(self, seconds: float) -> bool:
        """Wait for the end for so long at most; whether it has come."""
        self._watch.join(seconds)
        return self._watch.result is not None

    def kill(self) -> None:
        """End it now; `finish` tells how it went."""
        self._watch.stop()

    def finish(self) -> Finished:
        """Wait for the end, at the latest at the wall clock limit. Raises NoSandbox if it never began."""
        self._watch.join()
        finished = self._watch.result
        if finished is None:
            raise NoSandbox("The thread that watched the cell has failed.")
        if self._never_began(finished):
            words = finished.stderr.decode(errors="replace").strip()
            raise NoSandbox(f"bubblewrap could not make the cell: {words[-500:]}")
        return finished

    def _never_began(self, finished: Finished) -> bool:
        """Bubblewrap tells the status only of a command that it came to start."""
        if self._status is None:
            return False
        told = os.read(self._status, STATUS_BYTES)
        os.close(self._status)
        self._status = None
        return finished.returncode is not None and b"exit-code" not in told

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._watch.join()
        if self._status is not None:
            os.close(self._status)
            self._status = None


def _isolated(argv: Sequence[str], stdin: bytes, mounts: Sequence[Mount], limits: Limits) -> Cell:
    end_orphans()
    _open_to_the_cell(mounts)
    words = command.bubblewrap_arguments(mounts, limits)
    # not on the command line, where the child could read our paths
    arguments = handed(b"".join(word.encode() + b"\0" for word in words))
    refused = handed(calls.program())
    status, told = os.pipe()
    handles = (arguments, refused, told)
    try:
        launcher = [str(command.bubblewrap()), "--args", str(arguments), "--json-status-fd", str(told)]
        launcher += ["--seccomp", str(refused)] if calls.program() else []
        process = _popen([*launcher, "--", *command.isolated(argv, limits)], command.CODE, handles)
    finally:
        for handle in handles:
            os.close(handle)
    return Cell(process, Watch(process, stdin, limits, [m.source for m in mounts if m.writable]), status)


def _bare(argv: Sequence[str], stdin: bytes, mounts: Sequence[Mount], limits: Limits) -> Cell:
    given = _with_sources(argv, mounts)
    process = _popen(command.bare(given, limits), str(command.ROOT), ())
    [text] = _with_sources([stdin.decode("utf-8", "surrogateescape")], mounts)
    lent = [mount.source for mount in mounts if mount.writable]
    return Cell(process, Watch(process, text.encode("utf-8", "surrogateescape"), limits, lent))


def _popen(words: Sequence[str], code: str, handles: tuple[int, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own command
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=command.environment(code),
        cwd="/",
        pass_fds=handles,
        start_new_session=True,
        # cells of one proof have different users and meet in one folder
        umask=0,
    )


def _open_to_the_cell(mounts: Iterable[Mount]) -> None:
    """As root the cell is another user; the folder above keeps everybody else out."""
    for mount in mounts:
        if mount.writable and os.geteuid() == 0:
            mount.source.chmod(0o777)


def _with_sources(texts: Iterable[str], mounts: Sequence[Mount]) -> list[str]:
    replaced = list(texts)
    for mount in sorted(mounts, key=lambda mount: len(mount.target), reverse=True):
        replaced = [text.replace(mount.target, str(mount.source)) for text in replaced]
    return replaced
