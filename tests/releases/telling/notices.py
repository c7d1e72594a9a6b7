"""What became of events: notices, and the mails that they go into."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from registry.models import Job, Notice
from registry.services.dispatching import dispatch
from releases import tasks
from releases.services import mailing


def told(kind: str | None = None) -> set[tuple[str, str]]:
    """Everything in the outbox becomes notices: (who, why), of all events or of one kind of them."""
    dispatch(tasks.REACTIONS, limit=1000)
    for job in Job.objects.filter(kind="tell", finished_at=None).order_by("pk"):
        tasks.WORK["tell"](job)
        Job.objects.filter(pk=job.pk).update(finished_at=timezone.now(), state=Job.State.DONE)
    rows = Notice.objects.all() if kind is None else Notice.objects.filter(event__kind=kind)
    return set(rows.values_list("person__username", "why"))


def sent(after: timedelta = timedelta(minutes=2)) -> int:
    told()
    return mailing.send_due(timezone.now() + after)
