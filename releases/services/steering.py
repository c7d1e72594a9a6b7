"""What people do to a rollout by stages: pause it, take it on, end it, answer what it asks."""

from __future__ import annotations

from dataclasses import replace

from django.utils import timezone

from registry.errors import NotAllowed
from registry.models import ApiToken, Person
from registry.selectors import access
from registry.transactions import write
from releases import policies, selectors
from releases.errors import NothingOpen
from releases.events import Kind
from releases.models import Proposal, Release, Rollout
from releases.rollout import before, staging, written
from releases.rollout.strategies import rules, steps
from releases.rollout.strategies.base import Standing, Verdict
from releases.rollout.switching import saga, switches
from releases.services import deciding, moving

BY_HAND = "Decided by hand, on what was seen so far."


def pause(release: Release, *, by: Person, token: ApiToken | None = None, grounds: str = "") -> Release:
    """Shares stay where they are until somebody resumes; a way back waits for nobody. Raises NotAllowed,
    NothingOpen."""
    with write():
        rollout, actor = _open(release, "pause", by, token)
        _set_paused(rollout, actor)
        switches.tell(rollout, Kind.ROLLOUT_PAUSED, actor=actor, **moving.said(grounds, by))
    return release


def resume(release: Release, *, by: Person, token: ApiToken | None = None, grounds: str = "") -> Release:
    """The next look may move shares again. The stage's time went on meanwhile. Raises as `pause` does."""
    with write():
        rollout, actor = _open(release, "resume", by, token)
        _set_paused(rollout, "")
        switches.tell(rollout, Kind.ROLLOUT_RESUMED, actor=actor, **moving.said(grounds, by))
    return release


def promote(release: Release, *, by: Person, token: ApiToken | None = None, grounds: str = "") -> Release:
    """All traffic comes to the version now, on somebody's word: what was seen by then is kept with it. Others
    that take part lost without fault."""
    return _by_hand(release, "promote", Verdict.PROMOTE, by, token, grounds)


def end_trial(
    release: Release,
    *,
    by: Person,
    token: ApiToken | None = None,
    grounds: str = "",
    everything: bool = False,
) -> Release:
    """Its units are answered as before, and the version stays approved: it has no fault, and lost.

    everything  of all versions that take part; else the others go on, and the last to leave ends the rollout
    """
    return _by_hand(release, "end_trial", Verdict.END_TRIAL, by, token, grounds, everything=everything)


def roll_back(rollout: Rollout, *, by: str, reason: str, arm: str = "", **said: str) -> None:
    """Units are answered as before, for a fault that somebody saw, or a node: of one version, or of all."""
    with write():
        rollout = locked(rollout)
        _take_back(rollout, Verdict.ROLL_BACK, arm, reason, by, said)


def turn_back(release: Release, *, by: str, reason: str, everything: bool = False, **said: str) -> None:
    """Take a release that is rolling out back, whatever its way: of several versions this one, or all. Once
    it is on its way back nothing more comes of it."""
    rollout = selectors.open_rollout_of(release)
    if rollout is not None:
        arm = "" if everything else str(release.version.number)
        roll_back(rollout, by=by, reason=reason, arm=arm, **said)
        return
    for rollout in Rollout.objects.filter(release=release, closed_at=None):
        saga.turn_back(before.adopt(rollout), reason, actor=by, **said)


def accept_proposal(
    release: Release, *, by: Person, token: ApiToken | None = None, grounds: str = ""
) -> Release:
    """Do what the rollout asks for."""
    with write():
        rollout, actor = _open(release, "accept_proposal", by, token)
        proposal, said = _proposal(rollout), moving.said(grounds, by)
        moving.close_proposal(rollout, proposal, Proposal.Outcome.ACCEPTED, by=actor, **said)
        arm = proposal.arm or _numbers(rollout)[0]
        if Verdict(proposal.verdict) is Verdict.END_TRIAL:
            arm = proposal.arm
        _do(rollout, Verdict(proposal.verdict), arm, proposal.reason, actor, said, proposal.evidence)
    return release


def dismiss_proposal(
    release: Release, *, by: Person, token: ApiToken | None = None, grounds: str = ""
) -> Release:
    """Leave everything as it is; it is not asked again for some hours."""
    with write():
        rollout, actor = _open(release, "dismiss_proposal", by, token)
        said = moving.said(grounds, by)
        moving.close_proposal(rollout, _proposal(rollout), Proposal.Outcome.DISMISSED, by=actor, **said)
    return release


