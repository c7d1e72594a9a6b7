from __future__ import annotations

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Wires what the lower layers leave open: the broker behind `ring`, the store, the reactions."""

    name = "config"

    def ready(self) -> None:
        from config.celery import app  # Celery reads Django's settings, so it comes after them

        app.set_default()
