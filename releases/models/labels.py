from __future__ import annotations

from django.db import models
from django.db.models import Q


class Judgement(models.Model):
    """Which of two versions was right at a request to which they gave different answers, as an expert says.

    `about` is the challenger that was held against the baseline; `unit` its hash as databases keep it, and
    `revision` the weights by which the request was answered. One that was taken back has `undone_at`.
    """

    class Right(models.TextChoices):
        NEW = "new"
        OLD = "old"
        BOTH = "both"
        NEITHER = "neither"

    rollout = models.ForeignKey("releases.Rollout", models.PROTECT, related_name="labels")
    about = models.PositiveIntegerField()
    request = models.CharField(max_length=64)
    unit = models.BigIntegerField()
    revision = models.PositiveIntegerField()
    right = models.CharField(max_length=8, choices=Right.choices)
    by = models.CharField(max_length=200)
    event = models.OneToOneField("registry.Event", models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["rollout", "about", "unit"],
                condition=Q(undone_at=None),
                name="one_label_per_unit",
            )
        ]

    def __str__(self) -> str:
        return f"{self.right} of rollout/{self.rollout_id}"
