from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from releases import windows


class FreezeWindow(models.Model):
    """A time in which nothing new is brought to clients of an environment.

    Again and again, as `cron` says by the clock of `zone`, for so many `minutes`; or once, from `begins_at`
    to `ends_at`, told by that clock too. One that is removed while it is open `lasts_until` its end.
    """

    environment = models.ForeignKey("releases.Environment", models.PROTECT, related_name="freezes")
    name = models.CharField(max_length=80)
    cron = models.CharField(max_length=100, blank=True)
    zone = models.CharField(max_length=64, default="UTC")
    minutes = models.PositiveIntegerField(null=True)
    begins_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    made_by = models.CharField(max_length=200)
    made_at = models.DateTimeField(auto_now_add=True)
    removed_by = models.CharField(max_length=200, blank=True)
    removed_at = models.DateTimeField(null=True)
    lasts_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "name"], condition=Q(removed_at=None), name="one_freeze_per_name"
            ),
            models.CheckConstraint(
                condition=Q(minutes__isnull=False, begins_at=None, ends_at=None)
                | Q(cron="", minutes=None, ends_at__gt=F("begins_at")),
                name="a_freeze_is_repeated_or_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def subject(self) -> str:
        return f"environment/{self.environment.name}"

    def open_at(self, now: datetime) -> windows.Open | None:
        """The time around `now` in which it is open."""
        if self.removed_at is None:
            return self._times(windows.open_now, now)
        lasts = self.lasts_until is not None and now < self.lasts_until
        return windows.Open(self.made_at, self.lasts_until) if lasts and self.lasts_until else None

    def next_after(self, now: datetime) -> windows.Open | None:
        """When it opens next."""
        return None if self.removed_at else self._times(windows.next_open, now)

    def _times(self, of: windows.Times, now: datetime) -> windows.Open | None:
        if self.minutes is not None:
            return of(windows.Repeated(self.cron, self.zone, self.minutes), now)
        if self.begins_at is None or self.ends_at is None:
            return None
        return of(windows.Once(self.begins_at, self.ends_at, self.zone), now)


class FreezeOverride(models.Model):
    """Leave for one release to go one step on in a freeze, for which one person asks and another agrees.

    It counts `until` the freezes that were on when it was asked for are over, and once: until `used_at`.
    """

    release = models.ForeignKey("releases.Release", models.PROTECT, related_name="overrides")
    until = models.DateTimeField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    agreed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    agreed_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(agreed_by=None) | ~Q(agreed_by=F("asked_by")),
                name="a_freeze_is_overridden_by_two",
            ),
            models.CheckConstraint(
                condition=Q(used_at=None) | Q(agreed_at__isnull=False), name="only_agreed_overrides_are_used"
            ),
        ]

    def __str__(self) -> str:
        return f"override of release {self.release_id} until {self.until}"
