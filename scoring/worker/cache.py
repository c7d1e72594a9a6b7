"""Answers that a version has given before, kept by the request's own bytes.

A version's answer depends on its request alone, so the same bytes earn the same answer; only the
request id is new each time. Off unless the model's policy gives it room.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from scoring.protocols.written import Written

_ENTRY_BYTES = 400
"""What an entry takes beside its bytes: 315 by tracemalloc among 20,000 of them, and the table's growth."""
_LARGEST_SHARE = 8
"""An answer larger than an eighth of the cache would push out too many others."""


class Remembered(NamedTuple):
    """An answer without its request id, which stood between `before` and `after`; nowhere if not `named`."""

    before: bytes
    after: bytes
    named: bool
    content_type: bytes
    extra: bytes
    rows: int

    def body(self, request_id: bytes) -> bytes:
        return self.before + request_id + self.after if self.named else self.before


class AnswerCache:
    """The answers of one version in one worker, least recently asked first. O(1) in every call.

    `most_bytes` bounds requests and answers together, with what the table itself takes; 0 is off.
    """

    def __init__(self) -> None:
        self.most_bytes = 0
        self.bytes = 0
        self._found: dict[Hashable, tuple[Remembered, int]] = {}

    def resize(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._shrink()

    def get(self, key: Hashable) -> Remembered | None:
        entry = self._found.pop(key, None)
        if entry is None:
            return None
        self._found[key] = entry
        return entry[0]

    def put(self, key: Hashable, request_bytes: int, written: Written, request_id: bytes, rows: int) -> None:
        """Keep an answer, unless it alone would take an eighth of the room."""
        size = request_bytes + len(written.body) + len(written.extra) + _ENTRY_BYTES
        if size * _LARGEST_SHARE > self.most_bytes or key in self._found:
            return
        before, named, after = written.body.partition(request_id)
        remembered = Remembered(before, after, bool(named), written.content_type, written.extra, rows)
        self._found[key] = (remembered, size)
        self.bytes += size
        self._shrink()

    def _shrink(self) -> None:
        while self.bytes > self.most_bytes:
            _, size = self._found.pop(next(iter(self._found)))
            self.bytes -= size
