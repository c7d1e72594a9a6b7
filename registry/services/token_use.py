"""When a token was last used: a hint for its owner, no part of the history."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone

from registry.models import ApiToken

EVERY = timedelta(minutes=1)


def note_use(token: ApiToken) -> None:
    """Write the time down, at most once a minute, so that reads stay reads."""
    now = timezone.now()
    if token.last_used_at is not None and now - token.last_used_at < EVERY:
        return
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - EVERY)
    # Where the database takes no writes, nothing is said and reads go on.
    with suppress(DatabaseError), transaction.atomic():
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
