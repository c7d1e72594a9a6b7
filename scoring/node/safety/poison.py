"""Request bodies that kill a version: suspected after one death, refused after a second. Pure.

Suspects run alone from then on, so that the second death names one of them for sure. A suspect that
is answered is cleared. A death counts against a suspect only when its run began after the first
death: two workers that are killed from outside at the same moment prove nothing about a body that
both happened to run.
"""

from __future__ import annotations

from scoring.node.workers.crashes import Crash

BLOCKED_SECONDS = 600.0
"""Long enough for whoever sends it again and again to give up or look; a mended version may run it then."""
MOST = 1000
"""Bounds what somebody can make a node remember; whoever sends more kinds of poison trips the breaker."""
_NO_BODY = hash(b"")


class Poison:
    """What is suspected and blocked of one version, by fingerprint. Times in seconds of one clock."""

    def __init__(self) -> None:
        self._suspects: dict[int, float] = {}
        self._blocked: dict[int, float] = {}

    def crashed(self, crash: Crash, now: float) -> None:
        """A worker died while it ran these requests of the version."""
        alone = crash.fingerprints[0] if crash.requests == 1 and crash.fingerprints else None
        if alone is not None and crash.began > self._suspects.get(alone, now):
            del self._suspects[alone]
            _remember(self._blocked, alone, now)
            return
        for fingerprint in crash.fingerprints:
            if fingerprint != _NO_BODY and fingerprint not in self._blocked:
                _remember(self._suspects, fingerprint, now)

    def cleared(self, fingerprint: int) -> bool:
        """A suspect was run alone and nothing happened; False when it was none any more."""
        return self._suspects.pop(fingerprint, None) is not None

    def expire(self, now: float) -> bool:
        """Forget what is older than ten minutes; False when there was nothing."""
        before = len(self._suspects) + len(self._blocked)
        self._suspects = _since(self._suspects, now - BLOCKED_SECONDS)
        self._blocked = _since(self._blocked, now - BLOCKED_SECONDS)
        return len(self._suspects) + len(self._blocked) < before

    def suspects(self) -> list[int]:
        return list(self._suspects)

    def blocked(self) -> list[int]:
        return list(self._blocked)


def _remember(table: dict[int, float], fingerprint: int, now: float) -> None:
    table.pop(fingerprint, None)
    while len(table) >= MOST:
        del table[next(iter(table))]
    table[fingerprint] = now


def _since(table: dict[int, float], oldest: float) -> dict[int, float]:
    return {fingerprint: at for fingerprint, at in table.items() if at > oldest}
