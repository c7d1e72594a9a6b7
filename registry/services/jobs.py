"""Jobs: claimed by conditional update, held by a lease, finished only by the attempt that holds them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from registry import wakeups
from registry.models import Event, Job
from registry.services.leases import renewed

LEASE = timedelta(seconds=15)
RENEW_EVERY_S = 4.0
MOST_ATTEMPTS = 3


class LostLease(Exception):
    """Somebody else holds this job now; what this attempt did must not count."""


def enqueue(
    kind: str,
    subject: str,
    *,
    queue: str = "control",
    event: Event | None = None,
    delay: timedelta | None = None,
) -> None:
    """Insert a job row in the surrounding transaction, once per event (or once while it waits)."""
    job, created = Job.objects.get_or_create(
        kind=kind,
        subject=subject,
        event=event,
        **({} if event else {"state": Job.State.QUEUED}),
        defaults={"queue": queue, "not_before": Now() + delay if delay else None},
    )
    if created and delay is None:
        transaction.on_commit(lambda: wakeups.ring_job(queue, job.pk))


def claim(job_id: int) -> Job | None:
    """Take the job if it is free: its row now carries our attempt number and a lease. Else None."""
    free = Q(state=Job.State.QUEUED) | Q(state=Job.State.RUNNING, lease_until__lt=Now())
    due = Q(not_before=None) | Q(not_before__lte=Now())
    taken = Job.objects.filter(free & due, pk=job_id).update(
        state=Job.State.RUNNING, attempt=F("attempt") + 1, lease_until=Now() + LEASE
    )
    return Job.objects.get(pk=job_id) if taken else None


def finish(job: Job, *, error: str = "") -> None:
    """End the job, inside the transaction of what it did. Raises LostLease if it is not ours any more."""
    state = Job.State.FAILED if error else Job.State.DONE
    mine = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, attempt=job.attempt)
    if not mine.update(state=state, error=error[:2000], finished_at=Now(), lease_until=None):
        raise LostLease(f"{job} was taken over after attempt {job.attempt}")


def postpone(job: Job, delay: timedelta, *, error: str = "") -> None:
    """Put the job back, to be taken again after `delay`; an error counts as a used attempt."""
    changes = {"attempt": job.attempt if error else job.attempt - 1}
    Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, attempt=job.attempt).update(
        state=Job.State.QUEUED, lease_until=None, not_before=Now() + delay, error=error[:2000], **changes
    )


def waiting(limit: int = 200) -> list[tuple[str, int]]:
    """(queue, id) of the jobs that nobody holds: never sent, lost, or with a lapsed lease. O(open jobs)."""
    free = Q(state=Job.State.QUEUED) | Q(state=Job.State.RUNNING, lease_until__lt=Now())
    due = Q(not_before=None) | Q(not_before__lte=Now())
    return list(Job.objects.filter(free & due).order_by("pk").values_list("queue", "pk")[:limit])


def lease(job: Job) -> AbstractContextManager[None]:
    """Keep the lease alive from a thread while the block runs."""
    mine = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, attempt=job.attempt)
    return renewed(lambda: bool(mine.update(lease_until=Now() + LEASE)), RENEW_EVERY_S)
