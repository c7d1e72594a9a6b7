from __future__ import annotations

from django.db import models


class FeedbackBatch(models.Model):
    """One shipment of a node's spool, ingested once: (node, boot, sequence) never comes in again."""

    node = models.CharField(max_length=120)
    boot = models.CharField(max_length=64)
    sequence = models.PositiveBigIntegerField()
    items = models.PositiveIntegerField()
    counted = models.PositiveIntegerField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["node", "boot", "sequence"], name="one_row_per_batch")]

    def __str__(self) -> str:
        return f"{self.node} {self.boot} {self.sequence}"


class Reward(models.Model):
    """One answer's feedback, by its request id: the first one counts, the others change nothing."""

    request = models.CharField(max_length=64, unique=True)
    model = models.ForeignKey("registry.RegisteredModel", models.PROTECT, related_name="rewards")
    version = models.PositiveIntegerField()
    revision = models.PositiveIntegerField()
    scored_at = models.DateTimeField()
    reward = models.FloatField(null=True)
    label = models.JSONField(null=True)
    batch = models.ForeignKey(FeedbackBatch, models.PROTECT, null=True, related_name="rewards")

    class Meta:
        indexes = [models.Index(fields=["model", "version"], name="rewards_by_version")]

    def __str__(self) -> str:
        return f"feedback on {self.model_id} {self.version}"
