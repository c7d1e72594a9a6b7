"""A version beside itself: whatever is found to differ is a fault of the measurement, and nothing else.

The same salt, units, counters and tests as those of an A/B test, for a time that was said. It ends by itself
with a verdict. It promotes nobody and takes nobody back: both arms are one version.
"""

from __future__ import annotations

from collections.abc import Iterator

from releases.rollout.counts import Counts
from releases.rollout.designs.design import Asked, Design, Ends, Stage, StageKind
from releases.rollout.effects import effects, is_better
from releases.rollout.evidence import diagnosis
from releases.rollout.strategies import rules, steps
from releases.rollout.strategies.base import Aim, Decision, Finding, Standing, Verdict

DAY = 24 * 3600.0
"""Unless somebody says otherwise: people differ by the hour, and each hour of a day is in it."""
LEAST_UNITS = 100
"""Of each arm: of fewer not even halves would be told from thirds."""
PATIENCE_SECONDS = 3600.0
"""So long a node that is silent is waited for: what it counted is unknown, and then it is said to be."""
ALPHA = 0.01
"""Of all intervals together: so often one leaves nought out by chance, however long it is watched."""
_FOUND = frozenset({Aim.WORSE, Aim.WORSE_IN_PAIRS, Aim.ONSET, Aim.BETTER})


def preset(asked: Asked) -> tuple[Stage, ...]:
    """Halves, both asked the same unseen."""
    return (stage(asked.challengers[0], asked.pair, DAY),)


def stage(arm: str, pair: float, seconds: float) -> Stage:
    return Stage(StageKind.SPLIT, ((arm, 0.5),), pair, seconds, None, Ends.CLEAN)


def decide(design: Design, counts: Counts, standing: Standing, now: float) -> Decision:
    return steps.decide(RULES, design, counts, standing, now)


def faults(look: steps.Look) -> Iterator[str]:
    """What differs where nothing can, each in a sentence, the likeliest reason of the others first."""
    if look.reached({Aim.UNBALANCED}):
        causes = diagnosis.causes(look.counts, look.design.arms)
        why = causes[0].sentence if causes else "Nothing that was counted explains it."
        yield f"Units are not shared out as declared. {why}"
    if look.counts.crossed:
        yield f"{look.counts.crossed:,} units were answered by both under the same weights."
    yield from _answered_otherwise(look)
    for found in look.reached(_FOUND):
        yield _differ(found)
    for effect in effects(look.design, look.counts):
        if is_better(look.design, effect) is not None:
            yield f"The interval of {_named(effect.metric.name)} leaves no difference out."


def _answered_otherwise(look: steps.Look) -> Iterator[str]:
    told = list(look.counts.pairs.values())
    differing, asked = sum(each.differing for each in told), sum(each.units for each in told)
    if differing:
        yield (
            f"Of {asked:,} units {differing:,} had the same request answered otherwise the second time: the"
            " model does not answer the same twice, or has looser answers than its tolerance says."
        )


def _differ(found: Finding) -> str:
    way = "better" if found.aim is Aim.BETTER else "worse"
    return f"One of the two equals is {way} in {_named(found.metric)}: {rules.odds(found)}."


def _named(metric: str) -> str:
    return metric.replace("_", " ")


def _waiting(look: steps.Look) -> Decision | None:
    """What a silent node counted may yet come."""
    over = look.now - look.standing.since - look.stage.least_seconds
    return rules.unknown(look) if over < PATIENCE_SECONDS else None


def _found(look: steps.Look) -> Decision | None:
    (arm,) = look.design.challengers
    if found := list(faults(look)):
        return steps.end(look, Verdict.FAULT, f"A fault of the measurement. {' '.join(found)}", arm)
    tallies = [
        [tally for (_, of), tally in look.counts.arms.items() if of == each] for each in look.design.arms
    ]
    units = [sum(tally.units for tally in each) for each in tallies]
    if min(units) < LEAST_UNITS:
        few = f"{units[0]:,} and {units[1]:,} units came: at least {LEAST_UNITS} of each are needed"
        return steps.end(look, Verdict.END_TRIAL, f"Nothing can be told. {few}.", arm)
    if silent := look.counts.silent():
        lost = f"Not all counters have arrived: {', '.join(silent)}."
        return steps.end(look, Verdict.END_TRIAL, f"Nothing can be told. {lost}", arm)
    came = f"Of {units[0]:,} and {units[1]:,} units nothing differs that must not"
    return steps.end(look, Verdict.CLEAN, f"The measurement is clean. {came}.", arm)


RULES = (rules.ended, rules.dwelling, _waiting, _found)
