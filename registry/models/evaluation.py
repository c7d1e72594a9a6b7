from __future__ import annotations

from django.db import models


class EndToEndSet(models.Model):
    """Inputs and the exact outputs that must always come back."""

    version = models.OneToOneField("registry.ModelVersion", models.PROTECT, related_name="end_to_end_set")
    artifact = models.ForeignKey("registry.Artifact", models.PROTECT, related_name="+")
    rows = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=8)

    def __str__(self) -> str:
        return f"end-to-end set of {self.version_id}"


class ConfidenceSet(models.Model):
    """Inputs and true outputs, the metric computed on them and its range of acceptable values."""

    version = models.OneToOneField("registry.ModelVersion", models.PROTECT, related_name="confidence_set")
    artifact = models.ForeignKey("registry.Artifact", models.PROTECT, related_name="+")
    rows = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=8)
    metric = models.CharField(max_length=40)
    low = models.FloatField()
    high = models.FloatField()
    margin = models.FloatField(default=0)
    claimed = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(low__lte=models.F("high")), name="range_is_a_range")
        ]

    def __str__(self) -> str:
        return f"confidence set of {self.version_id}"
