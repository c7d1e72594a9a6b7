"""Signed heads of the log go where a rewrite of this machine's database does not reach.

Every minute, or sooner after many events, one line is appended to a file beside the witness and one note is
kept in the artifact store. Every plan that nodes follow carries the head too.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import cast

from django.conf import settings

from registry.ledger import heads
from registry.models import LogHead
from registry.services.installation import installation_name
from registry.storage.base import Notes
from registry.stores import artifact_store
from registry.witness import append

EVERY_S, EVERY_EVENTS = 60.0, 1000
_TAIL_BYTES = 4096


def tell_head(now: float | None = None) -> int:
    """Sign the head and send it out, where the last one that was told is old enough; its number, or 0."""
    at = time.time() if now is None else now
    known = LogHead.objects.filter(pk=1).values_list("seq", "digest").first()
    told = _last_told(settings.HEADS_FILE)
    if known is None or known[0] == 0 or not _due(known[0], at, told):
        return 0
    head = heads.Head(installation_name(), known[0], known[1], at)
    line = heads.signed(head, settings.PLAN_KEY())
    cast("Notes", artifact_store()).note(f"heads/{head.installation}/{head.seq:012}.json", line.encode())
    append(settings.HEADS_FILE, line)
    return head.seq


def _due(seq: int, now: float, told: heads.Head | None) -> bool:
    if told is None or told.installation != installation_name():
        return True
    return seq != told.seq and (now - told.at >= EVERY_S or abs(seq - told.seq) >= EVERY_EVENTS)


def _last_told(path: Path) -> heads.Head | None:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            line = file.read().rstrip(b"\n").rpartition(b"\n")[2]
        return heads.read(line, settings.PLAN_KEY().public_key())
    except (FileNotFoundError, heads.BadHead):
        return None
