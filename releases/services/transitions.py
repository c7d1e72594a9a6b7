"""The one door through which a release changes its state."""

from __future__ import annotations

from django.utils import timezone

from registry.events import record
from registry.transactions import write
from releases.events import OF_ACTION
from releases.lifecycle import Action, State, target
from releases.models import Release


def advance(release: Release, action: Action, *, actor: str, **facts: object) -> Release:
    """Take one step of the lifecycle: the row and its event, or neither.

    Raises IllegalTransition when the law has no such step from where the row stands now.
    """
    with write():
        row = Release.objects.select_for_update().select_related("model", "version").get(pk=release.pk)
        before = State(row.state)
        row.state = target(before, action)
        row.state_since = timezone.now()
        row.save(update_fields=["state", "state_since"])
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
    release.state, release.state_since = row.state, row.state_since
    return row
