"""How often somebody may try in vain: counted in the database, so by all web processes and after a restart.

A try is counted before the password is looked at, so that many at once find no gap, and given back when it
was right. Counts lapse with their window, which starts at the first try and is not moved by later ones.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import F

from registry.models import Attempts
from scoring.addresses import household

WINDOW_S = 300
"""How long somebody who mistyped five times waits at most."""
FORGOTTEN_AFTER_S = 3600
"""Longer than the window in which wrong passwords count; rows of strangers must not pile up."""
PER_PERSON_AND_ADDRESS = 5
"""A person mistypes a few times; a list of passwords needs thousands of tries."""
PER_DEVICE = 5
"""The same for a browser on which this person has logged in, which has a count of its own."""
PER_PERSON = 30
"""Against guesses from many addresses: well above what one household mistypes."""
PER_ADDRESS = 50
"""Many people share an office's address; beyond it somebody tries names."""

_COUNT_ONE = """INSERT INTO registry_attempts (key, tries, since) VALUES (%s, 1, %s)
    ON CONFLICT (key) DO UPDATE SET
    tries = CASE WHEN registry_attempts.since <= %s THEN 1 ELSE registry_attempts.tries + 1 END,
    since = CASE WHEN registry_attempts.since <= %s THEN excluded.since ELSE registry_attempts.since END
    RETURNING tries"""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries in vain within a window, for whatever `key` stands for."""

    key: str
    most: int


def limits(username: str, address: str, device: str) -> list[Limit]:
    """What holds for somebody who says this name, here.

    A device on which this person has logged in before has a count of its own: whatever strangers try
    elsewhere, or from behind the same address, does not keep the person out.
    """
    name, address = username.lower(), household(address)
    if device:
        return [Limit(_key("device", name, device), PER_DEVICE)]
    return [
        Limit(_key("person and address", name, address), PER_PERSON_AND_ADDRESS),
        Limit(_key("address", address), PER_ADDRESS),
        Limit(_key("person", name), PER_PERSON),
    ]


def take(of: Sequence[Limit], now: float | None = None) -> bool:
    """Count one try against the limits, one after another; whether all of them allow it.

    What one limit refuses does not count against the next: who goes on trying from one address in vain
    must not use up what the person has from everywhere.
    """
    at = time.time() if now is None else now
    for limit in of:
        count = _count(limit.key, at)
        if count == 1:
            Attempts.objects.filter(since__lt=at - FORGOTTEN_AFTER_S).delete()
        if count > limit.most:
            return False
    return True


def give_back(of: Sequence[Limit]) -> None:
    """The try was right: it counts nowhere, and the first limit, the person's own here, starts again."""
    own, *others = (limit.key for limit in of)
    Attempts.objects.filter(key=own).delete()
    Attempts.objects.filter(key__in=others, tries__gt=0).update(tries=F("tries") - 1)


def _count(key: str, at: float) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_ONE, [key, at, at - WINDOW_S, at - WINDOW_S])
        return int(cursor.fetchone()[0])


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
