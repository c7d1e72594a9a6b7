"""Jobs: claimed by conditional update, held by a lease, finished only by the attempt that holds them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Min, Q, QuerySet
from django.db.models.functions import Now

from registry import wakeups
from registry.models import Event, Job
from registry.services.leases import renewed

LEASE = timedelta(seconds=15)
RENEW_EVERY_S = 4.0
"""Three times within a lease: two may fail before a job that runs is given to another worker."""
MOST_ATTEMPTS = 3
"""A job that has ended two workers is likely to end a third; then people look."""


class LostLease(Exception):
    """Somebody else holds this job now; what this attempt did must not count."""


class NotYet(Exception):
    """The work has to wait for something that is under way: until then, or until `hasten`."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"it goes on at {until:%H:%M:%S} UTC at the latest")
        self.until = until


def enqueue(
    kind: str,
    subject: str,
    *,
    queue: str = "control",
    model: str = "",
    event: Event | None = None,
    delay: timedelta | None = None,
) -> None:
    """Insert a job row in the surrounding transaction, once per event (or once while it waits)."""
    defaults: dict[str, Any] = {
        "queue": queue,
        "model": model,
        "turn": lambda: _turn(queue, model),
        "not_before": Now() + delay if delay else None,
    }
    _, created = Job.objects.get_or_create(
        kind=kind,
        subject=subject,
        event=event,
        **({} if event else {"state": Job.State.QUEUED}),
        defaults=defaults,
    )
    if created and delay is None:
        transaction.on_commit(lambda: wakeups.ring_queue(queue))


def _turn(queue: str, model: str) -> int:
    """After the model's own jobs, and not before what is next: who comes late does not overtake all."""
    there = Job.objects.filter(queue=queue, finished_at=None)
    own = there.filter(model=model).aggregate(last=Max("turn"))["last"]
    following = there.filter(state=Job.State.QUEUED).aggregate(first=Min("turn"))["first"]
    return max(0 if own is None else own + 1, following or 0)


def claim_next(queue: str) -> Job | None:
    """Take the job whose turn it is, None where none waits."""
    while (found := _free().filter(queue=queue).order_by("turn", "pk").values_list("pk").first()) is not None:
        if job := claim(found[0]):
            return job
    return None


def claim(job_id: int) -> Job | None:
    """Take the job if it is free: its row now carries our attempt number and a lease. Else None."""
    taken = (
        _free()
        .filter(pk=job_id)
        .update(state=Job.State.RUNNING, attempt=F("attempt") + 1, lease_until=Now() + LEASE)
    )
    return Job.objects.get(pk=job_id) if taken else None


def _free() -> QuerySet[Job]:
    """The jobs that are due and that nobody holds: never sent, lost, or with a lapsed lease."""
    free = Q(state=Job.State.QUEUED) | Q(state=Job.State.RUNNING, lease_until__lt=Now())
    due = Q(not_before=None) | Q(not_before__lte=Now())
    return Job.objects.filter(free & due, finished_at=None)


def finish(job: Job, *, error: str = "") -> None:
    """End the job, inside the transaction of what it did. Raises LostLease if it is not ours any more."""
    state = Job.State.FAILED if error else Job.State.DONE
    mine = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, attempt=job.attempt)
    if not mine.update(state=state, error=error[:2000], finished_at=Now(), lease_until=None):
        raise LostLease(f"{job} was taken over after attempt {job.attempt}")


def postpone(job: Job, delay: timedelta, *, error: str = "", waits: bool = False) -> None:
    """Put the job back, to be taken again after `delay`; an error counts as a used attempt, unless it `waits`
    for something that is not the job's."""
    Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, attempt=job.attempt).update(
        state=Job.State.QUEUED,
        lease_until=None,
        not_before=Now() + delay,
        attempt=job.attempt if error and not waits else job.attempt - 1,
        error=error[:2000],
        waits=waits,
    )


def hasten(kind: str, subject: str) -> None:
    """What a job waits for that was put back is there: it is due now. One that failed keeps its pause."""
    held = Job.objects.filter(
        kind=kind, subject=subject, state=Job.State.QUEUED, error="", finished_at=None, not_before__gt=Now()
    )
    queues = list(held.values_list("queue", flat=True).distinct())
    if held.update(not_before=None):
        for queue in queues:
            wakeups.ring_queue(queue)


def waiting() -> list[str]:
    """The queues in which a job waits for somebody. O(open jobs)."""
    return list(_free().order_by("queue").values_list("queue", flat=True).distinct())


def lease(job: Job) -> AbstractContextManager[None]:
    """Keep the lease alive from a thread while the block runs."""
    mine = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, attempt=job.attempt)
    return renewed(lambda: bool(mine.update(lease_until=Now() + LEASE)), RENEW_EVERY_S)
