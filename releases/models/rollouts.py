from __future__ import annotations

from django.db import models
from django.db.models import Q

from releases.models.releases import Release


class Rollout(models.Model):
    """A release on its way to traffic, as a durable saga: every phase is work that may run twice.

    `previous` is the champion at its start, null for a model's first release. `closed_at` is set
    when the phase is done; until then no other rollout may open for the model and environment.
    With `returns_to` it is the way back of a live release to that earlier one.
    """

    class Phase(models.TextChoices):
        PREPARING = "preparing"
        COMMITTING = "committing"
        VERIFYING = "verifying"
        OPENING = "opening"
        REVERTING = "reverting"
        DONE = "done"

    release = models.ForeignKey("releases.Release", models.PROTECT, related_name="rollouts")
    previous = models.ForeignKey("releases.Release", models.PROTECT, null=True, related_name="+")
    returns_to = models.ForeignKey("releases.Release", models.PROTECT, null=True, related_name="returns")
    model = models.ForeignKey("registry.RegisteredModel", models.PROTECT, related_name="rollouts")
    environment = models.ForeignKey("releases.Environment", models.PROTECT, related_name="rollouts")
    phase = models.CharField(max_length=12, choices=Phase.choices, default=Phase.PREPARING)
    phase_since = models.DateTimeField(auto_now_add=True)
    reason = models.TextField(blank=True)
    progress = models.JSONField(default=dict)
    opened_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["model", "environment"], condition=Q(closed_at=None), name="one_open_rollout"
            )
        ]

    def __str__(self) -> str:
        return f"rollout/{self.pk}"

    @property
    def subject(self) -> str:
        return f"rollout/{self.pk}"

    @property
    def arriving(self) -> Release:
        """The release that answers clients when all has gone well."""
        return self.returns_to or self.release


class Route(models.Model):
    """What one model answers with from one moment on: a revision of its plan entry. Never edited."""

    model = models.ForeignKey("registry.RegisteredModel", models.PROTECT, related_name="routes")
    environment = models.ForeignKey("releases.Environment", models.PROTECT, related_name="routes")
    revision = models.PositiveIntegerField()
    entry = models.JSONField()
    event = models.ForeignKey("registry.Event", models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-revision"]
        constraints = [
            models.UniqueConstraint(
                fields=["model", "environment", "revision"], name="one_route_per_revision"
            )
        ]

    def __str__(self) -> str:
        return f"route {self.revision} of {self.model_id}"
