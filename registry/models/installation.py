from __future__ import annotations

from django.db import models


class Installation(models.Model):
    """The one row that tells this database from any other: its plans carry the name."""

    name = models.CharField(max_length=32)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"installation {self.name}"
