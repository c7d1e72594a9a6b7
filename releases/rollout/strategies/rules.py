"""The rules of which strategies are made: each looks once, and decides or leaves it to the next one.

Returning comes before everything that waits: what is unknown, unbalanced or too early keeps a version
from being promoted, never from going back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from math import exp, log

from registry.charts.numbers import duration
from releases.rollout.designs.design import Ends, Stage, StageKind
from releases.rollout.designs.metrics import Action
from releases.rollout.evidence import diagnosis
from releases.rollout.strategies import steps
from releases.rollout.strategies.base import Aim, Decision, Finding, Standing, Verdict

MOST_ODDS = 1_000_000
"""Larger odds tell nobody more, and models are wrong more often than that."""
AGAINST = frozenset({Aim.WORSE, Aim.WORSE_IN_PAIRS, Aim.ONSET})
"""Evidence against a version from a comparison with the baseline at the same time."""


def ended(look: steps.Look) -> Decision | None:
    """A rollout that has ended stays as it was left."""
    verdict = look.standing.ended
    return steps.hold(look, f"The rollout has ended: {verdict}.") if verdict else None


def not_started(look: steps.Look) -> Decision | None:
    starts = look.design.start_at
    if starts is None or look.now >= starts:
        return None
    at = datetime.fromtimestamp(starts, UTC)
    stays = steps.hold(look, f"The rollout begins on {at:%Y-%m-%d} at {at:%H:%M} UTC.")
    return replace(stays, weights=steps.all_to(look.design, look.design.baseline), mirrors=())


def returned(look: steps.Look) -> Decision | None:
    """Evidence against a version takes it out; when none is left the rollout is over."""
    against = [f for f in look.reached(AGAINST, [Action.ROLL_BACK]) if f.arm in look.playing]
    if not against:
        return None
    worst = max(against, key=lambda finding: finding.peak - finding.threshold)
    reason = f"{_worse(worst)} than version {look.design.baseline}: {odds(worst)}."
    faulty = dict.fromkeys([worst.arm, *(finding.arm for finding in against)])
    return steps.take_out(look, Verdict.ROLL_BACK, reason, tuple(faulty))


def observed(look: steps.Look) -> Decision | None:
    """Without a comparison only the model's own failures return it; else a person is paged and asked."""
    found = look.reached({Aim.OBSERVED}, [Action.ROLL_BACK])
    if not found or look.standing.ended not in (None, Verdict.PROMOTE) or not look.design.baseline:
        return None
    worst = max(found, key=lambda finding: (finding.own, finding.peak - finding.threshold))
    reason = f"{_worse(worst)} than what was live before it: {odds(worst)}."
    if worst.own:
        return steps.end(look, Verdict.ROLL_BACK, reason, worst.arm)
    return steps.propose(look, Verdict.ROLL_BACK, reason, reason, arm=worst.arm)


def unbalanced(look: steps.Look) -> Decision | None:
    """Arms without the units they should have make every comparison void: nothing is promoted."""
    if not look.reached({Aim.UNBALANCED}):
        return None
    causes = diagnosis.causes(look.counts, [arm for arm in look.design.arms if arm in _served(look)])
    why = causes[0].sentence if causes else "Nothing that was counted explains it."
    return steps.hold(look, f"The arms do not have the units they should. {why}", f"Unbalanced arms. {why}")


def held(look: steps.Look) -> Decision | None:
    """A metric that holds keeps the version where it is."""
    found = look.reached(AGAINST, [Action.HOLD])
    if not found:
        return None
    return steps.hold(look, f"{_worse(found[0])}: {odds(found[0])}.")


def unknown(look: steps.Look) -> Decision | None:
    """A node that served and has not reported, or not all, may have seen anything."""
    silent = look.counts.silent()
    return steps.hold(look, f"Not all counters have arrived: {', '.join(silent)}.") if silent else None


def dwelling(look: steps.Look) -> Decision | None:
    left = look.stage.least_seconds - (look.now - look.standing.since)
    return steps.hold(look, f"The stage lasts {duration(left)} more at least.") if left > 0 else None


def moved(look: steps.Look) -> Decision | None:
    """On to the next stage, when what ends this one has come; a trial may wait for a person's word."""
    following = look.standing.stage + 1
    if look.stage.kind is StageKind.TRIAL and look.stage.ends is Ends.PERSON:
        last = following >= len(look.design.stages)
        what = Verdict.PROMOTE if last else Verdict.MOVE
        return steps.propose(look, what, "The trial has lasted as long as it has to: say whether to go on.")
    if following >= len(look.design.stages) or not _may_move(look, look.design.stages[following]):
        return None
    return steps.move(look, entered(look.standing, following, look.now), f"Stage {following + 1} begins.")


def entered(standing: Standing, stage: int, now: float) -> Standing:
    return replace(standing, stage=stage, since=now, shares=(), shared_at=now, shared_of=0, contexts=())


def _may_move(look: steps.Look, following: Stage) -> bool:
    """The baseline gives up its last units only to a version that is shown to be safe."""
    ends = look.stage.ends
    if ends is Ends.PAIRED:
        return all(look.shown(arm, Aim.SAFE_IN_PAIRS) for arm in look.playing)
    if sum(share for _, share in following.shares) >= 1 and look.stage.kind is StageKind.SPLIT:
        return all(look.shown(arm, Aim.SAFE) for arm in look.playing)
    return ends is Ends.CLEAN


def promoted(look: steps.Look) -> Decision | None:
    """On evidence alone, never on silence: of the one version that is left."""
    if look.stage.ends is not Ends.PROMOTABLE or len(look.playing) != 1:
        return None
    (arm,) = look.playing
    if not look.shown(arm, Aim.SAFE):
        return None
    return steps.end(look, Verdict.PROMOTE, f"Version {arm} is shown to be as safe as allowed.", arm)


def overdue(look: steps.Look) -> Decision | None:
    """The most that the stage may last is over without what ends it: a person is asked."""
    most = look.stage.most_seconds
    if most is None or look.now - look.standing.since < most:
        return None
    last = look.standing.stage + 1 >= len(look.design.stages)
    what = Verdict.PROMOTE if last else Verdict.MOVE
    return steps.propose(
        look, what, "The stage has lasted as long as it may, without evidence enough to go on."
    )


def expired(look: steps.Look) -> Decision | None:
    moved_at = max(look.standing.since, look.standing.shared_at)
    if look.now - moved_at < look.design.expires_seconds:
        return None
    return steps.propose(look, Verdict.END_TRIAL, "The rollout has not moved for as long as it may.")


STAGED: tuple[steps.Rule, ...] = (
    not_started,
    observed,
    ended,
    returned,
    expired,
    unbalanced,
    held,
    unknown,
    dwelling,
    moved,
    promoted,
    overdue,
)
"""Stage by stage up to a promotion on evidence: what `canary` and `blue_green` differ in is their stages."""


def _served(look: steps.Look) -> set[str]:
    return {arm for spell in look.counts.spells() for arm, weight in spell.weights if weight}


def _worse(finding: Finding) -> str:
    return f"Version {finding.arm} is worse in {finding.metric.replace('_', ' ')}"


def odds(finding: Finding) -> str:
    """How strong the evidence ever was: beyond a million nobody tells one from the other."""
    if finding.peak > log(MOST_ODDS):
        return f"evidence of over {MOST_ODDS:,} to 1"
    return f"evidence of {exp(finding.peak):,.0f} to 1"
