from __future__ import annotations

from django.db import models


class IdempotencyKey(models.Model):
    """The answer that an unsafe call got, kept so that the same call again gets the same one."""

    actor = models.CharField(max_length=160)
    key = models.CharField(max_length=200)
    call = models.CharField(max_length=300)
    body_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["actor", "key"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return self.key
