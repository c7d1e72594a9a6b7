"""Notices that source files changed, by asking the file system. For `make run RELOAD=1`."""

from __future__ import annotations

import time
from pathlib import Path

EVERY_S = 1.0
"""Walking through all sources takes some 20 ms; a restart takes longer than this anyway."""
PACKAGES = ("config", "demo", "formats", "registry", "releases", "scoring")


class SourceWatch:
    """`changed()` is true once after each change of a Python file or of the set of them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen = self._stamp()
        self._asked = time.monotonic()

    def changed(self) -> bool:
        """Looks at most once a second; a file that is still being written counts when it is next seen."""
        if time.monotonic() - self._asked < EVERY_S:
            return False
        self._asked = time.monotonic()
        now = self._stamp()
        before, self._seen = self._seen, now
        return now != before

    def _stamp(self) -> frozenset[tuple[str, int]]:
        found = set()
        for package in PACKAGES:
            for path in (self._root / package).rglob("*.py"):
                try:
                    found.add((str(path), path.stat().st_mtime_ns))
                except FileNotFoundError:
                    continue  # an editor was just replacing it
        return frozenset(found)
