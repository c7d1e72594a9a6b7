"""Take a release's rollout as far as it goes, and do what follows from its end."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from django.utils import timezone

from releases import selectors
from releases.errors import NodesFailed, NothingOpen
from releases.events import Kind
from releases.lifecycle import Action
from releases.models import Arm, Rollout, Stage, Switch
from releases.rollout import before, staging, written
from releases.rollout.switching import saga, switches
from releases.rollout.switching.switches import ACTOR
from releases.services import breaking, steering, watching
from releases.services.moving import close, dismiss
from releases.services.rollouts import restore
from releases.services.transitions import advance
from scoring.crashpoints import crashpoint


def advance_rollout(release_id: int) -> None:
    """Take a release's open rollout as far as it goes. Safe to repeat and to run beside itself.

    Raises jobs.NotYet where nodes have yet to follow and need time for it.
    """
    rollout = open_rollout(release_id)
    if rollout is not None and rollout.has_begun:
        saga.go_on(before.adopt(rollout), ENDS)


def give_up(release_id: int, reason: str) -> bool:
    """A step failed three times for a reason nobody foresaw: the rollout turns back by itself.

    False when it is turning back already: that has no alternative and is tried until it works.
    """
    rollout = open_rollout(release_id)
    if rollout is None or not rollout.has_begun:
        return True
    told = f"A step failed again and again: {reason}"[:500]
    return saga.turn_back(before.adopt(rollout), told, actor=ACTOR)


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
    if not switch.concludes:
        _entered(switch)
        return
    if rollout.returns_to is not None:
        close(rollout, "opened to all", Stage.End.PASSED)
        said = {"grounds": switch.grounds} if switch.grounds else {}
        restore(rollout.release, rollout.returns_to, actor=switch.decided_by, **said)
    else:
        _promote(switch, revision)
        watching.begin(rollout, timezone.now())
    crashpoint("rollout.promoting")


def _promote(switch: Switch, revision: int) -> None:
    """Any of its versions may have won: the others were tried, and lost without fault."""
    rollout = switch.rollout
    number = switches.aim_of(switch).arms[0].version
    won = Arm.objects.filter(rollout=rollout, release__version__number=number).first()
    winner = won.release if won else rollout.release
    others = [str(arm.release.version.number) for arm in selectors.playing(rollout) if arm.release != winner]
    said = {"reason": f"Version {number} was promoted.", "revision": revision}
    dismiss(rollout, Action.END_TRIAL, by=ACTOR, said=said, only=others)
    close(rollout, "opened to all", Stage.End.PASSED)
    if rollout.previous is not None:
        advance(rollout.previous, Action.SUPERSEDE, actor=ACTOR, by=number)
    advance(winner, Action.PROMOTE, actor=ACTOR, revision=revision)


def _turned_back(switch: Switch, revision: int) -> None:
    """The release is rolled back, and what took part beside it was not what failed. Of a way back that turned
    around nothing comes: what is live stays so."""
    rollout = switch.rollout
    if rollout.returns_to is None and rollout.by_stages:
        own = [str(rollout.release.version.number)]
        said = {"reason": switch.reason, "revision": revision}
        dismiss(rollout, Action.ROLL_BACK, by=ACTOR, said=said, faulty=own)
    elif rollout.returns_to is None:
        advance(rollout.release, Action.ROLL_BACK, actor=ACTOR, reason=switch.reason, revision=revision)
    close(rollout, switch.reason, Stage.End.TURNED_BACK)


def _spared(switch: Switch, failed: NodesFailed) -> bool:
    """Where the nodes failed with one of several versions, that one leaves and the others go on: the one that
    was to join, where they do not say with which."""
    rollout, arrives = switch.rollout, switches.arriving(switch)
    joins = arrives[0].number if len(arrives) == 1 else ""
    number = str(failed.facts.get("version", joins))
    left = [str(arm.release.version.number) for arm in selectors.playing(rollout)]
    if not rollout.by_stages or switch.went_back or switch.concludes or number not in left or len(left) == 1:
        return False
    with suppress(NothingOpen):
        steering.roll_back(rollout, by=breaking.ACTOR, reason=str(failed), arm=number)
    return True


ENDS = saga.Ends(_opened, _turned_back, _spared)


def _entered(switch: Switch) -> None:
    """Units are shared out as the stage says from now on, so its time begins."""
    rollout, stage, now = switch.rollout, switch.stage, timezone.now()
    if stage is None:
        return
    earlier = Stage.objects.filter(rollout=rollout, place__lt=stage.place, ended_at=None)
    earlier.update(ended_at=now, end=Stage.End.PASSED)
    row = Rollout.objects.select_for_update().get(pk=rollout.pk)
    standing = replace(staging.standing_of(row), since=now.timestamp())
    row.standing, row.looks = written.to_json(standing), row.looks + 1
    row.save(update_fields=["standing", "looks"])
    switches.tell(
        rollout,
        Kind.ROLLOUT_STAGE_BEGUN,
        actor=ACTOR,
        stage=stage.place,
        stage_kind=stage.kind,
        shares=stage.shares,
    )
