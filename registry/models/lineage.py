from __future__ import annotations

from django.db import models


class DatasetVersion(models.Model):
    """The training or validation data of the model version with the same number. Never opened here."""

    class Purpose(models.TextChoices):
        TRAINING = "training", "training data"
        VALIDATION = "validation", "validation data"

    model = models.ForeignKey("registry.RegisteredModel", models.PROTECT, related_name="datasets")
    number = models.PositiveIntegerField()
    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    label = models.CharField(max_length=200, blank=True)
    uri = models.TextField(blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    rows = models.PositiveBigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model", "number", "purpose"], name="one_dataset_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.purpose} data {self.number}"


class ExtractorVersion(models.Model):
    """The feature extractor of the model version with the same number; no artifact means the identity."""

    model = models.ForeignKey("registry.RegisteredModel", models.PROTECT, related_name="extractors")
    number = models.PositiveIntegerField()
    artifact = models.ForeignKey("registry.Artifact", models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "number"], name="one_extractor_per_number")]

    def __str__(self) -> str:
        return f"extractor {self.number}"
