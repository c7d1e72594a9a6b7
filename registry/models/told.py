from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q


class Wishes(models.Model):
    """What a person wants to be mailed. Who never chose has no row, and is mailed all of it."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="wishes"
    )
    waits = models.BooleanField(default=True)
    ended = models.BooleanField(default=True)
    returned = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "wishes"

    def __str__(self) -> str:
        return f"wishes of {self.person_id}"


class Mail(models.Model):
    """One message to one person. The row is the truth: whoever delivers it holds it by (tries, not_before),
    and a lapsed hold lets another one take it, under the same `message_id`."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="mails")
    message_id = models.CharField(max_length=200, unique=True)
    made_at = models.DateTimeField()
    not_before = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    trouble = models.CharField(max_length=200, blank=True)
    closed_at = models.DateTimeField(null=True)
    sent = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person"], condition=Q(closed_at=None), name="one_open_mail_per_person"
            )
        ]
        indexes = [
            models.Index(fields=["not_before"], condition=Q(closed_at=None), name="mails_that_are_due"),
            models.Index(fields=["person", "made_at"], name="mails_by_person"),
        ]

    def __str__(self) -> str:
        return f"mail {self.pk}"


class Notice(models.Model):
    """What a person is told of an event, and why that person. `due`: not yet put into a mail."""

    class Why(models.TextChoices):
        RETURNED = "returned"
        ENDED = "ended"
        WAITS = "waits"

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notices")
    event = models.ForeignKey("registry.Event", models.PROTECT, related_name="+")
    why = models.CharField(max_length=8, choices=Why.choices)
    made_at = models.DateTimeField()
    due = models.BooleanField(default=False)
    mail = models.ForeignKey(Mail, models.CASCADE, null=True, related_name="notices")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "event", "why"], name="one_notice_per_event")
        ]
        indexes = [models.Index(fields=["person", "made_at"], condition=Q(due=True), name="notices_to_mail")]

    def __str__(self) -> str:
        return f"{self.why} {self.event_id}"
