"""The traffic of a model, or of one version of it: a part of pages that refreshes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponseBase, QueryDict
from django.shortcuts import render

from registry import selectors as registry_selectors
from registry.web.pages import PersonRequest, page
from releases.traffic import figures, moments, series, spans
from releases.web import drawing

if TYPE_CHECKING:
    from registry.models import RegisteredModel


@page
def traffic(request: PersonRequest, name: str) -> HttpResponseBase:
    """The part alone, of a model or of one `version` of it."""
    model = registry_selectors.model(name, request.user)
    number = request.GET.get("version", "")
    version = int(number) if number.isdecimal() and len(number) < 9 else None
    return render(
        request, "releases/traffic/traffic.html", {"model": model, **shown(request, model, version)}
    )


def shown(request: PersonRequest, model: RegisteredModel, version: int | None = None) -> dict[str, Any]:
    """What `_traffic.html` shows: the arms that were asked, and charts for each environment."""
    window = spans.until_now(spans.called(_query(request).get("span", "")))
    seen = series.of_model(model, window, version)
    happened = moments.since(model, window.started) if seen.lines else []
    budgets = drawing.budgets(model.policy or {})
    return {
        "arms": seen.arms,
        "charts": [
            drawing.of_model(name, str(place), line, happened, budgets)
            for place, (name, line) in enumerate(seen.lines.items())
        ],
        "beyond": _beyond(seen.arms),
        "asked_version": version,
        "span": window.span,
        "spans": [(each, _address(request, each)) for each in spans.SPANS.values()],
        "earlier": None if seen.arms else _earlier(request, model, version, window),
        "counted_since": seen.since,
    }


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
) -> dict[str, object] | None:
    """When somebody last asked, and the shortest span that shows it."""
    last = series.last_asked(model, version)
    span = spans.reaching(last, window.now) if last else None
    return {"at": last, "span": span, "address": _address(request, span) if span else ""} if last else None


def _beyond(arms: list[figures.ArmFigures]) -> list[dict[str, object]]:
    """A line for each input of each version that was asked beyond its limits, over all arms of clients."""
    versions: dict[int, figures.Figures] = {}
    for arm in arms:
        if arm.arm not in figures.NOT_CLIENTS:
            versions.setdefault(arm.version, figures.Figures()).add(arm.figures)
    return [
        {"version": version, "limits": found, "requests": summed.requests}
        for version, summed in versions.items()
        for found in summed.beyond_limits
    ]
