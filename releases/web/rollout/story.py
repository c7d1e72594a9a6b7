"""The verdict line of a rollout: where it stands, in one sentence, and what has to be known besides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from releases.rollout.overview import Overview
from releases.rollout.strategies.base import Verdict
from releases.web.rollout import words

if TYPE_CHECKING:
    from releases.models import Rollout


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision: what, why, who, when, and its event in the log."""

    number: int
    verdict: str
    reason: str
    by: str
    at: datetime
    seq: int


@dataclass(frozen=True, slots=True)
class Story:
    """The verdict line: where it stands, what the last look found, and what has to be known besides."""

    tone: str
    headline: str
    told: Sequence[tuple[str, str]] = ()


def story(row: Rollout, seen: Overview, decisions: Sequence[Decided], question: str = "") -> Story:
    """Where the rollout stands, in one sentence, and what has to be known besides."""
    told = [("caution", alert) for alert in seen.made.alerts]
    if row.closed_at is not None or not seen.going:
        return _over(row, seen, decisions, told)
    place = f"Stage {seen.standing.stage + 1} of {len(seen.design.stages)}: {words.stage_label(seen.stage)}"
    told = [("info", seen.made.reason), *told]
    if not row.has_begun and row.paused_at is None:
        return Story("info", f"It waits: version {seen.design.baseline} answers alone until it begins.", told)
    if row.paused_at is not None:
        by = row.paused_by.removeprefix("person/")
        held = "It goes on counting, and would go back by itself; nothing else moves until it is resumed."
        return Story("caution", f"Paused by {by}. {place}.", [("caution", held), *told])
    if question:
        return Story("caution", f"It asks: {question}", [("caution", "The answer is a person's."), *told])
    if row.switch.ended_at is None:
        return Story("info", f"{place}: on its way, {row.switch.phase}.", told)
    return Story("info", f"{place}.", told)


_ENDS = {
    Verdict.PROMOTE: ("positive", "Promoted: version {arm} has all traffic."),
    Verdict.ROLL_BACK: ("danger", "Rolled back: version {arm} answers, as before."),
    Verdict.END_TRIAL: ("neutral", "Ended without fault: version {arm} answers, as before."),
    Verdict.CLEAN: ("positive", "Clean: what is measured of version {arm} beside itself is sound."),
    Verdict.FAULT: ("danger", "A fault in the measurement: trust no comparison before it is mended."),
}


def _over(row: Rollout, seen: Overview, decisions: Sequence[Decided], told: list[tuple[str, str]]) -> Story:
    why = [("info", decisions[0].reason)] if decisions else [("info", row.reason)] if row.reason else []
    verdict = seen.standing.ended
    if row.watched_until is not None:
        return _watched(row, seen, decisions, told)
    if verdict not in _ENDS:
        return Story("neutral", "The rollout is over.", [*why, *told])
    tone, headline = _ENDS[verdict]
    return Story(tone, headline.format(arm=seen.standing.kept or seen.design.baseline), [*why, *told])


def _watched(
    row: Rollout, seen: Overview, decisions: Sequence[Decided], told: list[tuple[str, str]]
) -> Story:
    """All traffic has gone over at once, and is held against the day before for a day."""
    arm, before = seen.standing.kept, seen.design.baseline
    until = f"{row.watched_until:%Y-%m-%d at %H:%M} UTC"
    held = (
        f"Failures are held against the last day of version {before}, for nobody is left to compare with."
        " It goes back by itself where they are the version's own and clearly more."
    )
    if decisions:
        asks = words.ASKS[Verdict.ROLL_BACK].format(arm=arm)
        return Story("caution", f"It asks: {asks}", [("caution", decisions[0].reason), *told])
    return Story(
        "positive", f"Version {arm} has all traffic. It is watched until {until}.", [("info", held), *told]
    )
