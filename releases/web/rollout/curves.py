"""How evidence came to where it is: a small drawing for each metric of each version, and a table of all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log
from typing import TYPE_CHECKING

from registry.charts.curves import Curve, CurveChart, Known, Span, curve_chart
from registry.charts.lines import Mark
from registry.charts.numbers import figure
from registry.charts.scales import Axis, Scale, Tick
from releases.rollout.designs.design import Design
from releases.rollout.strategies.base import Aim, Verdict, parts
from releases.web.rollout import words
from releases.web.rollout.over_time import Table, table

if TYPE_CHECKING:
    from releases.models import Decision, EvidencePoint, Stage

ROOM = 1.08
"""Above the highest point, for the threshold's label."""
POWERS_APART = 4
"""Powers of ten that are named, so that labels stay apart."""
LEAST = log(1.05)
"""What never came so far speaks for nothing, and would be a line on the ground."""
LINES = {
    Aim.WORSE: ("worse", 2),
    Aim.WORSE_IN_PAIRS: ("worse in pairs", 4),
    Aim.ONSET: ("worse of late", 0),
    Aim.OBSERVED: ("worse than before", 0),
    Aim.SAFE: ("safe", 3),
    Aim.SAFE_IN_PAIRS: ("safe in pairs", 1),
    Aim.BETTER: ("better", 1),
    Aim.BEST: ("the best", 4),
    Aim.OVER_LIMIT: ("over the limit", 2),
    Aim.UNBALANCED: ("out of balance", 2),
}
"""Words and colour of each aim; no drawing has two of one colour."""
SHORT = {
    Verdict.PROMOTE: "promoted",
    Verdict.ROLL_BACK: "back",
    Verdict.END_TRIAL: "ended",
    Verdict.PROPOSE: "asks",
    Verdict.CLEAN: "clean",
    Verdict.FAULT: "a fault",
}


@dataclass(frozen=True, slots=True)
class Curves:
    """All drawings of one rollout, and the same numbers as a table."""

    charts: Sequence[tuple[str, CurveChart]]
    table: Table


Track = tuple[Aim, str, str]
"""What a finding is about: aim, metric and arm."""


def over(points: Sequence[EvidencePoint], now: datetime) -> Span:
    """From the first look to this moment, or to the end."""
    return Span(points[0].at, max(now, points[-1].at))


def curves(
    design: Design, points: Sequence[EvidencePoint], span: Span, marks: Sequence[Mark]
) -> Curves | None:
    """None where no look has found anything yet."""
    tracks = [track for track in _tracks(points) if _speaks(track, points)]
    if not tracks:
        return None
    charts = [
        (f"{metric}-{arm or 'all'}", _chart(design, points, span, marks, metric, arm, tracks))
        for metric, arm in dict.fromkeys((metric, arm) for _, metric, arm in tracks)
    ]
    several = len(design.challengers) > 1
    columns = [(_head(track, several), _told(track, points)) for track in tracks]
    return Curves(charts, table("evidence", "Evidence over time", columns, span, marks))


def _told(track: Track, points: Iterable[EvidencePoint]) -> dict[datetime, str]:
    key = _key(track)
    return {point.at: words.odds(point.evidence[key][0]) for point in points if key in point.evidence}


def _tracks(points: Iterable[EvidencePoint]) -> list[Track]:
    """Of every finding there was, in the order of the newest look: arm by arm, metric by metric."""
    keys = dict.fromkeys(key for point in reversed(list(points)) for key in point.evidence)
    found = [(Aim(aim), metric, arm) for aim, metric, arm in (parts(key) for key in keys)]
    places = {
        pair: place for place, pair in enumerate(dict.fromkeys((arm, metric) for _, metric, arm in found))
    }
    return sorted(
        found, key=lambda each: (each[2] == "", places[each[2], each[1]], list(LINES).index(each[0]))
    )


def _key(track: Track) -> str:
    return "/".join(track)


def _speaks(track: Track, points: Iterable[EvidencePoint]) -> bool:
    return any(point.evidence.get(_key(track), (0.0,))[0] >= LEAST for point in points)


def _head(track: Track, several: bool) -> str:
    aim, metric, arm = track
    of = f", version {arm}" if several and arm else ""
    return f"{words.metric(metric).capitalize()}{of}: {LINES[aim][0]}"


def _chart(
    design: Design,
    points: Sequence[EvidencePoint],
    span: Span,
    marks: Sequence[Mark],
    metric: str,
    arm: str,
    tracks: Iterable[Track],
) -> CurveChart:
    mine = [_curve(track, points) for track in tracks if track[1:] == (metric, arm)]
    of = f", version {arm}" if arm and len(design.challengers) > 1 else "" if arm else ", all versions"
    ahead = max(mine, key=lambda curve: curve.known[-1].value - (curve.limit or 0.0))
    return curve_chart(
        f"{words.metric(metric).capitalize()}{of}",
        mine,
        _axis(mine),
        span,
        words=lambda known: words.odds(known.value),
        told=f"{ahead.label} {words.odds(ahead.known[-1].value)}",
        marks=marks,
    )


def _curve(track: Track, points: Iterable[EvidencePoint]) -> Curve:
    label, series = LINES[track[0]]
    known = [(point.at, *point.evidence[_key(track)]) for point in points if _key(track) in point.evidence]
    limit = known[-1][2]
    now, top = known[-1][1], max(value for _, value, _ in known)
    highest = f", {words.odds(top)} at its highest" if top > now + LEAST else ""
    note = f"{words.odds(now)}{highest}; enough at {words.odds(limit)}"
    return Curve(label, series, [Known(at, max(value, 0.0)) for at, value, _ in known], limit, note)


def _axis(mine: Sequence[Curve]) -> Axis:
    """Ten times is one step; nothing far above the highest threshold is told apart."""
    limit = max(curve.limit or 0.0 for curve in mine)
    top = max(limit, *(min(each.value, 2 * limit) for curve in mine for each in curve.known)) * ROOM
    scale = Scale(0.0, top)
    powers = int(top / log(10))
    every = max(-(-powers // POWERS_APART), 1)
    ticks = [
        Tick(round(100 - scale.place(power * log(10)), 3), figure(10**power) if power < 5 else f"1e{power}")
        for power in range(0, powers + 1, every)
    ]
    return Axis(scale, tuple(ticks))


def marks(design: Design, stages: Iterable[Stage], decisions: Iterable[Decision]) -> list[Mark]:
    """When stages began, and what was decided but for that."""
    found = [
        Mark(
            row.begun_at,
            words.stage_label(design.stages[row.place]),
            f"stage {row.place + 1} begins: {words.stage_label(design.stages[row.place])}",
        )
        for row in stages
        if row.begun_at
    ]
    for decision in decisions:
        if (verdict := Verdict(decision.verdict)) in SHORT:
            bad = verdict in (Verdict.ROLL_BACK, Verdict.FAULT)
            found.append(Mark(decision.at, SHORT[verdict], f"{SHORT[verdict]}: {decision.reason}", bad))
    return sorted(found, key=lambda mark: mark.at)
