"""Take a release's rollout as far as it goes, and do what follows from its end."""

from __future__ import annotations

from django.utils import timezone

from registry.transactions import write
from releases.events import Kind
from releases.lifecycle import Action
from releases.models import Arm, Rollout, Stage, Switch
from releases.rollout import before, switches, switching
from releases.rollout.switches import ACTOR
from releases.services.rollouts import restore
from releases.services.transitions import advance
from scoring.crashpoints import crashpoint


def advance_rollout(release_id: int) -> None:
    """Take a release's open rollout as far as it goes. Safe to repeat and to run beside itself.

    Raises jobs.NotYet where nodes have yet to follow and need time for it.
    """
    if (rollout := open_rollout(release_id)) is not None:
        switching.go_on(before.adopt(rollout), ENDS)


def give_up(release_id: int, reason: str) -> bool:
    """A step failed three times for a reason nobody foresaw: the rollout turns back by itself.

    False when it is turning back already: that has no alternative and is tried until it works.
    """
    rollout = open_rollout(release_id)
    if rollout is None:
        return True
    told = f"A step failed again and again: {reason}"[:500]
    return switching.turn_back(before.adopt(rollout), told, actor=ACTOR)


def open_rollout(release_id: int) -> Rollout | None:
    """The rollout of a release that is under way."""
    return (
        Rollout.objects.filter(release=release_id, closed_at=None)
        .select_related(
            "release__version", "previous__version", "returns_to__version", "model", "environment"
        )
        .first()
    )


def _opened(switch: Switch, revision: int) -> None:
    """Vacate, then occupy. A way back leaves nothing loaded of what it went away from."""
    rollout = switch.rollout
    _close(rollout, "opened to all", Stage.End.PASSED)
    if rollout.returns_to is not None:
        said = {"grounds": switch.grounds} if switch.grounds else {}
        restore(rollout.release, rollout.returns_to, actor=switch.decided_by, **said)
    else:
        if rollout.previous is not None:
            advance(rollout.previous, Action.SUPERSEDE, actor=ACTOR, by=rollout.release.version.number)
        advance(rollout.release, Action.PROMOTE, actor=ACTOR, revision=revision)
    crashpoint("rollout.promoting")


def _turned_back(switch: Switch, revision: int) -> None:
    """The release is rolled back. Of a way back that turned around nothing comes: what is live stays so."""
    rollout = switch.rollout
    _close(rollout, switch.reason, Stage.End.TURNED_BACK)
    if rollout.returns_to is None:
        advance(rollout.release, Action.ROLL_BACK, actor=ACTOR, reason=switch.reason, revision=revision)


ENDS = switching.Ends(_opened, _turned_back)


def _close(rollout: Rollout, reason: str, end: Stage.End) -> None:
    now = timezone.now()
    with write():
        open_one = Rollout.objects.filter(pk=rollout.pk, closed_at=None)
        if not open_one.update(closed_at=now, reason=reason, **before.closing()):
            raise switches.Turned
        Stage.objects.filter(rollout=rollout, ended_at=None).update(ended_at=now, end=end)
        Arm.objects.filter(rollout=rollout, left_at=None).update(left_at=now)
        switches.tell(rollout, Kind.ROLLOUT_FINISHED, actor=ACTOR, reason=reason)
