"""Who is no stranger: whose token or session is one of ours. It decides about queues, not about rights."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping

from config.serving.pools import Full, Pool

REMEMBERED_S = 300.0
"""It decides about queues alone: who was locked out since keeps a better place for five minutes."""
_MOST = 4096
"""Log-ins and tokens of a large house; then all are forgotten, and asked for anew."""


class Known:
    """Remembers for a while whose credentials were good, so that most requests need not be asked about.

    credential  what a request shows of itself by its headers, or nothing
    whose       the person that it stands for, or nobody; may take its time
    """

    def __init__(
        self, credential: Callable[[Mapping[str, str]], str], whose: Callable[[str], str], pool: Pool
    ) -> None:
        self._credential, self._whose, self._pool = credential, whose, pool
        self._found: dict[bytes, tuple[str, float]] = {}

    async def recognises(self, headers: Mapping[str, str]) -> str:
        """Who it is; nobody also where too many are waiting to be recognised."""
        shown = self._credential(headers)
        if not shown:
            return ""
        key = hashlib.blake2b(shown.encode(), digest_size=16).digest()
        who, until = self._found.get(key, ("", 0.0))
        if until > time.monotonic():
            return who
        try:
            who = await self._pool.run(lambda: self._whose(shown))
        except Full:
            return ""
        if who:
            if len(self._found) >= _MOST:
                self._found.clear()
            self._found[key] = (who, time.monotonic() + REMEMBERED_S)
        return who
