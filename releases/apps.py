from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ReleasesConfig(AppConfig):
    name = "releases"
    verbose_name = "Releases"

    def ready(self) -> None:
        from registry import log_words  # models must be loaded first
        from releases.events import Kind
        from releases.guards import install

        log_words.KINDS |= {str(kind) for kind in Kind}
        post_migrate.connect(install, sender=self)
