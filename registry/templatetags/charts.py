"""Small charts, drawn on the server: geometry by pure functions, SVG in templates/components/charts.

Horizontal places are percentages of the drawing's width, so that a chart is as wide as its column
while its words keep their size. Each template puts a table with the same numbers beside the drawing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import template

register = template.Library()

Geometry = dict[str, Any]


def scale(values: Sequence[float], room: float = 0.12) -> tuple[float, float]:
    """A domain that holds all values with some room on both sides; never of width zero."""
    low, high = min(values), max(values)
    width = (high - low) or abs(high) or 1.0
    return low - room * width, high + room * width


def place(value: float, domain: tuple[float, float]) -> float:
    """Where a value lies in the domain, in percent of its width, kept inside."""
    low, high = domain
    return round(min(max((value - low) / (high - low), 0.0), 1.0) * 100, 3)


def anchor(x: float) -> str:
    """How a word at `x` percent is set, so that it stays inside the drawing."""
    return "start" if x < 12 else "end" if x > 88 else "middle"


@register.inclusion_tag("components/charts/interval.html")
def interval_bar(
    estimate: float,
    low: float | None,
    high: float | None,
    range_low: float | None = None,
    range_high: float | None = None,
    label: str = "estimate",
    other: float | None = None,
    good: bool = True,
) -> Geometry:
    """A point estimate and its interval against a range of acceptable values.

    low, high              ends of the interval; None where it is open to that side.
    range_low, range_high  the acceptable values; None where open.
    other                  a second point to compare with (the live version, the claim).
    good                   whether the gate took it; the drawing judges nothing by itself.
    """
    estimate = plain(estimate) or 0.0
    low, high, range_low, range_high = (plain(v) for v in (low, high, range_low, range_high))
    known = [v for v in (estimate, low, high, range_low, range_high, other) if v is not None]
    domain = scale(known)
    ends = [place(domain[i] if v is None else v, domain) for i, v in enumerate((low, high))]
    box = [place(domain[i] if v is None else v, domain) for i, v in enumerate((range_low, range_high))]
    x = place(estimate, domain)
    marks = [(v, place(v, domain)) for v in (range_low, range_high) if v is not None]
    return {
        "label": label,
        "x": x,
        "x_anchor": anchor(x),
        "from": ends[0],
        "to": ends[1],
        "box_x": box[0],
        "box_width": round(box[1] - box[0], 3),
        "has_range": bool(marks),
        "marks": [{"value": v, "x": at, "anchor": anchor(at)} for v, at in marks],
        "other": None if other is None else {"value": other, "x": place(other, domain)},
        "good": good,
        "values": {"estimate": estimate, "low": low, "high": high, "range": (range_low, range_high)},
    }


PERCENTILES = ("p50", "p90", "p99")


@register.inclusion_tag("components/charts/latency.html")
def latency_bars(
    ours: Mapping[str, float],
    live: Mapping[str, float] | None = None,
    limits: Mapping[str, float] | None = None,
    name: str = "this version",
    other_name: str = "live version",
) -> Geometry:
    """p50, p90 and p99 in milliseconds on one scale, beside another version's and against the limits."""
    rows = [
        (p, ours[p], (live or {}).get(p), (limits or {}).get(p))
        for p in PERCENTILES
        if ours.get(p) is not None
    ]
    top = max([v for row in rows for v in row[1:] if v is not None], default=1.0) or 1.0
    domain = (0.0, top * 1.02)
    drawn = []
    for index, (percentile, value, other, limit) in enumerate(rows):
        drawn.append(
            {
                "name": percentile,
                "value": value,
                "width": place(value, domain),
                "other": other,
                "other_width": None if other is None else place(other, domain),
                "limit": limit,
                "limit_x": None if limit is None else place(limit, domain),
                "over": limit is not None and value > limit,
                "y": index * 44,
            }
        )
    return {
        "rows": drawn,
        "name": name,
        "other_name": other_name,
        "height": len(drawn) * 44,
        "in_turn": True,
        "compares": any(r["other"] is not None for r in drawn),
        "limited": any(r["limit"] is not None for r in drawn),
    }


