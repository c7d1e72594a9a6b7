"""The queue: how long it is, and why work waits."""

from __future__ import annotations

from django.db.models import Count

from registry.models import Job


def reason_to_wait(subject: str) -> str:
    """Why the work on a subject waits, where something is missing that is not its own; else empty."""
    back = Job.objects.filter(subject=subject, state=Job.State.QUEUED, waits=True)
    return back.values_list("error", flat=True).first() or ""


def queue_lengths() -> dict[str, dict[str, int]]:
    """Jobs per queue and state, of those that are not done."""
    lengths: dict[str, dict[str, int]] = {}
    rows = Job.objects.exclude(state=Job.State.DONE).values_list("queue", "state").annotate(n=Count("pk"))
    for queue, state, n in rows:
        lengths.setdefault(queue, {})[state] = n
    return lengths
