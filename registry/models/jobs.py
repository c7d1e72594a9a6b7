from __future__ import annotations

from django.db import models
from django.db.models import Q


class Job(models.Model):
    """One piece of work that must happen. The row is the truth; a Celery message only wakes a worker.

    Who holds it is (attempt, lease_until) by the database's clock: a worker may finish it only
    while its attempt is the current one, and a lapsed lease makes it claimable again.

    Jobs wait in the order of their turns. Those of one model have turns after each other, and a model
    that comes later begins at the turn that is next: so models alternate, however much one brings.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    kind = models.CharField(max_length=48)
    subject = models.CharField(max_length=120)
    queue = models.CharField(max_length=16)
    model = models.CharField(max_length=200, blank=True, db_default="")
    turn = models.BigIntegerField(default=0, db_default=0)
    event = models.ForeignKey("registry.Event", models.PROTECT, null=True, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    attempt = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    waits = models.BooleanField(default=False, db_default=False)
    """It was put back for want of something that is not its own; `error` says what."""
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "kind", "subject"], name="one_job_per_reaction"),
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=Q(event=None, state="queued"),
                name="one_waiting_job_per_subject",
            ),
        ]
        indexes = [
            models.Index(fields=["queue", "turn", "id"], condition=Q(finished_at=None), name="jobs_by_turn"),
            models.Index(
                fields=["queue", "model", "turn"], condition=Q(finished_at=None), name="turns_by_model"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
