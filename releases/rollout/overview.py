"""A rollout as it stands at one moment, in values: what a page shows of it, and what REST answers. Pure.

What would be decided now is asked of its own strategy, so that nobody is told what the rules do not do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from releases.rollout.counts import Counts, Discordant, Pairs, Tally
from releases.rollout.designs.design import Design, Ends, Kind, Stage, StageKind
from releases.rollout.designs.metrics import Action, Metric, MetricKind
from releases.rollout.earning import Earning, earning
from releases.rollout.effects import Effect, effects
from releases.rollout.evidence import diagnosis
from releases.rollout.forecasting import missing
from releases.rollout.strategies import STRATEGIES, bandit, steps
from releases.rollout.strategies.base import Aim, Decision, Finding, Standing

AGAINST = (Aim.WORSE, Aim.WORSE_IN_PAIRS, Aim.ONSET, Aim.OBSERVED)
FOR = (Aim.SAFE, Aim.SAFE_IN_PAIRS, Aim.BETTER, Aim.BEST)
OF_ALL = (Aim.UNBALANCED, Aim.OVER_LIMIT)


@dataclass(frozen=True, slots=True)
class Bad:
    """Of one metric: units of an arm that met it. In pairs only those of which one arm alone did."""

    metric: str
    units: int
    of: int
    only_new: int = 0
    only_old: int = 0

    @property
    def rate(self) -> float | None:
        return self.units / self.of if self.of else None


@dataclass(frozen=True, slots=True)
class Slow:
    """Of one threshold of latency: how many units were asked about, and how many took longer. A challenger
    has the slack beside the baseline's."""

    ms: float
    units: int
    of: int

    @property
    def rate(self) -> float | None:
        return self.units / self.of if self.of else None


@dataclass(frozen=True, slots=True)
class ArmNow:
    """One version. `differing` of its `paired` units were answered otherwise by the baseline."""

    name: str
    baseline: bool
    removed: bool
    share: float
    units: int
    bad: tuple[Bad, ...]
    slow: tuple[Slow, ...]
    paired: int
    differing: int