@register.inclusion_tag("components/charts/latency.html")
def benchmark_bars(evidence: Mapping[str, Any], live: Mapping[str, float] | None = None) -> Geometry:
    """The benchmark gate's percentiles against the limits it was held to, beside the live version's.

    Where the live version was measured in turn, those figures are shown; else `live`, its own proof's.
    """
    limits = evidence.get("limits") or {}
    beside = _percentiles(evidence.get("champion") or {})
    drawn = latency_bars(_percentiles(evidence), beside or live, _percentiles(limits))
    return drawn | {"in_turn": bool(beside)}


def _percentiles(found: Mapping[str, Any]) -> dict[str, float]:
    return {p: v for p in PERCENTILES if (v := plain(found.get(f"{p}_ms"))) is not None}


@register.inclusion_tag("components/charts/interval.html")
def difference_bar(comparison: Mapping[str, Any]) -> Geometry:
    """A paired difference with its bounds; what lies above minus the margin is not worse."""
    margin = plain(comparison.get("margin")) or 0.0
    good = comparison.get("decision") != "worse"
    ends = comparison.get("lower"), comparison.get("upper")
    return interval_bar(comparison.get("difference", 0.0), *ends, -margin, None, "difference", 0.0, good)


def plain(value: object) -> float | None:
    """A figure that stands alone, or the value of one that comes with its interval."""
    inner = value.get("value") if isinstance(value, Mapping) else value
    return float(inner) if isinstance(inner, int | float) and not isinstance(inner, bool) else None


@register.inclusion_tag("components/charts/sparkline.html")
def sparkline(values: Sequence[float | None], label: str) -> Geometry:
    """A line of at least two values in a box of 100 by 30; missing ones are skipped."""
    known = [(i, v) for i, v in enumerate(values) if v is not None]
    if len(known) < 2:
        return {"points": "", "label": label, "values": [v for _, v in known]}
    domain = scale([v for _, v in known])
    last = len(values) - 1
    points = " ".join(f"{i / last * 96 + 2:.2f},{28 - place(v, domain) * 0.26:.2f}" for i, v in known)
    return {"points": points, "label": label, "values": [v for _, v in known]}


@register.inclusion_tag("components/charts/shares.html")
def share_bar(shares: Sequence[tuple[str, float]], label: str = "share of requests") -> Geometry:
    """Who gets which part of the whole; names with parts that add up to about 1."""
    total = sum(part for _, part in shares) or 1.0
    parts, x = [], 0.0
    for index, (name, part) in enumerate(shares):
        width = part / total * 100
        parts.append(
            {
                "name": name,
                "share": part / total,
                "x": round(x, 3),
                "width": round(width, 3),
                "series": index % 4 + 1,
            }
        )
        x += width
    return {"parts": parts, "label": label}


@register.inclusion_tag("components/charts/minutes.html")
def minutes(values: Sequence[float | None], label: str, unit: str, series: int = 1) -> Geometry:
    """Values of consecutive minutes up to now, from zero up, in a box of 100 by 40; None leaves a gap."""
    known = [value for value in values if value is not None]
    top = max(known, default=None)
    height, last = (top or 1.0) * 1.08, max(len(values) - 1, 1)
    dots = [None if v is None else (round(i / last * 100, 2), round(39 - v / height * 38, 2))
            for i, v in enumerate(values)]  # fmt: skip
    runs: list[list[tuple[float, float]]] = [[]]
    for dot in dots:
        if dot is not None:
            runs[-1].append(dot)
        elif runs[-1]:
            runs.append([])
    drawn = [run if len(run) > 1 else [run[0], (run[0][0] + 0.8, run[0][1])] for run in runs if run]
    whole = drawn[0] if len(drawn) == 1 and len(known) == len(values) else []
    tens = [values[start : start + 10] for start in range(0, len(values), 10)]
    return {
        "label": label,
        "unit": unit,
        "series": series,
        "top": top,
        "lines": [" ".join(f"{x},{y}" for x, y in run) for run in drawn],
        "area": " ".join(f"{x},{y}" for x, y in [*whole, (100, 39), (0, 39)]) if whole else "",
        "tens": [
            (len(values) - 10 * place, max((v for v in ten if v is not None), default=None))
            for place, ten in enumerate(tens)
        ],
    }
