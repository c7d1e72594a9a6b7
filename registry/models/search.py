from __future__ import annotations

from django.db import connection, models
from django.db.models import Q

TERM_CHARACTERS = 100
"""Longer than any word that somebody types; the index has a row for each."""
NO_LETTERS = (0xD800, 0x110000)


def begins(column: str, start: str) -> Q:
    """A text (not an empty one) that the column begins with, in the wording that finds an index."""
    beyond = ord(start[-1]) + 1
    if connection.vendor == "sqlite" and beyond not in NO_LETTERS:
        after = start[:-1] + chr(beyond)  # there only a range finds a beginning by an index
        return Q(**{f"{column}__gte": start, f"{column}__lt": after})
    return Q(**{f"{column}__startswith": start})


class Term(models.Model):
    """A word of training by which a model is found: one row for each model, with the newest version of it.

    The manifests hold the truth; this is a copy that an index can find a beginning in. `key` is the text
    without case, `alpha=0.01` for a hyperparameter.
    """

    class Kind(models.TextChoices):
        ALGORITHM = "algorithm"
        LIBRARY = "library"
        HYPERPARAMETER = "hyperparameter"

    model = models.ForeignKey("registry.RegisteredModel", models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    key = models.CharField(max_length=TERM_CHARACTERS)
    text = models.CharField(max_length=TERM_CHARACTERS)
    newest = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "kind", "key"], name="one_term_per_model")]
        # The class is PostgreSQL's, where only it lets an index find a beginning.
        indexes = [
            models.Index(
                fields=["kind", "key"], opclasses=["varchar_pattern_ops"] * 2, name="terms_by_beginning"
            )
        ]

    def __str__(self) -> str:
        return self.text
