"""How a bandit plays, as a strategy's document says it: each option with its bounds, or a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil

from formats.features import MOST_CONTEXTS, MOST_TERMS, Feature, contexts, terms
from formats.plan import PARTS
from registry.catalogue import REWARD
from releases.rollout.designs.design import Ends, Goal, Kind, Play, Stage, StageKind
from releases.rollout.designs.metrics import Metric
from releases.rollout.documents.reading import Section
from releases.rollout.evidence.cohorts import Resolution

_MEMBERS = frozenset(
    {"reward", "floor", "baseline_floor", "cap", "even", "burn_in", "tick", "last_hours", "features"},
)
_FEATURE = frozenset({"name", "cuts", "values"})
LEAST_TICK_SECONDS, MOST_TICK_SECONDS = 2.0, 86_400.0
"""Nobody looks oftener, and of a day nobody would call it following."""
MOST_HOURS = 90 * 24
"""A quarter of cohorts by the hour are 2,000 rows for each look."""
MOST_EVEN = 0.5
"""Half of the units for learning alone; with more it is an A/B test."""
LOOKING_EVEN = 0.1
"""Of a bandit that looks at what is asked: whether a version errs more is known of these alone."""
LEAST_LOOKING = 0.02
"""Of units that play evenly: of fewer nobody would know within weeks whether a version errs more."""
MOST_TEXT = 100
"""Of a name by which requests are told apart."""
BESIDE = (
    "Where a bandit looks at what is asked, all units count and nobody else is asked the same: leave pair out"
    " of its stage."
)
ALIKE = "Where a bandit looks at what is asked, all versions begin alike: leave shares out."


def read(section: Section, kind: Kind, goal: Goal, arms: Sequence[str], metrics: Sequence[Metric]) -> Play:
    """What stands at `play`, with what it leaves out as `Play` has it. Raises BadInput naming the member."""
    if "play" in section and kind is not Kind.BANDIT:
        raise section.refuse("play", f"Only a bandit plays: leave play out of {kind}.")
    said = Section(section.get("play") or {}, f"{section.at}.play", _MEMBERS)
    usual, followed = Play(), _followed(said, metrics)
    made = Play(
        reward=followed.name,
        resolution=Resolution(followed.window_hours, followed.default, span_s=followed.span_s),
        last_hours=_whole(said, "last_hours", 1, MOST_HOURS) if "last_hours" in said else None,
        floor=said.number("floor", usual.floor, 0.0, 1.0),
        baseline_floor=said.number("baseline_floor", usual.baseline_floor, 0.0, 1.0),
        cap=said.number("cap", usual.cap, 0.0, 1.0),
        even=said.number("even", LOOKING_EVEN if "features" in said else usual.even, 0.0, MOST_EVEN),
        burn_in=_whole(said, "burn_in", 1, 1_000_000) if "burn_in" in said else usual.burn_in,
        tick_seconds=_tick(said, usual.tick_seconds),
        features=_features(said),
    )
    _check(said, made, goal, len(arms))
    return made


def looks(section: Section) -> bool:
    """Whether what is asked decides who answers."""
    said = section.get("play")
    return isinstance(said, Mapping) and bool(said.get("features"))


# --- features ---------------------------------------------------------------------------------------


def _features(said: Section) -> tuple[Feature, ...]:
    values = said.items("features")
    if "features" in said and not values:
        raise said.refuse("features", "Name what the bandit looks at, or leave features out.")
    found = tuple(
        _feature(Section(value, f"{said.at}.features[{place}]", _FEATURE))
        for place, value in enumerate(values)
    )
    if len({feature.name for feature in found}) < len(found):
        raise said.refuse("features", "Name each feature once.")
    if contexts(found) > MOST_CONTEXTS or terms(found) > MOST_TERMS:
        raise said.refuse(
            "features",
            f"These features make {contexts(found):,} contexts of {terms(found)} terms: at most"
            f" {MOST_CONTEXTS} of {MOST_TERMS}. Name fewer features, or make fewer steps of them.",
        )
    return found


def _feature(each: Section) -> Feature:
    name, cuts = each.get("name"), each.items("cuts")
    if not isinstance(name, str) or not 0 < len(name) <= MOST_TEXT:
        raise each.refuse("name", f"Write {each.at}.name: an input, or one of an input's features.")
    if any(isinstance(cut, bool) or not isinstance(cut, int | float) for cut in cuts):
        raise each.refuse("cuts", f"Write {each.at}.cuts as numbers, such as [30, 50].")
    try:
        return Feature(name, tuple(float(str(cut)) for cut in cuts), each.texts("values"))
    except ValueError as why:
        told = str(why)
        raise each.refuse("cuts" if cuts else "values", f"{told[:1].upper()}{told[1:]}.") from None


def staged(
    section: Section, kind: Kind, goal: Goal, challengers: Sequence[str], stages: tuple[Stage, ...]
) -> tuple[Stage, ...]:
    """The stages of a list, of which a bandit's last one, and no other, has shares that follow."""
    plays = [place for place, stage in enumerate(stages) if stage.kind is StageKind.BANDIT]
    if plays != ([len(stages) - 1] if kind is Kind.BANDIT else []):
        raise section.refuse(
            "stages", "The last stage of a bandit, and no other stage, is one of kind bandit."
        )
    if looks(section) and stages[-1].pair:
        raise section.refuse(f"stages[{len(stages) - 1}].pair", BESIDE)
    if looks(section) and stages[-1].shares:
        raise section.refuse(f"stages[{len(stages) - 1}].shares", ALIKE)
    return tuple(
        _playing(stage, goal, challengers) if stage.kind is StageKind.BANDIT else stage for stage in stages
    )


