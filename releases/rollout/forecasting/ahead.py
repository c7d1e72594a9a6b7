"""How long a rollout takes, and when it would see a version that is worse: its own rules, played. Pure.

They are played on the traffic of its model's last days; chance has a fixed seed, so that the same rollout is
told the same. It is a typical way, no promise: a stage lasts its least time, or until its evidence is whole
where it waits for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf, isfinite

import numpy as np

from releases.rollout.designs.design import Design, Ends, Stage, StageKind
from releases.rollout.designs.metrics import ERRORS, Metric
from releases.rollout.evidence import forecast, paired, rates, split
from releases.rollout.evidence.forecast import Ahead, Rule, Step, Traffic
from releases.rollout.strategies import judging
from releases.rollout.strategies.base import Aim
from releases.statistics.arrays import Floats

RUNS = 60
"""Each is a play; of so many a median is some percent off, which is less than a next week differs."""
WITHIN_HOURS = 24.0 * 21
"""Three weeks, after which a rollout that has not moved proposes its end."""
WORSE = (0.01, 0.05, 0.25)
"""Shares of units that a version may be worse by: what is told of beside twice as bad."""
_HALF = 0.5
"""A pair has both answers: its coin is fair, whatever the shares are."""
_NEVER = 1e-6
"""A rate below it would need longer than any rollout lasts to show."""


@dataclass(frozen=True, slots=True)
class Past:
    """What the model met: units in each hour from now on, as the last days had them, and the bad share.

    per_hour   never empty; after its end its last 24 hours come again
    bad        share of them that met an error of the live version
    hours      so many hours are known
    """

    per_hour: tuple[float, ...]
    bad: float
    hours: int


@dataclass(frozen=True, slots=True)
class Lasting:
    """One stage: hours until it begins and how many it lasts; infinite where its end is not foretold.

    asks   its longest time is over before its evidence is complete: a person is asked
    """

    place: int
    begins: float
    lasts: float
    asks: bool


@dataclass(frozen=True, slots=True)
class Noticed:
    """A version of which `bad` of the units meet an error: when it is returned, in hours.

    place   the stage in which half of the plays had returned it; None: less than half did
    """

    bad: float
    place: int | None
    median: float
    late: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """stages    those that are left, as a version goes through them that is as good as the live one
    noticed   versions that are worse, and when that shows
    past      what it was played on
    """

    stages: tuple[Lasting, ...]
    noticed: tuple[Noticed, ...]
    past: Past

    @property
    def hours(self) -> float:
        """Until the last stage is over; infinite where that is not foretold."""
        return self.stages[-1].begins + self.stages[-1].lasts if self.stages else inf


@lru_cache(256)
def outlook(design: Design, past: Past, stage: int = 0, spent_seconds: float = 0.0) -> Outlook:
    """From a stage on, which has lasted so long already."""
    traffic = Traffic(np.array(past.per_hour))
    stages = _lasting(design, traffic, past.bad, stage, spent_seconds / 3600)
    known = [each for each in stages if isfinite(each.begins)]
    errors = next((metric for metric in design.metrics if metric.name == ERRORS), None)
    if errors is None or not design.baseline:
        return Outlook(stages, (), past)
    shares = sorted(
        {share for share in (2 * past.bad, *WORSE) if 2 * past.bad <= share < 1 and share > _NEVER}
    )
    noticed = [_noticed(design, errors, known, traffic, past.bad, bad) for bad in shares[:3]]
    return Outlook(stages, tuple(noticed), past)


# ---- a version that is as good


def _lasting(design: Design, traffic: Traffic, bad: float, first: int, spent: float) -> tuple[Lasting, ...]:
    found, begins = list[Lasting](), 0.0
    for place in range(first, len(design.stages)):
        stage = design.stages[place]
        gone = spent if place == first else 0.0
        needed = _until_shown(design, stage, place, traffic, bad, begins)
        lasts = max(stage.least_seconds / 3600 - gone, needed, 0.0)
        most = inf if stage.most_seconds is None else max(stage.most_seconds / 3600 - gone, 0.0)
        asks = needed > most
        found.append(Lasting(place, begins, min(lasts, most) if isfinite(most) and asks else lasts, asks))
        begins += found[-1].lasts
    return tuple(found)


def _until_shown(
    design: Design, stage: Stage, place: int, traffic: Traffic, bad: float, begins: float
) -> float:
    """Hours until the evidence is complete that the stage waits for; infinite where it waits for what nobody
    foretells: a person, a winner, what versions bring."""
    if stage.ends in (Ends.PERSON, Ends.WINNER) or stage.kind in (StageKind.TRIAL, StageKind.BANDIT):
        return inf
    following = design.stages[place + 1] if place + 1 < len(design.stages) else None
    gives_all = following is not None and sum(share for _, share in following.shares) >= 1
    if stage.ends is Ends.CLEAN and not (gives_all and stage.kind is StageKind.SPLIT):
        return 0.0
    share = stage.pair if stage.kind is StageKind.SHADOW else sum(part for _, part in stage.shares)
    guardrails = [each for each in design.metrics if each.guardrail and each.name == ERRORS]
    if not guardrails or not isfinite(begins):
        return inf
    clean = rates.clean_units(guardrails[0].negligible, design.alpha_promote / len(design.challengers))
    return max(
        _hours_of(traffic, clean / share, begins),
        _compared(design, stage, guardrails[0], traffic, bad, begins),
    )


def _compared(
    design: Design, stage: Stage, errors: Metric, traffic: Traffic, bad: float, begins: float
) -> float:
    """Where units are bad too often to count as hardly ever, both versions are compared by theirs."""
    if bad <= errors.negligible / 3:
        return 0.0
    shadow = stage.kind is StageKind.SHADOW
    share = _HALF if shadow else sum(part for _, part in stage.shares)
    if not 0 < share < 1:
        return inf

    def safe(new: Floats, old: Floats, shares: Floats) -> Floats:
        return split.log_safe(new, old, shares, errors.allowed)

    events = _later(traffic, begins) * bad * (2 * stage.pair if shadow else 1.0)
    bound = judging.safe_threshold(design)
    return _played(events, 1.0, [Step(0.0, share)], safe, bound, WITHIN_HOURS).median


def _hours_of(traffic: Traffic, units: float, begins: float) -> float:
    """Until so many have come, from then on."""
    coming = np.concatenate([[0.0], np.cumsum(_later(traffic, begins))])
    return float(np.interp(units, coming, np.arange(len(coming)), right=inf))


def _later(traffic: Traffic, begins: float) -> Floats:
    return traffic.until(begins + WITHIN_HOURS)[int(begins) :]


# ---- a version that is worse


def _noticed(
    design: Design, errors: Metric, stages: Sequence[Lasting], traffic: Traffic, bad: float, worse: float
) -> Noticed:
    """Unseen in a shadow, or by the units that meet it."""
    base = max(bad, _NEVER)
    for each in stages:
        stage = design.stages[each.place]
        if stage.kind is StageKind.SHADOW:
            bound = judging.worse_threshold(design, errors, Aim.WORSE_IN_PAIRS)
            events = _later(traffic, each.begins) * base * 2 * stage.pair
            lasts = each.lasts if isfinite(each.lasts) else WITHIN_HOURS
            told = _played(events, worse / base, [Step(0.0, _HALF)], _pairs, bound, max(lasts, 1 / 60))
            if told.decided >= _HALF:
                return Noticed(worse, each.place, each.begins + told.median, each.begins + told.late)
    splits = [each for each in stages if 0 < _share(design.stages[each.place]) < 1]
    if not splits:
        return Noticed(worse, None, inf, inf)
    begins, end = splits[0].begins, min(splits[-1].begins + splits[-1].lasts, WITHIN_HOURS)
    steps = [Step(each.begins - begins, _share(design.stages[each.place])) for each in splits]
    bound = judging.worse_threshold(design, errors, Aim.WORSE)
    told = _played(_later(traffic, begins) * base, worse / base, steps, split.log_worse, bound, end - begins)
    return Noticed(worse, _place(splits, begins + told.median), begins + told.median, begins + told.late)


def _share(stage: Stage) -> float:
    """Of the new versions, where units are shared out."""
    return sum(share for _, share in stage.shares) if stage.kind is StageKind.SPLIT else 0.0


def _place(stages: Iterable[Lasting], hours: float) -> int | None:
    begun = [each.place for each in stages if each.begins <= hours]
    return begun[-1] if begun and isfinite(hours) else None


def _pairs(new: Floats, old: Floats, shares: Floats) -> Floats:
    return paired.log_worse(new.sum(axis=-1), old.sum(axis=-1))


def _played(
    per_hour: Floats, ratio: float, steps: Sequence[Step], rule: Rule, bound: float, within: float
) -> Ahead:
    if within <= 0 or not per_hour.any():
        return Ahead(0.0, inf, inf, inf)
    rng = np.random.default_rng(1)
    chunks = forecast.FEW_CHUNKS
    return forecast.of_events(
        Traffic(per_hour), ratio, steps, rule, bound, within, rng, runs=RUNS, chunks=chunks
    )
