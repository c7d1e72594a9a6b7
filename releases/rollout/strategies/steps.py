"""What strategies are made of: rules in an order, of which the first that has something to say decides.

A rule is a pure function of one look at the rollout. Returning comes before everything that waits:
what is unknown, unbalanced or too early keeps a version from being promoted, never from going back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import log

from formats.plan import WHOLE
from releases.rollout.counts import Counts, Weights
from releases.rollout.design import Asked, Design, Ends, Mode, Stage, StageKind, weights
from releases.rollout.evidence import diagnosis
from releases.rollout.metrics import Action, MetricKind
from releases.rollout.strategies import judging, watching
from releases.rollout.strategies.base import Aim, Decision, Finding, Standing, Verdict

AGAINST = frozenset({Aim.WORSE, Aim.WORSE_IN_PAIRS, Aim.ONSET})
"""Evidence against a version from a comparison with the baseline at the same time."""

SHADOW_MIN_SECONDS = 600.0
SHADOW_MAX_SECONDS = 24 * 3600.0

_ACTS = frozenset({Verdict.MOVE, Verdict.PROMOTE, Verdict.ROLL_BACK, Verdict.END_TRIAL})


@dataclass(frozen=True, slots=True)
class Look:
    """One tick: everything there is to decide by. `standing` has the peaks of this tick in it already."""

    design: Design
    counts: Counts
    standing: Standing
    now: float
    found: tuple[Finding, ...]

    @property
    def stage(self) -> Stage:
        return self.design.stages[self.standing.stage]

    @property
    def playing(self) -> tuple[str, ...]:
        """Challengers that have not been taken out."""
        return tuple(arm for arm in self.design.challengers if arm not in self.standing.removed)

    def reached(self, aims: Iterable[Aim], actions: Iterable[Action] = tuple(Action)) -> list[Finding]:
        """Findings at their threshold, of the metrics that this stage is judged by."""
        wanted, allowed, judged = set(aims), set(actions), set(self.stage.metrics)
        return [
            each
            for each in self.found
            if each.reached
            and each.aim in wanted
            and each.action in allowed
            and (not judged or each.metric in judged or each.own or each.arm == "")
        ]

    def shown(self, arm: str, aim: Aim) -> bool:
        """Is every metric that could keep the version from being promoted shown to be safe?"""
        safe = {each.metric for each in self.found if each.arm == arm and each.aim is aim and each.reached}
        needed = {
            metric.name
            for metric in self.design.metrics
            if metric.action is not Action.TELL and metric.kind in (MetricKind.BAD_EVENT, MetricKind.BOUNDED)
        }
        return needed <= safe


Rule = Callable[[Look], Decision | None]


def decide(rules: Iterable[Rule], design: Design, counts: Counts, standing: Standing, now: float) -> Decision:
    """The decision of the first rule that has one; in mode `propose` what would act is asked for instead."""
    look = looked(design, counts, standing, now)
    decision = next((made for rule in rules if (made := rule(look)) is not None), None) or hold(
        look, "Nothing is decided yet."
    )
    if design.mode is Mode.PROPOSE and _acts(decision, standing):
        return propose(look, decision.verdict, decision.reason, arm=decision.arm)
    return decision


def _acts(decision: Decision, before: Standing) -> bool:
    """Shares that follow the evidence within a stage are what was begun with it: nobody is asked again."""
    after = replace(decision.standing, peaks=before.peaks, onset=before.onset)
    follows = replace(after, shares=before.shares, shared_at=before.shared_at) == before != after
    return decision.verdict in _ACTS and not follows


def looked(design: Design, counts: Counts, standing: Standing, now: float) -> Look:
    """Judge everything once, and keep the highest evidence that was ever seen: the latch."""
    late, standing = watching.watched(design, counts, standing)
    found = tuple(
        replace(each, peak=max(each.log_e, standing.peaks.get(each.key, each.log_e)))
        for each in (*judging.findings(design, counts), *late)
    )
    peaks = {**standing.peaks, **{each.key: each.peak for each in found}}
    return Look(design, counts, replace(standing, peaks=peaks), now, found)


# --- how presets begin --------------------------------------------------------------------------------


def shadow_stage(asked: Asked) -> Stage:
    """The new version is asked unseen, until pairs of answers have shown that it is no worse."""
    return Stage(StageKind.SHADOW, (), asked.pair or 1.0, SHADOW_MIN_SECONDS, SHADOW_MAX_SECONDS, Ends.PAIRED)


def first(asked: Asked) -> tuple[Stage, ...]:
    """A shadow, unless it was declined: no client meets what pairs have not shown."""
    return (shadow_stage(asked),) if asked.shadow else ()


# --- what should stand ------------------------------------------------------------------------------


def weights_at(design: Design, standing: Standing) -> Weights:
    """The weights of where the rollout stands; an arm that was taken out leaves its share to the baseline."""
    if standing.ended:
        return all_to(design, standing.kept)
    shares = standing.shares or design.stages[standing.stage].shares
    return weights(tuple(pair for pair in shares if pair[0] not in standing.removed), design.arms)


def all_to(design: Design, arm: str) -> Weights:
    return tuple((each, WHOLE if each == arm else 0) for each in design.arms)


def mirrors_at(design: Design, standing: Standing) -> tuple[tuple[str, float], ...]:
    """Who is asked unseen: challengers in a shadow, every arm where answers are paired, else nobody."""
    stage = design.stages[standing.stage]
    if standing.ended or stage.pair <= 0 or not design.baseline:
        return ()
    arms = design.challengers if stage.kind is StageKind.SHADOW else design.arms
    return tuple((arm, stage.pair) for arm in arms if arm not in standing.removed)


def hold(look: Look, reason: str, *alerts: str) -> Decision:
    return _made(look, Verdict.HOLD, reason, look.standing, alerts=alerts)


def propose(look: Look, what: Verdict, reason: str, *alerts: str, arm: str = "") -> Decision:
    return replace(_made(look, Verdict.PROPOSE, reason, look.standing, alerts=alerts), proposed=what, arm=arm)


def move(look: Look, standing: Standing, reason: str) -> Decision:
    return _made(look, Verdict.MOVE, reason, standing)


def end(look: Look, verdict: Verdict, reason: str, arm: str) -> Decision:
    """Promoted: all to the arm. Returned, or lost without fault: all to the baseline."""
    kept = arm if verdict is Verdict.PROMOTE else look.design.baseline
    return replace(_made(look, verdict, reason, replace(look.standing, ended=verdict, kept=kept)), arm=arm)


def _made(
    look: Look, verdict: Verdict, reason: str, standing: Standing, alerts: Iterable[str] = ()
) -> Decision:
    weighted, mirrored = weights_at(look.design, standing), mirrors_at(look.design, standing)
    told = (*alerts, *_alerts(look))
    return Decision(verdict, reason, weighted, mirrored, standing, look.found, told)


def _alerts(look: Look) -> list[str]:
    """What a person is told whatever is decided."""
    over = look.reached({Aim.OVER_LIMIT})
    told = [f"More units than allowed meet {each.metric}, whichever version answers." for each in over]
    if look.counts.crossed:
        told.append(f"{look.counts.crossed} units were answered by two arms under the same weights.")
    return told


# --- the rules ----------------------------------------------------------------------------------------


def ended(look: Look) -> Decision | None:
    """A rollout that has ended stays as it was left."""
    verdict = look.standing.ended
    return hold(look, f"The rollout has ended: {verdict}.") if verdict else None


def not_started(look: Look) -> Decision | None:
    starts = look.design.start_at
    if starts is None or look.now >= starts:
        return None
    stays = hold(look, "The rollout has not started yet.")
    return replace(stays, weights=all_to(look.design, look.design.baseline), mirrors=())


def returned(look: Look) -> Decision | None:
    """Evidence against a version takes it out; when none is left the rollout goes back."""
    against = [f for f in look.reached(AGAINST, [Action.ROLL_BACK]) if f.arm in look.playing]
    if not against:
        return None
    worst = max(against, key=lambda finding: finding.peak - finding.threshold)
    reason = (
        f"Version {worst.arm} meets {worst.metric} more often than {look.design.baseline}: {_odds(worst)}."
    )
    faulty = {finding.arm for finding in against}
    if faulty >= set(look.playing):
        return end(look, Verdict.ROLL_BACK, reason, worst.arm)
    out = tuple(arm for arm in look.design.challengers if arm in faulty or arm in look.standing.removed)
    return move(look, replace(look.standing, removed=out), f"{reason} It is taken out.")


def observed(look: Look) -> Decision | None:
    """Without a comparison only the model's own failures return it; else a person is paged and asked."""
    found = look.reached({Aim.OBSERVED}, [Action.ROLL_BACK])
    if not found or look.standing.ended not in (None, Verdict.PROMOTE) or not look.design.baseline:
        return None
    worst = max(found, key=lambda finding: (finding.own, finding.peak - finding.threshold))
    reason = f"Version {worst.arm} meets {worst.metric} more often than was seen before it: {_odds(worst)}."
    if worst.own:
        return end(look, Verdict.ROLL_BACK, reason, worst.arm)
    return propose(look, Verdict.ROLL_BACK, reason, reason, arm=worst.arm)


