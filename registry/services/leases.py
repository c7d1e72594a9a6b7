"""What is held for a short time only, and held again and again while its holder lives."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection

log = logging.getLogger(__name__)


@contextmanager
def renewed(renew: Callable[[], bool], every_s: float) -> Iterator[None]:
    """Call `renew` from a thread while the block runs, until it says that nothing is held any more.

    A database that is away or busy for a moment costs one renewal, not the lease.
    """
    stop = threading.Event()
    keeper = threading.Thread(target=_keep, args=(renew, every_s, stop), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        keeper.join()


def _keep(renew: Callable[[], bool], every_s: float, stop: threading.Event) -> None:
    try:
        while not stop.wait(every_s):
            try:
                if not renew():
                    return
            except DatabaseError as error:
                log.warning("a lease could not be renewed, it is tried again: %s", error)
                connection.close()
    finally:
        connection.close()
