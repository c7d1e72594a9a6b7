"""The outbox empties: each event becomes the jobs that follow from it, exactly once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from registry.models import Event, Outbox
from registry.services import jobs
from registry.transactions import write


@dataclass(frozen=True, slots=True)
class Wanted:
    """A job that should follow an event."""

    kind: str
    subject: str
    queue: str = "control"


Reactions = Mapping[str, Callable[[Event], Iterable[Wanted]]]


def dispatch(reactions: Reactions, *, limit: int = 200) -> int:
    """Turn waiting outbox rows into job rows, oldest first; how many events were handled.

    The outbox row is deleted in the transaction that inserts its jobs, so a kill in between
    repeats the event and a unique constraint keeps its jobs single.
    """
    handled = 0
    while handled < limit and _dispatch_one(reactions):
        handled += 1
    return handled


def _dispatch_one(reactions: Reactions) -> bool:
    if not Outbox.objects.exists():
        return False
    with write():
        row = Outbox.objects.select_related("event").order_by("pk").first()
        if row is None:
            return False
        react = reactions.get(row.event.kind)
        for wanted in react(row.event) if react else ():
            jobs.enqueue(
                wanted.kind, wanted.subject, queue=wanted.queue, model=row.event.model, event=row.event
            )
        row.delete()
        return True
