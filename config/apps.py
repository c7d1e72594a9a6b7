from __future__ import annotations

from pathlib import Path

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig

from config.ringing import Ringer
from registry import wakeups
from scoring import crashpoints


class HistoryConfig(AdminConfig):
    """Django's admin with our site in its place."""

    default_site = "config.admin_site.HistorySite"


class ConfigConfig(AppConfig):
    """Wires what the lower layers leave open: the broker behind `ring`, the store, the reactions."""

    name = "config"

    def ready(self) -> None:
        from config.celery import app  # Celery reads Django's settings, so it comes after them

        app.set_default()
        wakeups.install(Ringer(app).ring)
        crashpoints.arm(Path(settings.CRASHPOINT_FILE) if settings.CRASHPOINT_FILE else None)