def _by_hand(
    release: Release,
    action: str,
    verdict: Verdict,
    by: Person,
    token: ApiToken | None,
    grounds: str,
    *,
    everything: bool = False,
) -> Release:
    with write():
        rollout, actor = _open(release, action, by, token)
        evidence = written.to_json(staging.standing_of(rollout))
        moving.lapse(rollout, by=actor)
        arm = "" if everything else str(release.version.number)
        _do(rollout, verdict, arm, BY_HAND, actor, moving.said(grounds, by), evidence)
    return release


def _do(
    rollout: Rollout,
    verdict: Verdict,
    arm: str,
    reason: str,
    actor: str,
    said: dict[str, str],
    evidence: object,
) -> None:
    """Note what a person decides of a version, or of all without one, and begin it."""
    if verdict is not Verdict.ROLL_BACK and switches.open_ones().filter(rollout=rollout).exists():
        raise NothingOpen("Shares are moving right now: try again in a few seconds.")
    if verdict in (Verdict.ROLL_BACK, Verdict.END_TRIAL):
        _take_back(rollout, verdict, arm, reason, actor, said, evidence=evidence)
        return
    design, standing = staging.design_of(rollout), staging.standing_of(rollout)
    _note(rollout, verdict, arm, reason, actor, evidence=evidence, **said)
    following = standing.stage + 1
    if verdict is Verdict.MOVE and following < len(design.stages):
        after = rules.entered(standing, following, timezone.now().timestamp())
        _stand(rollout, after)
        moving.enter(rollout, design, after, by=actor, **said)
    else:
        _stand(rollout, replace(standing, ended=verdict, kept=arm))
        moving.conclude(rollout, arm, by=actor, **said)


def _take_back(
    rollout: Rollout,
    verdict: Verdict,
    arm: str,
    reason: str,
    actor: str,
    said: dict[str, str],
    **facts: object,
) -> None:
    """A version is taken out, or all are; the winner that is on its way takes the others with it."""
    design, standing = staging.design_of(rollout), staging.standing_of(rollout)
    _note(rollout, verdict, arm, reason, actor, **facts, **said)
    if arm in ("", standing.kept):
        after = replace(standing, ended=verdict, kept=design.baseline)
    else:
        after = steps.without(design, standing, verdict, [arm])
    _stand(rollout, after)
    faulty = [arm] if arm else None
    deciding.leave(rollout, design, after, verdict, reason=reason, by=actor, faulty=faulty, **said)


def _note(rollout: Rollout, verdict: Verdict, arm: str, reason: str, actor: str, **facts: object) -> None:
    stage = staging.standing_of(rollout).stage
    deciding.note(rollout, verdict=verdict, arm=arm, reason=reason, stage=stage, by=actor, **facts)


def _stand(rollout: Rollout, standing: Standing) -> None:
    document = written.to_json(standing)
    Rollout.objects.filter(pk=rollout.pk).update(standing=document, looks=rollout.looks + 1)


def _numbers(rollout: Rollout) -> list[str]:
    """Of the versions that are still in it."""
    return [str(arm.release.version.number) for arm in selectors.playing(rollout)]


def _open(release: Release, action: str, by: Person, token: ApiToken | None) -> tuple[Rollout, str]:
    """The release's open rollout, locked, and who acts. Raises NotAllowed, NothingOpen."""
    release = selectors.release(release.pk, by, token)
    facts = selectors.facts(release)
    if reason := policies.may_steer(access(by, token, release.model), facts):
        raise NotAllowed(reason)
    if reason := policies.nothing_to_steer(action, facts):
        raise NothingOpen(reason)
    rollout = selectors.open_rollout_of(release)
    if rollout is None:
        raise NothingOpen(policies.NO_STAGES)
    return locked(rollout), (token or by).actor


def locked(rollout: Rollout) -> Rollout:
    """The row as it stands now, which nobody else changes meanwhile."""
    found = Rollout.objects.select_for_update(of=("self",)).filter(pk=rollout.pk)
    row = found.select_related(
        "release__version", "previous__version", "model", "environment", "origin"
    ).get()
    if row.closed_at is not None:
        raise NothingOpen("This rollout is over already.")
    return row


def _proposal(rollout: Rollout) -> Proposal:
    found = Proposal.objects.filter(rollout=rollout, outcome=Proposal.Outcome.OPEN).first()
    if found is None:
        raise NothingOpen("Nothing is asked any more: look at what the rollout shows now.")
    return found


def _set_paused(rollout: Rollout, actor: str) -> None:
    Rollout.objects.filter(pk=rollout.pk).update(
        paused_at=timezone.now() if actor else None, paused_by=actor, looks=rollout.looks + 1
    )
