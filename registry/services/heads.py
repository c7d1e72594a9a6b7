"""Signed heads of the log go where a rewrite of this machine's database does not reach.

Every minute, or sooner after many events, one line is appended to a file beside the witness and one note is
kept in the artifact store. Every plan that nodes follow carries the head too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

from django.conf import settings

from registry.ledger import heads
from registry.models import Event, LogHead
from registry.services.installation import installation_name
from registry.storage.base import Notes
from registry.stores import artifact_store
from registry.witness import append

EVERY_S, EVERY_EVENTS = 60.0, 1000
"""What may be lost unwitnessed with the database: a minute, or a thousand events."""
_TAIL_BYTES = 4096
"""The last line is wanted, and a signed head has some hundred bytes."""
MOST_ASKED = 1000
"""Heads of the store that one verification fetches."""


def tell_head(now: float | None = None) -> int:
    """Sign the head and send it out, where the last one that was told is old enough; its number, or 0."""
    at = time.time() if now is None else now
    known = LogHead.objects.filter(pk=1).values_list("seq", "digest").first()
    told = _last_told(settings.HEADS_FILE)
    if known is None or known[0] == 0 or not _due(known[0], at, told):
        return 0
    head = heads.Head(installation_name(), known[0], known[1], at)
    line = heads.signed(head, settings.PLAN_KEY())
    cast("Notes", artifact_store()).note(_name(f"heads/{head.installation}/", head.seq), line.encode())
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


def held_against_store(most: int = MOST_ASKED) -> tuple[int, list[str]]:
    """How many heads of the store were held against the log, and what contradicts it.

    Of a long list the first, the last and evenly spread ones between are asked: a rewrite changes all that
    follow it. Each that was told to the file beside the witness must be there.
    """
    store = cast("Notes", artifact_store())
    place = f"heads/{installation_name()}/"
    names = list(store.notes(place))
    step = max(1, -(-len(names) // most))
    asked = sorted({*names[::step], *names[-1:]})
    gone = sorted({_name(place, head) for head in _told_here()} - set(names))
    found = [f"the store has lost the signed head {name}" for name in gone[:most]]
    return len(asked), found + [said for name in asked if (said := _contradiction(name, store.noted(name)))]


def _contradiction(name: str, note: bytes) -> str:
    try:
        head = heads.read(note, settings.PLAN_KEY().public_key())
    except heads.BadHead as error:
        return f"the note {name} of the store: {error}"
    if not name.endswith(f"/{head.installation}/{head.seq:012}.json"):
        return f"the note {name} of the store is a signed head of another event, {head.seq}"
    digest = Event.objects.filter(seq=head.seq).values_list("digest", flat=True).first()
    if digest == head.digest:
        return ""
    said = "is not in the log" if digest is None else "is another one in the log"
    return f"event {head.seq}, whose signed head is in the store, {said}"


def _told_here() -> Iterator[int]:
    """The numbers of the heads that the file says were told of this installation."""
    if not settings.HEADS_FILE.exists():
        return
    with settings.HEADS_FILE.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            with suppress(ValueError, KeyError, TypeError):
                said = json.loads(line)
                if said["installation"] == installation_name():
                    yield int(said["seq"])


def _name(place: str, seq: int) -> str:
    return f"{place}{seq:012}.json"
