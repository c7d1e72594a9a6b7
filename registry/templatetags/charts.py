"""Charts, drawn on the server: geometry by `registry.charts`, SVG in templates/components/charts.

A table with the same numbers stands beside each drawing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.template.defaultfilters import capfirst
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from registry.charts.curves import CurveChart
from registry.charts.lines import Hit, LineChart
from registry.charts.numbers import figure, percent
from registry.charts.scales import Scale, anchor, around
from registry.charts.trend import TrendChart

register = template.Library()

Geometry = dict[str, object]


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
    domain = around(known)
    ends, box = _reach(domain, low, high), _reach(domain, range_low, range_high)
    x = domain.place(estimate)
    marks = [(v, domain.place(v)) for v in (range_low, range_high) if v is not None]
    return {
        "label": label,
        "told": _told_interval(f"{label} {figure(estimate)}", low, range_low, range_high),
        "x": x,
        "x_anchor": anchor(x),
        "from": ends[0],
        "to": ends[1],
        "box_x": box[0],
        "box_width": round(box[1] - box[0], 3),
        "has_range": bool(marks),
        "marks": [{"value": v, "x": at, "anchor": anchor(at)} for v, at in marks],
        "other": None if other is None else {"value": other, "x": domain.place(other)},
        "good": good,
        "values": {"estimate": estimate, "low": low, "high": high, "range": (range_low, range_high)},
    }


def _told_interval(
    estimate: str, low: float | None, range_low: float | None, range_high: float | None
) -> str:
    """The drawing for those who do not see it."""
    bound = "" if low is None else f", bound {figure(low)}"
    if range_low is None and range_high is None:
        return estimate + bound
    return f"{estimate}{bound}, acceptable from {figure(range_low)} to {figure(range_high)}"


def _reach(domain: Scale, low: float | None, high: float | None) -> tuple[float, float]:
    """From where to where, to the ends of the drawing where it is open."""
    return domain.place(domain.low if low is None else low), domain.place(
        domain.high if high is None else high
    )


@register.inclusion_tag("components/charts/interval.html")
def quality_bar(quality: Any, claimed: float | None) -> Geometry:
    """A measured metric against its acceptable range, beside what training claimed."""
    ends = quality.lower, quality.upper, quality.low, quality.high
    return interval_bar(quality.value, *ends, label=quality.metric, other=claimed)


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
    domain = Scale(0.0, top * 1.02)
    drawn = []
    for index, (percentile, value, other, limit) in enumerate(rows):
        drawn.append(
            {
                "name": percentile,
                "value": value,
                "width": domain.place(value),
                "other": other,
                "other_width": None if other is None else domain.place(other),
                "limit": limit,
                "limit_x": None if limit is None else domain.place(limit),
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


def _percentiles(found: Mapping[str, object]) -> dict[str, float]:
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
    told = ", ".join(f"{name} {percent(part / total)}" for name, part in shares)
    return {"parts": parts, "label": label, "told": f"{label}: {told}"}


HIT = (
    '<g class="hit"><rect x="{0}%" y="0" width="{1}%" height="100%"><title>{2}</title></rect>'
    '<line x1="{3}%" x2="{3}%" y1="0" y2="100%"/>{4}</g>'
)


@register.inclusion_tag("components/charts/line.html")
def line_plot(chart: LineChart, *key: object) -> Geometry:
    """A line over time; `key` tells it from the others on its page."""
    name = "-".join(map(str, key))
    return {"chart": chart, "key": name, "name": chart.label, "heading": chart.label, "along": chart.times}


@register.inclusion_tag("components/charts/curves.html")
def curve_plot(chart: CurveChart, key: str) -> Geometry:
    """Values over time that each stand until the next is known; `key` as above."""
    return {"chart": chart, "key": key, "name": chart.label, "heading": chart.label, "along": chart.times}


@register.filter
def hits(found: Sequence[Hit]) -> SafeString:
    """The parts of a drawing that tell their value, in one piece: there are hundreds on a page."""
    return format_html_join("", HIT, ((hit.x, hit.width, hit.words, hit.middle, _dot(hit)) for hit in found))


def _dot(hit: Hit) -> SafeString:
    if hit.y is None:
        return SafeString("")
    return format_html('<circle cx="{}%" cy="{}%" r="4"/>', hit.middle, hit.y)


@register.inclusion_tag("components/charts/trend.html")
def trend_plot(chart: TrendChart) -> Geometry:
    """A metric over versions."""
    told = {"name": f"{chart.label} by version", "heading": capfirst(chart.label), "along": chart.names}
    return {"chart": chart, "key": "trend", "kind": "trend", **told}
