from __future__ import annotations

from django.conf import settings
from django.db import models


class LogHead(models.Model):
    """The one row that every write takes first: the log's last number and digest."""

    seq = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, default="0" * 64)

    def __str__(self) -> str:
        return f"head {self.seq}"


class Event(models.Model):
    """One line of the log. `payload` is what was hashed; the other columns are copies of it.

    Written only by `registry.events.record`; the database refuses any update or delete.
    """

    seq = models.PositiveBigIntegerField(primary_key=True)
    kind = models.CharField(max_length=48)
    subject = models.CharField(max_length=120)
    model = models.CharField(max_length=63, blank=True)
    actor = models.CharField(max_length=160)
    facts = models.JSONField(default=dict)
    at = models.DateTimeField(db_index=True)
    payload = models.TextField()
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ["seq"]
        # A search is read in the log's order, so each index has it within. The classes are PostgreSQL's,
        # where only they let an index find a beginning.
        indexes = [
            models.Index(
                fields=[column, "seq"],
                opclasses=["varchar_pattern_ops", "int8_ops"],
                name=f"events_by_{column}",
            )
            for column in ("kind", "subject", "model", "actor")
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"


class Outbox(models.Model):
    """An event whose consequences are not yet jobs. The log never changes; this empties."""

    event = models.OneToOneField(Event, models.PROTECT, primary_key=True, related_name="+")

    def __str__(self) -> str:
        return f"outbox {self.event_id}"


ERASED = "(erased)"


class Grounds(models.Model):
    """What a person wrote. The log carries only its salted digest, so the words can be erased."""

    digest = models.CharField(max_length=64, primary_key=True)
    salt = models.CharField(max_length=32)
    text = models.TextField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    written_at = models.DateTimeField(auto_now_add=True)
    erased_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "grounds"

    def __str__(self) -> str:
        return ERASED if self.erased_at else self.text
