"""The parent's side of a cell: feeds it, listens to it, measures it, and ends it when it goes too far."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic
from typing import IO, cast

from registry.sandbox.finished import Ending, Finished
from registry.sandbox.folders import overfull
from registry.sandbox.limits import Limits
from registry.sandbox.meter import Meter, family

TICK_SECONDS = 0.02
"""How long a cell may be over a limit before it is seen: memory is the kernel's to hold, this is not."""
PIPE_BYTES = 1 << 16
"""As much as a pipe of Linux holds."""
FOLDERS_EVERY_TICKS = 10
"""Counting files costs more than reading meters: five times a second is enough for a disk."""
LAST_WORDS_SECONDS = 1.0
"""What was written before the end is in the pipe already; a grandchild could hold it open for ever."""
BUBBLEWRAP_SIGNAL_BASE = 128
"""As shells do, it ends with this and the signal's number."""
LAUNCHERS = 2
"""Bubblewrap's own two processes, which are no fault of the cell."""


class Watch:
    """One thread per cell; `result` is there when it has ended."""

    def __init__(
        self, process: subprocess.Popen[bytes], stdin: bytes, limits: Limits, lent: Sequence[Path]
    ) -> None:
        self._process = process
        self._in, self._out, self._err = (
            cast("IO[bytes]", pipe) for pipe in (process.stdin, process.stdout, process.stderr)
        )
        self._heard = {self._out: bytearray(), self._err: bytearray()}
        self._limits = limits
        self._lent = lent
        self._stdin = memoryview(stdin)
        self._selector = selectors.DefaultSelector()
        self._stop: Ending | None = None
        self._began = monotonic()
        self.meter = Meter(process.pid)
        self.result: Finished | None = None
        self._thread = threading.Thread(target=self._run, name=f"cell-{process.pid}", daemon=True)
        self._thread.start()

    def join(self, seconds: float | None = None) -> None:
        self._thread.join(seconds)

    def stop(self) -> None:
        """Ask for the end; the thread does the killing."""
        self._stop = self._stop or Ending.KILLED

    def _run(self) -> None:
        with ExitStack() as stack:
            stack.callback(self._close)
            stack.callback(self._kill)
            self._listen(stack)
            ticks = 0
            while not self._ended() and self._stop is None:
                self._attend(TICK_SECONDS)
                if excess := self._excess(ticks):
                    self._stop = excess
                ticks += 1
            wall_seconds = monotonic() - self._began
            self._kill()
            self._hear_the_rest()
        self.result = self._account(wall_seconds)

    def _listen(self, stack: ExitStack) -> None:
        if hasattr(os, "pidfd_open"):
            handle = os.pidfd_open(self._process.pid)
            stack.callback(os.close, handle)
            self._selector.register(handle, selectors.EVENT_READ, self._ended)
        for pipe in (self._in, self._out, self._err):
            os.set_blocking(pipe.fileno(), False)
        self._selector.register(self._in, selectors.EVENT_WRITE, self._feed)
        for pipe, heard in self._heard.items():
            self._selector.register(pipe, selectors.EVENT_READ, self._hearing(pipe, heard))

    def _attend(self, seconds: float) -> bool:
        ready = self._selector.select(seconds)
        for key, _ in ready:
            key.data()
        return bool(ready)

    def _feed(self) -> None:
        try:
            self._stdin = self._stdin[os.write(self._in.fileno(), self._stdin[:PIPE_BYTES]) :]
        except BlockingIOError:
            return
        except OSError:
            self._stdin = memoryview(b"")  # it does not listen any more
        if not self._stdin:
            self._selector.unregister(self._in)
            with suppress(OSError):
                self._in.close()

    def _hearing(self, pipe: IO[bytes], heard: bytearray) -> Callable[[], None]:
        def hear() -> None:
            try:
                chunk = os.read(pipe.fileno(), PIPE_BYTES)
            except BlockingIOError:
                return
            heard.extend(chunk[: self._limits.output_bytes - len(heard)])
            if not chunk:
                self._selector.unregister(pipe)
            elif len(heard) == self._limits.output_bytes:
                self._stop = self._stop or Ending.OUTPUT

        return hear

    def _excess(self, ticks: int) -> Ending | None:
        if monotonic() - self._began > self._limits.wall_seconds:
            return Ending.WALL_CLOCK
        self.meter.sample(self._limits.processes + LAUNCHERS)
        if self.meter.peak_bytes > self._limits.memory_bytes:
            return Ending.MEMORY
        if self.meter.processes > self._limits.processes + LAUNCHERS:
            return Ending.PROCESSES
        if ticks % FOLDERS_EVERY_TICKS == 0 and self._overfull():
            return Ending.FILES
        return None

    def _overfull(self) -> bool:
        return any(overfull(folder, self._limits.file_bytes) for folder in self._lent)

    def _ended(self) -> bool:
        return self._process.poll() is not None

    def _kill(self) -> None:
        """All of it, in whatever session or group its descendants have hidden.

        The second of the family is the first process of the namespace: with it the kernel ends all
        others at once, however fast they multiply. Only without a namespace is anybody left to count.
        """
        members: list[int] = []
        if not self._ended():
            for pid in family(self._process.pid, 2)[1:]:
                _end(pid)
            members = family(self._process.pid)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pid in members:
            _end(pid)
        self._process.wait()

    def _hear_the_rest(self) -> None:
        """What is still in the pipes; a stray that keeps one open does not keep us."""
        until = monotonic() + LAST_WORDS_SECONDS
        while monotonic() < until and any(pipe in self._selector.get_map() for pipe in self._heard):
            if not self._attend(TICK_SECONDS) and self._stop is not None:
                return

    def _close(self) -> None:
        self._selector.close()
        for pipe in (self._in, self._out, self._err):
            with suppress(OSError):
                pipe.close()

    def _account(self, wall_seconds: float) -> Finished:
        ending, returncode = self._stop, None
        if ending is None:
            returncode = self._returncode()
            ending = Ending.SIGNALLED if returncode < 0 else Ending.EXITED
        return Finished(
            ending=ending,
            returncode=returncode,
            stdout=bytes(self._heard[self._out]),
            stderr=bytes(self._heard[self._err]),
            wall_seconds=wall_seconds,
            peak_memory_bytes=self.meter.peak_bytes,
            limits=self._limits,
        )

    def _returncode(self) -> int:
        """Minus the number of the signal, as bubblewrap reports it or as the system does."""
        status = self._process.returncode
        return BUBBLEWRAP_SIGNAL_BASE - status if status > BUBBLEWRAP_SIGNAL_BASE else status


def _end(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
