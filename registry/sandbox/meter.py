"""Memory of a process and all its descendants, read from /proc by the parent."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
PROC = Path("/proc")


class Meter:
    """Keeps the peak of what a family of processes holds together.

    Shared pages are counted once (PSS). That figure is dear, and never above
    the sum of resident sizes, so it is read only when this sum has grown.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._resident_peak = 0
        self.peak_bytes = 0
        self.processes = 0

    def sample(self, most: int) -> None:
        """Measure this moment; stops counting above `most` processes. All is 0 where there is no /proc."""
        members = family(self._pid, most + 1)
        self.processes = len(members)
        resident = sum(_resident_bytes(pid) for pid in members)
        if resident > self._resident_peak:
            self._resident_peak = resident
            self.peak_bytes = max(self.peak_bytes, sum(_proportional_bytes(pid) for pid in members))


def family(pid: int, most: int = 10_000) -> list[int]:
    """The process and its living descendants, parents first, the first `most` of them."""
    members: list[int] = []
    unseen = [pid]
    while unseen and len(members) < most:
        current = unseen.pop()
        members.append(current)
        for task in _tasks(current):
            with suppress(OSError):
                unseen += map(int, (task / "children").read_text().split())
    return members


def _tasks(pid: int) -> list[Path]:
    with suppress(OSError):
        return list((PROC / str(pid) / "task").iterdir())
    return []


def _resident_bytes(pid: int) -> int:
    with suppress(OSError, IndexError):
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE_BYTES
    return 0


def _proportional_bytes(pid: int) -> int:
    try:
        text = (PROC / str(pid) / "smaps_rollup").read_text()
    except PermissionError:
        return _resident_bytes(pid)
    except OSError:
        return 0
    fields = (line.split() for line in text.splitlines())
    return next((int(field[1]) * 1024 for field in fields if field[0] == "Pss:"), 0)
