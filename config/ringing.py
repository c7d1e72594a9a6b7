"""Sends wake-ups to Celery from a thread of its own: nobody who writes ever waits for the broker.

A wake-up that is lost (broker away, queue full, process ended) costs at most one tick.
"""

from __future__ import annotations

import logging
import os
import queue
import threading

from celery import Celery

MOST_WAITING = 1000
log = logging.getLogger(__name__)


class Ringer:
    """One thread per process, started on first use (a forked worker starts its own)."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._process = 0
        self._lock = threading.Lock()
        self._waiting: queue.Queue[tuple[str, int | None]] = queue.Queue(MOST_WAITING)

    def ring(self, queue_name: str, job_id: int | None) -> None:
        """Wake a worker of the queue for this job, or (None) the dispatcher. Returns at once."""
        with self._lock:
            if self._process != os.getpid():
                self._process = os.getpid()
                self._waiting = queue.Queue(MOST_WAITING)
                threading.Thread(target=self._send_all, args=(self._waiting,), daemon=True).start()
        try:
            self._waiting.put_nowait((queue_name, job_id))
        except queue.Full:
            log.warning("wake-ups wait for the broker: the tick will find job %s", job_id)

    def _send_all(self, waiting: queue.Queue[tuple[str, int | None]]) -> None:
        while True:
            queue_name, job_id = waiting.get()
            name, arguments = ("releases.run_job", [job_id]) if job_id else ("releases.dispatch", [])
            try:
                self._app.send_task(name, arguments, queue=queue_name, retry=False)
            except Exception as error:  # whatever the client raises, the tick finds the work
                log.warning("no wake-up for %s %s: %s", name, job_id or "", error)
