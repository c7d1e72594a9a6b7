"""Evidence as a bar: how far it is on its way to the threshold, on a scale on which ten times is one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log

from registry.charts.numbers import figure
from registry.charts.scales import Scale, Tick
from releases.rollout.overview import FOR, OF_ALL
from releases.rollout.strategies.base import Finding
from releases.web.rollout import words

ROOM = 1.06
"""Above the highest bar, so that its threshold is not at the edge."""
MOST_TICKS = 4
"""Powers of ten that are named, so that labels stay apart at 390 px."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One finding. `now`, `peak` and `threshold` are places in percent, `told` has all of it in words."""

    claim: str
    told: str
    tone: str
    reached: bool
    now: float
    peak: float
    threshold: float
    now_words: str
    peak_words: str
    threshold_words: str


@dataclass(frozen=True, slots=True)
class Group:
    """Bars on one scale, under one heading."""

    key: str
    title: str
    bars: Sequence[Bar]
    ticks: Sequence[Tick]


def group(key: str, title: str, found: Sequence[Finding], baseline: str) -> Group | None:
    """None where nothing was looked for."""
    if not found:
        return None
    top = max(max(each.threshold, min(each.peak, 2 * each.threshold)) for each in found) * ROOM
    scale = Scale(0.0, top)
    return Group(key, title, [_bar(each, scale, baseline) for each in found], _ticks(scale))


def _bar(found: Finding, scale: Scale, baseline: str) -> Bar:
    return Bar(
        claim=words.claim(found, baseline),
        told=words.compared(found),
        tone=_tone(found),
        reached=found.reached,
        now=scale.place(found.log_e),
        peak=scale.place(found.peak),
        threshold=scale.place(found.threshold),
        now_words=words.odds(found.log_e),
        peak_words=words.odds(found.peak),
        threshold_words=words.odds(found.threshold),
    )


def _tone(found: Finding) -> str:
    if not found.reached:
        return "info"
    if found.aim in FOR:
        return "positive"
    return "caution" if found.aim in OF_ALL or found.action != "roll_back" else "danger"


def _ticks(scale: Scale) -> list[Tick]:
    """1, 10, 100, ... to 1, as many as have room."""
    powers = int(scale.high / log(10))
    step = max(ceil(powers / MOST_TICKS), 1)
    return [
        Tick(scale.place(power * log(10)), f"{figure(10**power) if power < 7 else f'10^{power}'} to 1")
        for power in range(0, powers + 1, step)
    ]