@dataclass(frozen=True, slots=True)
class Needed:
    """What is still missing until a piece of evidence is at its threshold.

    more  units without a bad one (of `SAFE...`), or bad ones in a row (of `WORSE...`); None: cannot be told
    """

    finding: Finding
    more: int | None


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything at one moment.

    going    whether it still decides: it has begun and not ended
    left     seconds until the stage may end, and until it asks a person (None: never)
    made     what its strategy would decide now
    evidence what speaks at this stage: in a shadow pairs alone
    promote  what keeps the version from going on; `returns` what would take it back
    effects  what metrics of units come to under each version; `earning` what a bandit knows of its arms
    causes   sentences that may explain why the versions do not have the units they should, likeliest first
    """

    design: Design
    standing: Standing
    now: float
    going: bool
    left: float
    asks_in: float | None
    made: Decision
    evidence: tuple[Finding, ...]
    arms: tuple[ArmNow, ...]
    promote: tuple[Needed, ...]
    returns: tuple[Needed, ...]
    silent: tuple[str, ...] = ()
    effects: tuple[Effect, ...] = ()
    earning: Earning | None = None
    causes: tuple[str, ...] = ()

    @property
    def stage(self) -> Stage:
        return self.design.stages[self.standing.stage]

    def findings(self, aims: tuple[Aim, ...], arm: str = "") -> list[Finding]:
        """The evidence for one of these aims, in the order of the metrics."""
        found = [each for each in self.evidence if each.aim in aims and each.arm == arm]
        places = {metric.name: place for place, metric in enumerate(self.design.metrics)}
        return sorted(found, key=lambda each: (aims.index(each.aim), places.get(each.metric, len(places))))


def overview(
    design: Design, counts: Counts, standing: Standing, now: float, shares: Mapping[str, float] | None = None
) -> Overview:
    """`shares` are those that nodes follow now, where they are known: a switch may still be under way."""
    made = STRATEGIES[design.kind].decide(design, counts, standing, now)
    stage, since = design.stages[standing.stage], now - standing.since
    weighted = steps.weights_at(design, standing)
    given = bandit.given(design, counts, standing, weighted)
    if shares is not None and not standing.contexts:
        given = dict(shares)
    return Overview(
        design=design,
        standing=standing,
        now=now,
        going=standing.ended is None,
        left=max(stage.least_seconds - since, 0.0),
        asks_in=None if stage.most_seconds is None else max(stage.most_seconds - since, 0.0),
        made=made,
        evidence=_evidence(design, standing, made),
        arms=tuple(_arm(design, counts, standing, arm, given.get(arm, 0.0)) for arm in design.arms),
        promote=_promote(design, counts, standing, made),
        returns=_returns(design, counts, standing, made),
        silent=tuple(counts.silent()),
        effects=effects(design, counts),
        earning=earning(design, counts, standing, now),
        causes=_causes(design, counts, made),
    )


def _causes(design: Design, counts: Counts, made: Decision) -> tuple[str, ...]:
    """Nothing is explained that is not there."""
    if not any(each.aim is Aim.UNBALANCED and each.reached for each in made.evidence):
        return ()
    served = {arm for spell in counts.spells() for arm, weight in spell.weights if weight}
    found = diagnosis.causes(counts, [arm for arm in design.arms if arm in served])
    return tuple(cause.sentence for cause in found)


# --- the versions beside each other -------------------------------------------------------------------


def _arm(design: Design, counts: Counts, standing: Standing, arm: str, share: float) -> ArmNow:
    tally = sum((each for (_, name), each in counts.arms.items() if name == arm), Tally())
    pairs = sum((each for (_, name), each in counts.pairs.items() if name == arm), Pairs())
    events = [metric for metric in design.metrics if metric.kind is MetricKind.BAD_EVENT and metric.guardrail]
    return ArmNow(
        name=arm,
        baseline=arm == design.baseline,
        removed=arm in standing.removed,
        share=share,
        units=tally.units,
        bad=tuple(_bad(metric, tally, pairs) for metric in events),
        slow=tuple(
            each for metric in design.metrics for each in _slow(metric, tally, arm != design.baseline)
        ),
        paired=pairs.units,
        differing=pairs.differing,
    )


def _bad(metric: Metric, tally: Tally, pairs: Pairs) -> Bad:
    alone = pairs.bad.get(metric.name, Discordant())
    return Bad(metric.name, tally.bad.get(metric.name, 0), tally.units, alone.only_new, alone.only_old)


def _slow(metric: Metric, tally: Tally, challenger: bool) -> list[Slow]:
    seen, slack_ms = tally.slow.get(metric.name, {}), metric.slack_ms if challenger else 0.0
    return [
        Slow(each.ms + slack_ms, seen[each.name].hit, seen[each.name].units)
        for each in metric.thresholds
        if each.name in seen
    ]


def _evidence(design: Design, standing: Standing, made: Decision) -> tuple[Finding, ...]:
    if design.kind is Kind.SINGLE:
        return tuple(each for each in made.evidence if each.aim in (Aim.OBSERVED, *OF_ALL))
    if standing.ended or design.stages[standing.stage].kind is not StageKind.SHADOW:
        return made.evidence
    pairs = (Aim.WORSE_IN_PAIRS, Aim.SAFE_IN_PAIRS)
    of_all = [each for each in made.evidence if each.arm == ""]
    return (*(each for aim in pairs for each in _shown(design, standing, made, aim)), *of_all)


# --- what is missing ----------------------------------------------------------------------------------


def _promote(design: Design, counts: Counts, standing: Standing, made: Decision) -> tuple[Needed, ...]:
    """Evidence that every guardrail has to show before the new version goes on, and has not; nothing where
    a person says whether it does."""
    if standing.ended or design.stages[standing.stage].ends is Ends.PERSON:
        return ()
    aim = Aim.SAFE_IN_PAIRS if design.stages[standing.stage].kind is StageKind.SHADOW else Aim.SAFE
    needed = {
        metric.name: metric
        for metric in design.metrics
        if metric.action is not Action.TELL and metric.kind in (MetricKind.BAD_EVENT, MetricKind.BOUNDED)
    }
    return tuple(
        Needed(each, missing.clean(counts, each, needed[each.metric]))
        for each in _shown(design, standing, made, aim)
        if each.metric in needed and not each.reached
    )


def _returns(design: Design, counts: Counts, standing: Standing, made: Decision) -> tuple[Needed, ...]:
    """Evidence that would return the version, one for each of its guardrails that returns."""
    if standing.ended:
        return ()
    stage = design.stages[standing.stage]
    in_pairs = stage.kind is StageKind.SHADOW or (stage.kind is StageKind.TRIAL and stage.pair > 0)
    aim = Aim.WORSE_IN_PAIRS if in_pairs else Aim.WORSE
    weights = steps.weights_at(design, standing)
    return tuple(
        Needed(each, missing.bad(design, counts, each, weights))
        for each in _shown(design, standing, made, aim)
        if each.action is Action.ROLL_BACK
    )


def _shown(design: Design, standing: Standing, made: Decision, aim: Aim) -> list[Finding]:
    """What was found of one aim; in a shadow of which nothing has come yet, at its beginning."""
    playing = [arm for arm in design.challengers if arm not in standing.removed]
    found = [each for each in made.evidence if each.aim is aim and each.arm in playing]
    known = {(each.arm, each.metric) for each in found}
    return found + [
        missing.nothing_yet(design, arm, metric, aim)
        for arm in playing
        for metric in design.metrics
        if metric.kind is MetricKind.BAD_EVENT and metric.guardrail and (arm, metric.name) not in known
    ]
