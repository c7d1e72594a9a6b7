from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class RegistryConfig(AppConfig):
    name = "registry"
    verbose_name = "Registry"

    def ready(self) -> None:
        from registry.guards import install, lift  # models must be loaded first

        pre_migrate.connect(lift, sender=self)
        post_migrate.connect(install, sender=self)
