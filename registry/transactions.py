"""The one way to write: every write service is serial, and takes the log's head first.

Two services can therefore never wait for each other's rows, and the log has no gaps. No
transaction is held across sandbox, HTTP or store: such work is done before or after.
"""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, connections, transaction
from django.db.models import F

from registry import wakeups, witness
from registry.disk import place
from registry.models import LogHead
from scoring.crashpoints import crashpoint

log = logging.getLogger(__name__)


@contextmanager
def write() -> Iterator[None]:
    """A transaction that holds the log's head. Inside another one it is a savepoint.

    Crash points know a change by the kind of its last event.

    SQLite's busy handler polls and starves some writers for seconds; a blocking lock on a file
    beside the database queues them fairly instead.
    """
    if connection.in_atomic_block and getattr(connection, "holds_log_head", False):
        with _undone_together(), transaction.atomic():
            yield
        return
    with _file_lock(), transaction.atomic():
        head, _ = LogHead.objects.select_for_update().get_or_create(pk=1)
        connection.log_head = head.seq, head.digest  # type: ignore[attr-defined]
        connection.holds_log_head, connection.new_head = True, None  # type: ignore[attr-defined]
        try:
            yield
        finally:
            connection.holds_log_head = False  # type: ignore[attr-defined]
        if connection.new_head is not None:  # type: ignore[attr-defined]
            seq, digest, kind = connection.new_head  # type: ignore[attr-defined]
            crashpoint(f"{kind} written")
            transaction.on_commit(partial(_committed, seq, digest, kind))


def letting_go(work: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """Do it, and hold no database connection afterwards: for whoever then waits, between two questions."""
    try:
        return work(*args, **named)
    finally:
        for each in connections.all(initialized_only=True):
            if not each.in_atomic_block:
                each.close()


def refuse_no_room() -> None:
    """Write nothing new, to be refused before bytes are stored that no row could name.

    Raises what the database raises that is full or takes no writes; see `registry.disk`.
    """
    with write():
        LogHead.objects.filter(pk=1).update(seq=F("seq"))
    if connection.vendor == "sqlite":
        beside = place("the database", Path(str(connection.settings_dict["NAME"])).parent)
        if refusal := beside.refusal:
            raise refusal


@contextmanager
def _undone_together() -> Iterator[None]:
    """A savepoint that is rolled back takes back what it recorded: its head was never the log's."""
    before = connection.new_head  # type: ignore[attr-defined]
    try:
        yield
    except BaseException:
        connection.new_head = before  # type: ignore[attr-defined]
        raise


def _committed(seq: int, digest: str, kind: str) -> None:
    """One line for the witness and one wake-up for the dispatcher, however many events the change had."""
    crashpoint(f"{kind} committed")
    try:
        witness.note(settings.WITNESS_FILE, seq, digest)
    except OSError as error:
        # The change stands. The line of the next one covers it, and until then the health page speaks.
        log.error("the witness could not be told of event %s: %s", seq, error)
    wakeups.ring_dispatcher()


@contextmanager
def _file_lock() -> Iterator[None]:
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or connection.in_atomic_block or "memory" in name:
        yield
        return
    with open(f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
