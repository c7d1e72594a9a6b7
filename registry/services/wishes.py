"""What people want to be mailed: each choice is theirs, and an event."""

from __future__ import annotations

from registry import notices
from registry.events import Kind, record
from registry.models import Person, Wishes
from registry.transactions import write


def choose(person: Person, *, waits: bool, ended: bool, returned: bool) -> None:
    """What this person is mailed from now on. The same choice again is no event."""
    asked = {"waits": waits, "ended": ended, "returned": returned}
    with write():
        kept = notices.wishes(person)
        if {name: getattr(kept, name) for name in asked} == asked:
            return
        Wishes.objects.update_or_create(person=person, defaults=asked)
        record(
            Kind.WISHES_CHOSEN,
            person.actor,
            actor=person.actor,
            waits=waits,
            ended=ended,
            returned=returned,
        )
