"""The nodes page: every scoring node, what it serves and how fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from registry import selectors as registry_selectors
from registry.web.pages import page
from releases import figures, fleet, selectors

PAGE_SIZE = 20
WORST_FIRST = (
    "late",
    "given_up",
    "failed",
    "unreadable",
    "stale",
    "catching_up",
    "starting",
    "gone",
    "ready",
)


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a list; `next` and `previous` are places in it, or empty."""

    rows: list[fleet.Node]
    next: str
    previous: str


@page
def nodes(request: HttpRequest) -> HttpResponseBase:
    """The whole page, or for htmx the part that refreshes."""
    names = list(selectors.environments())
    chosen = request.GET.get("environment", "")
    shown = [each for each in names if chosen in ("", each.name)]
    visible = frozenset(registry_selectors.visible_models(request.user).values_list("name", flat=True))
    known = fleet.known(shown, visible)
    found = sorted(known.nodes, key=lambda node: (WORST_FIRST.index(node.state), node.name))
    shown_nodes = _cut(found, request.GET.get("cursor", ""))
    context = {
        "nodes": shown_nodes,
        "titles": registry_selectors.titles(model.name for node in shown_nodes.rows for model in node.models),
        "problem": known.problem,
        "total": len(found),
        "well": sum(node.state == "ready" for node in found),
        "rate": sum(node.rate for node in found),
        "figures": figures.together(node.observed for node in found),
        "environments": [each.name for each in names],
        "chosen": chosen,
        "here": request.get_full_path(),
    }
    template = "releases/_nodes.html" if request.htmx else "releases/nodes.html"  # type: ignore[attr-defined]
    return render(request, template, context)


def _cut(found: list[fleet.Node], cursor: str) -> Slice:
    start = int(cursor) if cursor.isdecimal() and len(cursor) < 7 else 0
    after = start + PAGE_SIZE
    return Slice(
        found[start:after],
        str(after) if after < len(found) else "",
        str(max(start - PAGE_SIZE, 0)) if start else "",
    )


@page
def traffic(request: HttpRequest, name: str) -> HttpResponseBase:
    """The last hour of a model, or of one `version` of it: the part of a page that refreshes."""
    model = registry_selectors.model(name, request.user)
    number = request.GET.get("version", "")
    version = int(number) if number.isdecimal() and len(number) < 9 else None
    return render(request, "releases/_traffic.html", {"model": model, **asked(model, version)})


def asked(model: Any, version: int | None = None) -> dict[str, Any]:
    """What `_traffic.html` shows: the arms that were asked, and a line for each environment."""
    arms = [arm for arm in figures.by_arm(model) if version in (None, arm.version)]
    environments = {arm.environment for arm in arms}
    lines = [
        (each.name, figures.of_model(model, each, version))
        for each in selectors.environments()
        if each.name in environments
    ]
    return {"arms": arms, "lines": lines, "beyond": _beyond(arms), "asked_version": version}


def _beyond(arms: list[figures.ArmFigures]) -> list[dict[str, Any]]:
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
