"""The log: its head, what happened to a subject, and what people wrote."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet

from registry import ledger
from registry.models import Event, Grounds, LogHead


def log_head() -> str:
    """The digest of the newest event: as long as it is the same, nothing has happened."""
    return LogHead.objects.filter(pk=1).values_list("digest", flat=True).first() or ledger.GENESIS


def timeline(subjects: Iterable[str]) -> QuerySet[Event]:
    """Everything that happened to these subjects, oldest first."""
    return Event.objects.filter(subject__in=list(subjects)).order_by("seq")


def words(digests: Iterable[str]) -> dict[str, str]:
    """What people wrote, by the digest that the log carries."""
    rows = Grounds.objects.filter(digest__in=list(digests))
    return {row.digest: str(row) for row in rows}
