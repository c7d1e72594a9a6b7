from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models


class Person(AbstractUser):
    """Somebody who can log in, or a machine account that owns tokens. A machine approves nothing."""

    is_machine = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.username

    @property
    def actor(self) -> str:
        """How the log names this person."""
        return f"person/{self.username}"
