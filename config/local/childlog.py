"""One child's output: a file it appends to, of which the supervisor shows the warnings."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

LIMIT_BYTES = 10 * 2**20
"""Two files of this size for each child: a disk is not filled by a log."""
_LEVEL = re.compile(r"\b(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b")
_LOUD = {"WARNING", "ERROR", "CRITICAL"}
_BURST_LINES, _BURST_S = 20, 10.0
"""A child that fails in a loop must not push all others off the terminal."""


class ChildLog:
    """Appended to by a child, read by the supervisor; the last 10 to 20 MiB are kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._read = path.stat().st_size if path.exists() else 0
        self._started = self._read
        self._rest = b""
        self._loud = False
        self._shown: list[float] = []

    @contextmanager
    def opened_for_child(self) -> Iterator[BinaryIO]:
        """The file as a child's standard output. In append mode, so that it may be cut under its hands."""
        with self.path.open("ab") as output:
            self._started = output.tell()
            yield output

    def said(self, words: str) -> bool:
        """True when these words stand in what the child wrote since it was last started."""
        with self.path.open("rb") as log:
            log.seek(self._started)
            return words.encode() in log.read()

    def tail(self, lines: int) -> list[str]:
        """The last lines since the child's last start, at most 16 KiB of them."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as log:
            log.seek(max(self._started, self.path.stat().st_size - 16_384))
            return log.read().decode("utf-8", "replace").splitlines()[-lines:]

    def fresh_warnings(self) -> Iterator[str]:
        """New lines of level WARNING and above, of a traceback only the last; the file has all of it."""
        for line in self._fresh():
            level = _LEVEL.search(line[:100])
            if level:
                self._loud = level[1] in _LOUD
            elif line.startswith("Traceback "):
                self._loud = True
                continue
            if self._loud and line.strip() and not line.startswith(" "):
                yield from self._within_a_burst(line)

    def _within_a_burst(self, line: str) -> Iterator[str]:
        now = time.monotonic()
        self._shown = [at for at in self._shown if now - at < _BURST_S]
        if len(self._shown) < _BURST_LINES:
            yield line
        elif len(self._shown) == _BURST_LINES:
            yield f"and more, see {self.path}"
        self._shown.append(now)

    def _fresh(self) -> list[str]:
        if not self.path.exists():
            return []
        with self.path.open("rb") as log:
            log.seek(self._read)
            got = log.read()
        self._read += len(got)
        if self._read > LIMIT_BYTES:
            self._cut()
        *lines, self._rest = (self._rest + got).split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines]

    def _cut(self) -> None:
        older = self.path.with_suffix(".log.1")
        try:
            shutil.copyfile(self.path, older)
        except OSError:  # no room for a copy: better to lose old lines than the room that they take
            with suppress(OSError):
                older.unlink(missing_ok=True)
        with self.path.open("r+b") as log:
            log.truncate(0)
        self._read = self._started = 0
