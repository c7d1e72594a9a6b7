from __future__ import annotations

import logging
from pathlib import Path

from django.apps import AppConfig
from django.conf import settings
from kombu.exceptions import OperationalError

from registry import crashpoints, wakeups

log = logging.getLogger(__name__)


class ConfigConfig(AppConfig):
    """Wires what the lower layers leave open: the broker behind `ring`, the store, the reactions."""

    name = "config"

    def ready(self) -> None:
        from config.celery import app  # Celery reads Django's settings, so it comes after them

        app.set_default()
        wakeups.install(_ring)
        crashpoints.arm(Path(settings.CRASHPOINT_FILE) if settings.CRASHPOINT_FILE else None)


def _ring(queue: str, job_id: int | None) -> None:
    """Send a wake-up. A broker that is away costs nothing: the tick finds the work."""
    from config.celery import app

    name, arguments = ("releases.run_job", [job_id]) if job_id else ("releases.dispatch", [])
    try:
        app.send_task(name, arguments, queue=queue, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("no wake-up for %s: %s", name, error)
