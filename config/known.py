"""Who is no stranger: whose token or session is one of ours. It decides about queues, not about rights."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping

from config.pools import Full, Pool

REMEMBERED_S = 300.0
_MOST = 4096


class Known:
    """Remembers for a while whose credentials were good, so that most requests need not be asked about.

    credential  what a request shows of itself by its headers, or nothing
    works       whether that is good; may take its time
    """

    def __init__(
        self, credential: Callable[[Mapping[str, str]], str], works: Callable[[str], bool], pool: Pool
    ) -> None:
        self._credential, self._works, self._pool = credential, works, pool
        self._until: dict[bytes, float] = {}

    async def recognises(self, headers: Mapping[str, str]) -> bool:
        """False also where too many are waiting to be recognised."""
        shown = self._credential(headers)
        if not shown:
            return False
        key = hashlib.blake2b(shown.encode(), digest_size=16).digest()
        if self._until.get(key, 0.0) > time.monotonic():
            return True
        try:
            good = await self._pool.run(lambda: self._works(shown))
        except Full:
            return False
        if good:
            if len(self._until) >= _MOST:
                self._until.clear()
            self._until[key] = time.monotonic() + REMEMBERED_S
        return good
