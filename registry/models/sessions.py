from __future__ import annotations

from hashlib import sha256

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models


class Session(AbstractBaseSession):
    """A log-in on one browser: whose, on what, since when, and when it was last used (in steps)."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="sessions")
    device = models.CharField(max_length=80, blank=True)
    began_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"session/{self.identifier}"

    @property
    def identifier(self) -> str:
        """Names the session and opens nothing: the key itself is never shown."""
        return sha256(self.session_key.encode()).hexdigest()[:16]
