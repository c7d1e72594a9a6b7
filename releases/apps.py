from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ReleasesConfig(AppConfig):
    name = "releases"
    verbose_name = "Releases"

    def ready(self) -> None:
        from releases.guards import install  # models must be loaded first

        post_migrate.connect(install, sender=self)
