"""Sends wake-ups to Celery from a thread of its own: nobody who writes ever waits for the broker.

A wake-up that is lost (broker away, process ended) costs at most one tick. One that finds enough others
on their way is not sent: each of them looks for work later than now, so the broker's queues stay short
however much waits in the database.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

from celery import Celery

MOST_ON_THE_WAY = 32
"""A message only wakes a worker up: more than there are workers wake nobody."""
DISPATCHER = "control"
log = logging.getLogger(__name__)


class Ringer:
    """One thread per process, started on first use (a forked worker starts its own)."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._process = 0
        self._lock = threading.Lock()
        self._wanted: set[str | None] = set()
        self._rung = threading.Event()

    def ring(self, queue: str | None) -> None:
        """Wake a worker of the queue, or (None) the dispatcher. Returns at once."""
        with self._lock:
            if self._process != os.getpid():
                self._process = os.getpid()
                self._wanted, self._rung = set(), threading.Event()
                threading.Thread(target=self._send_all, args=(self._rung,), daemon=True).start()
            self._wanted.add(queue)
            self._rung.set()

    def _send_all(self, rung: threading.Event) -> None:
        while rung.wait():
            with self._lock:
                wanted, self._wanted = self._wanted, set()
                rung.clear()
            for queue in wanted:
                self._send(queue)

    def _send(self, queue: str | None) -> None:
        name, arguments = ("releases.work", [queue]) if queue else ("releases.dispatch", [])
        try:
            with self._app.producer_pool.acquire(block=True) as producer:
                if on_the_way(producer.channel, queue or DISPATCHER) < MOST_ON_THE_WAY:
                    self._app.send_task(
                        name, arguments, queue=queue or DISPATCHER, retry=False, producer=producer
                    )
        except Exception as error:  # whatever the client raises, the tick finds the work
            log.warning("no wake-up for %s: %s", queue or "the dispatcher", error)


def on_the_way(channel: Any, queue: str) -> int:
    """How many messages of a queue no worker has taken yet."""
    return int(channel.queue_declare(queue=queue).message_count)
