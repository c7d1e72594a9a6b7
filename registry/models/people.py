from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models

from registry.builders import keys_of_person
from registry.models.builders import PersonKey


class Person(AbstractUser):
    """Somebody who can log in, or a machine account that owns tokens. A machine approves nothing."""

    is_machine = models.BooleanField(default=False)

    class Meta(AbstractUser.Meta):
        verbose_name, verbose_name_plural = "person", "people"

    def __str__(self) -> str:
        return self.username

    def save(self, *args: Any, **more: Any) -> None:
        """Whoever was known by an address stays known by it, so that no change of it hides a builder."""
        super().save(*args, **more)
        known = [PersonKey(person=self, key=key) for key in keys_of_person(self.username, self.email)]
        PersonKey.objects.bulk_create(known, ignore_conflicts=True)

    @property
    def actor(self) -> str:
        """How the log names this person."""
        return f"person/{self.username}"


class Invitation(models.Model):
    """A link that opens one account once: a person's, or (person is null) the first one there is.

    Only the SHA-256 of what makes the link is kept.
    """

    secret_sha256 = models.CharField(max_length=64, unique=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="invitations"
    )
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"invitation/{self.pk}"
