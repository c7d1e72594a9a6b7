"""How a strategy decides: rules in an order, of which the first that has something to say is followed.

A rule (`strategies.rules`) is a pure function of one look at the rollout.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from formats.plan import WHOLE
from releases.rollout.counts import Counts, Weights
from releases.rollout.designs.design import Asked, Design, Ends, Mode, Stage, StageKind, weights
from releases.rollout.designs.metrics import Action, MetricKind
from releases.rollout.strategies import judging, watching
from releases.rollout.strategies.base import Aim, Decision, Finding, Standing, Verdict

SHADOW_MIN_SECONDS = 600.0
"""Chosen, not measured, as for the first step of a canary."""
SHADOW_MAX_SECONDS = 24 * 3600.0
"""Chosen, not measured: each hour of a day is compared, and no client waits for it."""

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
        """Is every metric that could keep the version from being promoted shown to be safe?

        Pairs show what happens to answers; what becomes of a unit afterwards no pair can show.
        """
        safe = {each.metric for each in self.found if each.arm == arm and each.aim is aim and each.reached}
        needed = {
            metric.name
            for metric in self.design.metrics
            if metric.action is not Action.TELL
            and metric.kind in (MetricKind.BAD_EVENT, MetricKind.BOUNDED)
            and (metric.guardrail or aim is not Aim.SAFE_IN_PAIRS)
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
    shares = {name: getattr(before, name) for name in ("shares", "shared_at", "shared_of", "contexts")}
    follows = replace(after, **shares) == before != after
    return decision.verdict in _ACTS and not follows


def looked(design: Design, counts: Counts, standing: Standing, now: float) -> Look:
    """Judge everything once, and keep the highest evidence that was ever seen: the latch."""
    late, standing = watching.watched(design, counts, standing)
    peaks = dict(standing.peaks)
    found = tuple(_latched(each, peaks) for each in (*judging.findings(design, counts), *late))
    return Look(design, counts, replace(standing, peaks=peaks), now, found)


def _latched(finding: Finding, peaks: dict[str, float]) -> Finding:
    key = finding.key
    peak = peaks[key] = max(finding.log_e, peaks.get(key, finding.log_e))
    return finding if peak == finding.peak else replace(finding, peak=peak)


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
    given = dict.fromkeys(design.arms, 0)
    for arm, weight in stretches_at(design, standing):
        given[arm] += weight
    return tuple(given.items())


def stretches_at(design: Design, standing: Standing) -> Weights:
    """The same as they lie beside each other: what was an arm's is the baseline's where that lay, so that
    nobody else is moved. The baseline alone may stand there more than once."""
    shares = standing.shares or design.stages[standing.stage].shares
    return tuple(
        (design.baseline if arm in standing.removed else arm, weight)
        for arm, weight in weights(shares, design.arms)
    )


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


def take_out(look: Look, verdict: Verdict, reason: str, arms: Sequence[str]) -> Decision:
    """Those arms leave, the first of them named, and the others go on; the last to leave ends the rollout."""
    standing = without(look.design, look.standing, verdict, arms)
    if standing.ended is not None:
        return end(look, verdict, reason, arms[0])
    return replace(_made(look, verdict, f"{reason} It is taken out.", standing), arm=arms[0])


def without(design: Design, standing: Standing, verdict: Verdict, arms: Collection[str]) -> Standing:
    """Where the rollout stands once those arms are out of it: at its end, where no challenger is left."""
    out = tuple(arm for arm in design.challengers if arm in arms or arm in standing.removed)
    if len(out) == len(design.challengers):
        return replace(standing, ended=verdict, kept=design.baseline)
    return replace(standing, removed=out)


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
    told += [
        f"Node {name} gave up {ticks.lost:,} facts about units for want of room: a version counts as safe"
        " only where it would with each of them a bad unit."
        for name, ticks in sorted(look.counts.nodes.items())
        if ticks.lost
    ]
    if look.counts.crossed:
        told.append(f"{look.counts.crossed} units were answered by two arms under the same weights.")
    return told
