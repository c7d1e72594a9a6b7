"""The versions of a rollout beside each other: shares, units, and what was bad with each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from registry.charts.numbers import DASH, figure, percent
from releases.rollout.overview import ArmNow, Bad, Overview
from releases.web.rollout import words

BY_ASKED = ", by what they have asked so far"
EVENLY = "; once what is asked decides, those that play evenly: others cannot be compared"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the versions beside each other: the same figure of each of them."""

    name: str
    cells: Sequence[str]
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Beside:
    """The versions as columns: the live one last. `differ`: some of their answers do."""

    heads: Sequence[str]
    rows: Sequence[Row]
    shares: Sequence[tuple[str, float]]
    differ: bool = False


def beside(seen: Overview) -> Beside:
    """Live shares, units, and what was bad with each version, with its rate."""
    arms = seen.arms
    looks = bool(seen.design.play.features)
    rows = [
        Row("Share now", [percent(arm.share) for arm in arms], f"of the units{BY_ASKED if looks else ''}"),
        Row("Units", [figure(arm.units) for arm in arms], f"each counted once{EVENLY if looks else ''}"),
    ]
    rows += [_bad_row(place, arms) for place in range(len(arms[0].bad))]
    rows += [_slow_row(place, arms) for place in range(len(arms[0].slow)) if _all_slow(place, arms)]
    if any(arm.paired for arm in arms):
        rows.append(Row("Asked of both", [_paired(arm, arm.paired) for arm in arms], "units, unseen"))
        told = [_paired(arm, arm.differing) for arm in arms]
        rows.append(Row("Answers differ", told, words.differing(seen.design)))
        rows += [_alone_row(place, arms) for place in range(len(arms[0].bad)) if _any_alone(place, arms)]
    shares = [(_head(arm), arm.share) for arm in arms]
    return Beside([_head(arm) for arm in arms], rows, shares, any(arm.differing for arm in arms))


def _head(arm: ArmNow) -> str:
    if arm.baseline:
        role = ", live" if arm.share else ", live before"
    else:
        role = ", taken out" if arm.removed else ""
    return f"Version {arm.name}{role}"


def _rated(units: int, of: int) -> str:
    return f"{figure(units)} ({percent(units / of)})" if of else DASH


def _bad_row(place: int, arms: Sequence[ArmNow]) -> Row:
    told = [arm.bad[place] for arm in arms]
    name = words.metric(told[0].metric).capitalize()
    return Row(name, [_rated(each.units, each.of) for each in told], "units that met any")


def _slow_row(place: int, arms: Sequence[ArmNow]) -> Row:
    told = [arm.slow[place] for arm in arms]
    least, most = min(each.ms for each in told), max(each.ms for each in told)
    slack = f", of the new version over {figure(most)} ms" if most > least else ""
    rated = [_rated(each.units, each.of) for each in told]
    return Row(f"Over {figure(least)} ms", rated, f"first requests{slack}")


def _all_slow(place: int, arms: Sequence[ArmNow]) -> bool:
    return all(len(arm.slow) > place for arm in arms)


def _paired(arm: ArmNow, units: int) -> str:
    return DASH if arm.baseline else figure(units) if units == arm.paired else _rated(units, arm.paired)


def _alone_row(place: int, arms: Sequence[ArmNow]) -> Row:
    name = words.metric(arms[0].bad[place].metric).capitalize()
    told = [DASH if arm.baseline else _alone(arm.bad[place]) for arm in arms]
    return Row(f"{name} of one alone", told, "on the same request: new, live")


def _any_alone(place: int, arms: Sequence[ArmNow]) -> bool:
    return any(arm.bad[place].only_new or arm.bad[place].only_old for arm in arms)


def _alone(bad: Bad) -> str:
    return f"{figure(bad.only_new)}, {figure(bad.only_old)}"