def _playing(stage: Stage, goal: Goal, challengers: Sequence[str]) -> Stage:
    """Equal shares to begin with, where none are given; its end follows from what is sought."""
    shares = stage.shares or tuple((arm, 1 / (len(challengers) + 1)) for arm in challengers)
    return replace(stage, shares=shares, ends=Ends.WINNER if goal is Goal.DECIDE else Ends.PERSON)


def _followed(said: Section, metrics: Sequence[Metric]) -> Metric:
    """The one that is named, else that called reward, else the first one that is no guardrail."""
    own = [metric for metric in metrics if not metric.guardrail]
    if "reward" not in said:
        return next((m for m in own if m.name == REWARD), own[0] if own else Metric(REWARD))
    found = next((metric for metric in own if metric.name == said.get("reward")), None)
    if found is None:
        known = ", ".join(metric.name for metric in own) or "none yet: name one in metrics, or in the policy"
        raise said.refuse("reward", f"A bandit follows a metric of units. There is {known}.")
    return found


def _whole(said: Section, name: str, low: int, high: int) -> int:
    value = said.number(name, low, low, high)
    if value != int(value):
        raise said.refuse(name, f"Write {said.at}.{name} as a whole number, not {value}.")
    return int(value)


def _tick(said: Section, usual: float) -> float:
    seconds = said.seconds("tick", usual) or 0.0
    if not LEAST_TICK_SECONDS <= seconds <= MOST_TICK_SECONDS:
        raise said.refuse("tick", f'{said.at}.tick is from "2s" to "1d".')
    return seconds


def _check(said: Section, made: Play, goal: Goal, arms: int) -> None:
    """What contradicts itself, or would go unread."""
    if why := misfit(made, arms):
        raise said.refuse(*why)
    if max(_parts(made.floor), _parts(made.baseline_floor)) > int(made.cap * PARTS):
        raise said.refuse("cap", "The cap is below a floor, in 64ths.")
    _check_goal(said, made, goal)


def misfit(play: Play, arms: int) -> tuple[str, str] | None:
    """Why so many versions cannot play so: the option that is in the way, and a sentence."""
    if _parts(play.floor) * (arms - 1) + _parts(play.baseline_floor) > PARTS:
        return "floor", f"The floors of {arms} versions come to more than 1, in 64ths."
    if int(play.cap * PARTS) * arms < PARTS:
        return "cap", f"{arms} versions of at most {play.cap:g} each leave units to nobody."
    return None


def _parts(floor: float) -> int:
    """64ths, as shares are: a floor above nothing is at least one."""
    return ceil(floor * PARTS)


def _check_goal(said: Section, made: Play, goal: Goal) -> None:
    if made.features and made.even < LEAST_LOOKING:
        raise said.refuse(
            "even",
            "Where a bandit looks at what is asked, only units that play evenly compare its versions:"
            f" write at least {LEAST_LOOKING:g}.",
        )
    if goal is Goal.DECIDE and made.features:
        raise said.refuse(
            "features",
            "Which version is the best for certain is told of all units together, and with features each"
            " context has a best one of its own: leave features out, or write goal: earn.",
        )
    if goal is Goal.DECIDE and "even" in said:
        raise said.refuse("even", "Where a winner is sought every version keeps playing: leave even out.")
    if goal is Goal.DECIDE and made.last_hours is not None:
        raise said.refuse(
            "last_hours", "What is certain rests on everything that was seen: leave last_hours out, or earn."
        )
    if goal is Goal.EARN and made.even and ("floor" in said or "baseline_floor" in said):
        raise said.refuse(
            "floor",
            "Units that play evenly keep every version playing: leave the floors out, or write even: 0.",
        )
