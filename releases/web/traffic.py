"""The traffic of a model, or of one version of it: a part of pages that refreshes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.http import HttpResponseBase, QueryDict
from django.shortcuts import render

from registry import selectors as registry_selectors
from registry.web.pages import PersonRequest, page
from releases.traffic import figures, moments, series, spans
from releases.web import drawing

if TYPE_CHECKING:
    from registry.models import RegisteredModel


@dataclass(frozen=True, slots=True)
class Earlier:
    """When somebody asked last, and the shortest span that shows it, with its address."""

    at: datetime
    span: spans.Span | None
    address: str


@dataclass(frozen=True, slots=True)
class Beyond:
    """An input of a version that was asked beyond its limits, of so many requests."""

    version: int
    limits: figures.Beyond
    requests: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """The arms that were asked, and charts for each environment.

    version  the one that is shown alone, None for all
    spans    each that can be shown, with its address
    earlier  what was asked before the span, where nobody asked in it
    since    when the charts begin, where more versions answered than they add up
    """

    arms: Sequence[figures.ArmFigures]
    charts: Sequence[drawing.Charts]
    beyond: Sequence[Beyond]
    version: int | None
    span: spans.Span
    spans: Sequence[tuple[spans.Span, str]]
    earlier: Earlier | None
    since: datetime | None


@page
def traffic(request: PersonRequest, name: str) -> HttpResponseBase:
    """The part alone, of a model or of one `version` of it."""
    model = registry_selectors.model(name, request.user)
    number = request.GET.get("version", "")
    version = int(number) if number.isdecimal() and len(number) < 9 else None
    context = {"model": model, "traffic": shown(request, model, version)}
    return render(request, "releases/traffic/traffic.html", context)


def shown(request: PersonRequest, model: RegisteredModel, version: int | None = None) -> Traffic:
    """What clients asked in the span that the page's address names."""
    window = spans.until_now(spans.called(_query(request).get("span", "")))
    seen = series.of_model(model, window, version)
    happened = moments.since(model, window.started) if seen.lines else []
    budgets = drawing.budgets(model.policy or {})
    return Traffic(
        arms=seen.arms,
        charts=[
            drawing.of_model(name, str(place), line, happened, budgets)
            for place, (name, line) in enumerate(seen.lines.items())
        ],
        beyond=_beyond(seen.arms),
        version=version,
        span=window.span,
        spans=[(each, _address(request, each)) for each in spans.SPANS.values()],
        earlier=None if seen.arms else _earlier(request, model, version, window),
        since=seen.since,
    )


def _query(request: PersonRequest) -> QueryDict:
    """The query of the page's address: a part that refreshes stands on the page that asked for it."""
    on = request.htmx.current_url if getattr(request, "htmx", None) else None
    return QueryDict(on.partition("#")[0].partition("?")[2]) if on else request.GET


def _address(request: PersonRequest, span: spans.Span) -> str:
    """The same page with that span."""
    query = _query(request).copy()
    query["span"] = span.name
    return f"?{query.urlencode()}#traffic"


def _earlier(
    request: PersonRequest, model: RegisteredModel, version: int | None, window: spans.Window
) -> Earlier | None:
    last = series.last_asked(model, version)
    if last is None:
        return None
    span = spans.reaching(last, window.now)
    return Earlier(last, span, _address(request, span) if span else "")


def _beyond(arms: list[figures.ArmFigures]) -> list[Beyond]:
    """A line for each input of each version that was asked beyond its limits, over all arms of clients."""
    versions: dict[int, figures.Figures] = {}
    for arm in arms:
        if arm.arm not in figures.NOT_CLIENTS:
            versions.setdefault(arm.version, figures.Figures()).add(arm.figures)
    return [
        Beyond(version, found, summed.requests)
        for version, summed in versions.items()
        for found in summed.beyond_limits
    ]
