"""How long a rollout will take and when it would see what, in sentences. Pure."""

from __future__ import annotations

from math import isfinite

from registry.charts.numbers import duration, percent
from releases.rollout.designs.design import Design, Ends, Kind, StageKind
from releases.rollout.forecasting.ahead import Noticed, Outlook, Past, outlook
from releases.web.rollout import words

NOTHING_ASKED = (
    "There is no whole hour in the last week in which anything has asked this model: how long it takes cannot"
    " be foretold yet."
)


def told(design: Design, past: Past | None, stage: int = 0, spent_seconds: float = 0.0) -> list[str]:
    """From a stage on, which has lasted so long already; nothing of what goes out at once."""
    if design.kind is Kind.SINGLE or not design.baseline:
        return []
    if past is None:
        return [NOTHING_ASKED]
    seen = outlook(design, past, stage, spent_seconds)
    return [_lasts(design, seen), *(_noticed(design, each, past) for each in seen.noticed), _played_on(past)]


def _lasts(design: Design, seen: Outlook) -> str:
    """Of a version that is as good as the live one."""
    new = words.versions(design.challengers)
    first = next((each for each in seen.stages if each.asks or not isfinite(each.lasts)), None)
    if first is None:
        return f"If {new} is as good as the live one, all of it takes about {_about(seen.hours)}."
    stage, place = design.stages[first.place], f"stage {first.place + 1}"
    if not isfinite(first.lasts):
        return f"How long {place} lasts is not foretold; it begins after about {_about(first.begins)}."
    ends = {Ends.PERSON: "it waits for a person", Ends.WINNER: "what its metric brings decides when it ends"}
    why = ends.get(stage.ends, "there is too little traffic to show a version safe any sooner")
    if stage.kind is StageKind.BANDIT:
        why = "what its versions bring decides when it ends"
    return f"A person is asked after about {_about(first.begins + first.lasts)}, in {place}: {why}."


def _noticed(design: Design, each: Noticed, past: Past) -> str:
    twice = " (twice as many as now)" if each.bad == 2 * past.bad else ""
    worse = f"If {percent(each.bad)} of its units{twice} met an error"
    if each.place is None:
        return f"{worse}, that would not be sure to show."
    late = f", nine times in ten within {_about(each.late)}" if isfinite(each.late) else ""
    where = f"in stage {each.place + 1}"
    if design.stages[each.place].kind is StageKind.SHADOW:
        where = "in the shadow, before any client meets it"
    return f"{worse}, it would go back after about {_about(each.median)}{late}: {where}."


def _played_on(past: Past) -> str:
    days = duration(past.hours * 3600)
    bad = f"{percent(past.bad)} of them failed" if past.bad else "none of them failed"
    asked = "Each request is taken for a unit: fewer units take longer."
    return f"Played on what this model was asked in the last {days}; {bad}. {asked}"


def _about(hours: float) -> str:
    """To a minute, an hour or a day, as far as a forecast goes."""
    if hours < 1 / 60:
        return "a minute"
    step = 60.0 if hours < 2 else 3600.0 if hours < 48 else 86_400.0
    return duration(max(round(hours * 3600 / step), 1) * step)
