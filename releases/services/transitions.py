"""The one door through which a release changes its state."""

from __future__ import annotations

from django.utils import timezone

from registry.events import record
from registry.transactions import write
from releases.events import OF_ACTION
from releases.lifecycle import FINAL, Action, State, target
from releases.models import NamedUnits, Release


def advance(release: Release, action: Action, *, actor: str, **facts: object) -> Release:
    """Take one step of the lifecycle: the row and its event, or neither.

    Raises IllegalTransition when the law has no such step from where the row stands now.
    """
    with write():
        row = Release.objects.select_for_update().select_related("model", "version").get(pk=release.pk)
        before = State(row.state)
        row.state = target(before, action)
        if before == State.LIVE:
            row.was_live_since = row.state_since
        row.state_since = timezone.now()
        row.save(update_fields=["state", "state_since", "was_live_since"])
        record(
            OF_ACTION[action],
            row.subject,
            actor=actor,
            model=row.model.name,
            version=row.version.number,
            digest=row.version.digest,
            action=str(action),
            **{"from": str(before)},
            **facts,
        )
        if row.state in (*FINAL, State.LIVE):  # whom a trial of it names is needed no more
            NamedUnits.objects.filter(release=row).delete()
    release.state, release.state_since = row.state, row.state_since
    return row
