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


class NotApproved(Conflict):
    """A version that is to take part in a rollout has no approved release there."""

    code = "not_approved"


class SlotTaken(Conflict):
    """Somebody has filled this review slot, or this person has filled another one."""

    code = "slot_taken"


class Condemned(Conflict):
    """The version failed a data gate: no release of it goes any further."""

    code = "condemned_version"


class NodesFailed(DomainError):
    """The nodes could not do a step of the rollout; the sentence names them and says why, the fact `version`
    which version it is about, where it is about one."""

    code = "nodes_failed"


class NothingOpen(Conflict):
    """What was to be decided is over, or has not begun."""

    code = "nothing_open"


class Frozen(Conflict):
    """A freeze is on: nothing new reaches clients until it is over."""

    code = "frozen"


class AlreadyJudged(Conflict):
    """Somebody was faster: this unit has its label."""

    code = "label_known"


class TooManyFreezes(Conflict):
    """An environment has as many freezes as it may."""

    code = "too_many_freezes"


class FreezeKnown(Conflict):
    """A freeze of that name stands already."""

    code = "freeze_known"
