"""How much memory a node may take, and whether a version still fits: refused with a sentence beats killed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from formats.plan import PlannedVersion
from scoring.node.workers.fleet import Worker

SHARE = 0.8
"""A fifth stays for what requests take while they run, which nobody has measured of a new version."""
COPIES = 2
"""Bytes in memory per byte of a graph's files: the weights, and the copies that kernels lay out for speed."""
_IDLE_BYTES = 60 << 20
"""What a worker is taken to hold that has not told its memory yet."""
_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")


class NoRoom(Exception):
    """A version that would take the node above its ceiling."""


def ceiling(given: int, *, cgroup: Path = _CGROUP, meminfo: Path = _MEMINFO) -> int:
    """`given` bytes; for 0, four fifths of what the control group allows and of what is available now.

    0 where neither can be read: then nothing is refused.
    """
    if given:
        return given
    limits = [_number(cgroup / name) for name in ("memory.max", "memory/memory.limit_in_bytes")]
    known = [limit for limit in (*limits, _available(meminfo)) if limit]
    return int(min(known) * SHARE) if known else 0


class Memory:
    """Counts what workers measure of themselves, and what was promised to versions that still load."""

    def __init__(self, most_bytes: int, workers: Callable[[], Iterable[Worker]], count: int) -> None:
        self.most_bytes = most_bytes
        self._workers = workers
        self._count = count

    def used(self) -> int:
        measured = [worker.stats.memory_bytes for worker in self._workers() if worker.stats is not None]
        return sum(measured) + _IDLE_BYTES * max(self._count - len(measured), 0)

    def check(self, version: PlannedVersion, promised: int) -> None:
        """Raises NoRoom when the version does not fit beside what is there and was promised."""
        if not self.most_bytes:
            return
        needs = self.needs(version)
        left = max(self.most_bytes - self.used() - promised, 0)
        if needs > left:
            raise NoRoom(
                f"it needs about {_words(needs)} in {self._count} workers, the node has {_words(left)} left"
                f" of {_words(self.most_bytes)}"
            )

    def needs(self, version: PlannedVersion) -> int:
        """About how many bytes the version takes in all workers together."""
        graphs = [
            version.model,
            *([version.extractor] if version.extractor else []),
            *version.weights.values(),
        ]
        copies = COPIES if version.serving.prepack else 1
        return copies * sum(graph.size for graph in graphs) * self._count


def _number(path: Path) -> int:
    try:
        text = path.read_text().strip()
    except OSError:
        return 0
    return int(text) if text.isdigit() and int(text) < 1 << 60 else 0


def _available(meminfo: Path) -> int:
    try:
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return 0


def _words(count: int) -> str:
    return f"{count / (1 << 20):,.0f} MiB"
