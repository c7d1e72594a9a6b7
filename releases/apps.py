from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ReleasesConfig(AppConfig):
    name = "releases"
    verbose_name = "Releases"

    def ready(self) -> None:
        from registry import covers, log_words, looks, model_policy  # models must be loaded first
        from releases.covers import CHECKS
        from releases.events import Kind
        from releases.guards import install
        from releases.looks import EVENTS
        from releases.rollout.documents import lists

        log_words.KINDS |= {str(kind) for kind in Kind}
        looks.EVENTS |= EVENTS
        covers.CHECKS.extend(check for check in CHECKS if check not in covers.CHECKS)
        model_policy.JUDGES[:] = {*model_policy.JUDGES, lists.check}
        post_migrate.connect(install, sender=self)
