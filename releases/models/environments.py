from __future__ import annotations

from django.db import models


class Environment(models.Model):
    """Where releases go. A node serves one environment; there is one routing plan for each."""

    name = models.SlugField(max_length=40, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name
