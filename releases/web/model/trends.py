"""The metric of a model over its versions, as its page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.charts.trend import Step, TrendChart, trend_chart
from registry.web.pages import PersonRequest
from releases.selectors import trend

if TYPE_CHECKING:
    from registry.models import RegisteredModel

UPTO = "upto"


@dataclass(frozen=True, slots=True)
class Shown:
    """The chart, its table newest first, and the addresses of its neighbours (empty: none)."""

    of: trend.Trend
    chart: TrendChart
    rows: list[trend.Measure]
    earlier: str
    later: str


def shown(request: PersonRequest, model: RegisteredModel) -> Shown | None:
    """Nothing where fewer than two versions have a metric: one is told in the list already."""
    number = request.GET.get(UPTO, "")
    upto = int(number) if number.isdecimal() and len(number) < 9 else None
    found = trend.of_model(model, upto)
    if len(found.measures) + found.others < 2 and upto is None:
        return None
    steps = [_step(measure) for measure in found.measures]
    return Shown(
        found,
        trend_chart(found.metric.replace("_", " "), steps),
        list(reversed(found.measures)),
        _address(request, found.earlier),
        _address(request, found.later),
    )


def _step(measure: trend.Measure) -> Step:
    live = f"live in {', '.join(measure.live_in)}" if measure.live_in else ""
    return Step(
        label=str(measure.version),
        value=measure.value,
        lower=measure.lower,
        upper=measure.upper,
        low=measure.low,
        high=measure.high,
        claimed=measure.claimed,
        failed=measure.failed,
        live=bool(live),
        note=live or measure.state.replace("_", " "),
    )


def _address(request: PersonRequest, upto: int | None) -> str:
    if upto is None:
        return ""
    query = request.GET.copy()
    query[UPTO] = str(upto)
    return f"?{query.urlencode()}#trend"