def unbalanced(look: Look) -> Decision | None:
    """Arms without the units they should have make every comparison void: nothing is promoted."""
    if not look.reached({Aim.UNBALANCED}):
        return None
    causes = diagnosis.causes(look.counts, [arm for arm in look.design.arms if arm in _served(look)])
    why = causes[0].sentence if causes else "Nothing that was counted explains it."
    return hold(look, f"The arms do not have the units they should. {why}", f"Unbalanced arms. {why}")


def held(look: Look) -> Decision | None:
    """A metric that holds keeps the version where it is."""
    found = look.reached(AGAINST, [Action.HOLD])
    if not found:
        return None
    return hold(look, f"Version {found[0].arm} is worse in {found[0].metric}: {_odds(found[0])}.")


def unknown(look: Look) -> Decision | None:
    """A node that served and has not reported may have seen anything."""
    silent = look.counts.silent()
    return hold(look, f"Not all counters have arrived: {', '.join(silent)}.") if silent else None


def dwelling(look: Look) -> Decision | None:
    left = look.stage.least_seconds - (look.now - look.standing.since)
    return hold(look, f"The stage lasts {left:,.0f} more seconds at least.") if left > 0 else None


def moved(look: Look) -> Decision | None:
    """On to the next stage, when what ends this one has come."""
    following = look.standing.stage + 1
    if following >= len(look.design.stages) or not _may_move(look, look.design.stages[following]):
        return None
    return move(look, entered(look.standing, following, look.now), f"Stage {following + 1} begins.")


