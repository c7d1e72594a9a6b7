"""What the release side refuses."""

from __future__ import annotations

from registry.errors import Conflict, DomainError


class IllegalTransition(Conflict):
    """The lifecycle has no such step from here."""

    code = "illegal_transition"


class NothingToRestore(Conflict):
    """A rollback needs an earlier version to go back to."""

    code = "nothing_to_restore"


class CannotReturn(Conflict):
    """The version that was chosen cannot answer again; the sentence says why."""

    code = "cannot_return"


class AlreadyLive(Conflict):
    """The very version is live there: no release of it has anything to do."""

    code = "already_live"


class RolloutOpen(Conflict):
    """The model already has an open rollout in this environment."""

    code = "rollout_open"


class SlotTaken(Conflict):
    """Somebody has filled this review slot, or this person has filled another one."""

    code = "slot_taken"


class Condemned(Conflict):
    """The version failed a data gate: no release of it goes any further."""

    code = "condemned_version"


class NodesFailed(DomainError):
    """The nodes could not do a step of the rollout; the sentence names them and says why."""

    code = "nodes_failed"
