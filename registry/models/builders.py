from __future__ import annotations

from django.conf import settings
from django.db import models


class PersonKey(models.Model):
    """By what an account is, or once was, known (`registry.builders`): an address given up still counts."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="keys")
    key = models.CharField(max_length=300, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "key"], name="one_row_per_key_of_a_person")]

    def __str__(self) -> str:
        return self.key


class BuilderKey(models.Model):
    """By what the builder of a version is named in its manifest. Who has such a key may not review it."""

    version = models.ForeignKey("registry.ModelVersion", models.PROTECT, related_name="builder_keys")
    key = models.CharField(max_length=300)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "key"], name="one_row_per_key_of_a_builder")
        ]

    def __str__(self) -> str:
        return self.key