def entered(standing: Standing, stage: int, now: float) -> Standing:
    return replace(standing, stage=stage, since=now, shares=(), shared_at=now)


def _may_move(look: Look, following: Stage) -> bool:
    """The baseline gives up its last units only to a version that is shown to be safe."""
    ends = look.stage.ends
    if ends is Ends.PAIRED:
        return all(look.shown(arm, Aim.SAFE_IN_PAIRS) for arm in look.playing)
    if sum(share for _, share in following.shares) >= 1 and look.stage.kind is StageKind.SPLIT:
        return all(look.shown(arm, Aim.SAFE) for arm in look.playing)
    return ends is Ends.CLEAN


def promoted(look: Look) -> Decision | None:
    """On evidence alone, never on silence: of the one version that is left."""
    if look.stage.ends is not Ends.PROMOTABLE or len(look.playing) != 1:
        return None
    (arm,) = look.playing
    if not look.shown(arm, Aim.SAFE):
        return None
    return end(look, Verdict.PROMOTE, f"Version {arm} is shown to be as safe as allowed.", arm)


def overdue(look: Look) -> Decision | None:
    """The most that the stage may last is over without what ends it: a person is asked."""
    most = look.stage.most_seconds
    if most is None or look.now - look.standing.since < most:
        return None
    last = look.standing.stage + 1 >= len(look.design.stages)
    what = Verdict.PROMOTE if last else Verdict.MOVE
    return propose(look, what, "The stage has lasted as long as it may, without evidence enough to go on.")


def expired(look: Look) -> Decision | None:
    if look.now - look.standing.since < look.design.expires_seconds:
        return None
    return propose(look, Verdict.END_TRIAL, "The rollout has not moved for as long as it may.")


STAGED: tuple[Rule, ...] = (
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


def _served(look: Look) -> set[str]:
    return {arm for spell in look.counts.spells() for arm, weight in spell.weights if weight}


def _odds(finding: Finding) -> str:
    """How strong it ever was, as a power of ten: 2 is a hundred to one."""
    return f"evidence {finding.peak / log(10):.1f} powers of ten"
